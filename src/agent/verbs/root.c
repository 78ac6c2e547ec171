/* The verbs of root's two helpers next to the daemon: collect-logs and publish (guest-agent.md 11.3). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agent/handler/publish.h"
#include "agent/machine/collect.h"
#include "agent/machine/log_place.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"

int verb_collect_logs(struct invocation *in)
{
    const char *tcti = in->config.tcti ? in->config.tcti : getenv("TCTI");
    const struct collect_sources sources = { .firmware_log =
                                                 in->config.firmware_log ? in->config.firmware_log : log_place_of_tpm(&in->arena, tcti),
                                             .ima_log = in->config.ima_log,
                                             .with_ima = in->config.ima,
                                             .kernel_root = in->config.kernel_root,
                                             .host_item = in->places.fw_cfg,
                                             .with_kernel = in->config.kernel };
    struct err err = ERR_INIT;
    uid_t uid;
    gid_t gid;

    places_user(verb_user(in), &uid, &gid);
    if (!collect_logs(&in->places_of, &sources, uid, gid, clock_now_ms(), &err))
        return verb_refused("collect-logs", VERB_EXIT_ERROR, &err);
    return VERB_EXIT_OK;
}

static bool publish_now(struct invocation *in, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct handler_record record;

    if (!record_read(&a, in->places_of.handler_record, &record, err))
        return err->code == ERR_NOT_FOUND; /* no handler: nobody to publish for */
    return publish_once(&in->places_of, &record, clock_now_ms(), err);
}

int verb_publish(struct invocation *in)
{
    const struct timespec pause = { .tv_sec = in->every_seconds };
    struct err err = ERR_INIT;
    bool fine;

    do {
        fine = publish_now(in, &err);
        if (!fine)
            verb_refused("publish", VERB_EXIT_ERROR, &err);
    } while (in->every_seconds && nanosleep(&pause, NULL) == 0);
    return fine ? VERB_EXIT_OK : VERB_EXIT_ERROR;
}
