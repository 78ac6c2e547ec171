/* The verb publish (guest-agent.md 11.3): from the daemon's folder to the VM agent's. */
#include "agent/handler/publish.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"

bool verb_publish_now(struct invocation *in, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct handler_record record;

    if (!record_read(&a, in->places_of.handler_record, &record, err))
        return err->code == ERR_NOT_FOUND; /* no handler: nobody to publish for */
    return publish_once(&in->places_of, &record, clock_now_ms(), err);
}
