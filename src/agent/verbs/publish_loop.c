#include <time.h>
#include "agent/verbs/handler_verbs.h"

int verb_publish(struct invocation *in)
{
    const struct timespec pause = { .tv_sec = in->every_seconds };
    struct err err = ERR_INIT;
    bool fine;

    if (!verb_may_install(in, "publish"))
        return VERB_EXIT_MISSING;
    do {
        fine = verb_publish_now(in, &err);
        if (!fine)
            verb_refused("publish", VERB_EXIT_ERROR, &err);
    } while (in->every_seconds && nanosleep(&pause, NULL) == 0);
    return fine ? VERB_EXIT_OK : VERB_EXIT_ERROR;
}
