/* The verbs update and disable (guest-agent.md 6.5, 6.8). The identity is no business of theirs: it lies in the TPM and the state folder, and
 * both stay where they are from version to version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agent/files/folder.h"
#include "agent/handler/handler.h"
#include "agent/handler/owner.h"
#include "agent/handler/publish.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"

/* An upgrade calls it of the new version, a downgrade of the old one; VERSION is the one that stays in either case. From now on the other
 * one's uninstall leaves user, units and program alone. */
int verb_update(struct invocation *in)
{
    const char *stays = getenv("VERSION");
    struct handler_record record;
    struct err err = ERR_INIT;
    struct handler h;
    struct lock turn CLEANUP(lock_release) = { .file = -1 };
    uid_t uid;
    gid_t gid;

    if (!verb_may_install(in, "update"))
        return VERB_EXIT_MISSING;
    if (!verb_take_turn(in, &turn, &err))
        return verb_refused("update", VERB_EXIT_TIMED_OUT, &err);
    if (!handler_locate(&in->arena, &h, &err))
        return verb_refused("update", VERB_EXIT_INTERNAL, &err);
    if (!stays || !*stays || strlen(stays) >= OWNER_MAX - 2 || strspn(stays, "0123456789.") != strlen(stays))
        stays = h.version;
    places_user(verb_user(in), &uid, &gid);
    if (!folder_make(in->places_of.state_dir, 0700, uid, gid, &err) || !owner_write(&in->places_of, stays, &err))
        return verb_refused("update", VERB_EXIT_INTERNAL, &err);
    if (record_read(&in->arena, in->places_of.handler_record, &record, &err)) {
        record.upgraded = true;
        record.strict = false; /* a verifier that is down must not roll an upgrade back */
        if (!record_write(&record, in->places_of.handler_record, &err))
            return verb_refused("update", VERB_EXIT_INTERNAL, &err);
    }
    printf("trueboot-agent: version %s takes over\n", stays);
    return VERB_EXIT_OK;
}

int verb_disable(struct invocation *in)
{
    struct service_control services;
    struct handler_record record;
    struct err err = ERR_INIT;
    struct lock turn CLEANUP(lock_release) = { .file = -1 };

    if (!verb_may_install(in, "disable"))
        return VERB_EXIT_MISSING;
    if (!verb_take_turn(in, &turn, &err))
        return verb_refused("disable", VERB_EXIT_TIMED_OUT, &err);
    if (!verb_services(in, &services, &err) || !services.ops->stop(&services, &err))
        return verb_refused("disable", VERB_EXIT_INTERNAL, &err);
    if (record_read(&in->arena, in->places_of.handler_record, &record, &err)) {
        record.disabled = true;
        if (!publish_stopped(&record, clock_now_ms(), &err) || !record_write(&record, in->places_of.handler_record, &err))
            return verb_refused("disable", VERB_EXIT_INTERNAL, &err);
    }
    printf("trueboot-agent is disabled\n");
    return VERB_EXIT_OK;
}
