/* The verb uninstall (guest-agent.md 6.5, 6.8). It may be repeated, and talks to no network. */
#include <stdio.h>
#include "agent/handler/handler.h"
#include "agent/handler/owner.h"
#include "agent/verbs/handler_verbs.h"

static bool purge_is_wanted(struct invocation *in)
{
    struct handler_record record;
    struct err err = ERR_INIT;

    return in->purge || (record_read(&in->arena, in->places_of.handler_record, &record, &err) && record.purge);
}

int verb_uninstall(struct invocation *in)
{
    struct service_control services;
    struct err err = ERR_INIT;
    char owner[OWNER_MAX];
    struct handler h;
    struct lock turn CLEANUP(lock_release) = { .file = -1 };
    bool purge;

    if (!verb_may_install(in, "uninstall"))
        return VERB_EXIT_MISSING;
    if (!verb_take_turn(in, &turn, &err))
        fprintf(stderr, "trueboot-agent: uninstall: %s; it goes away all the same\n", err.text);
    if (!handler_locate(&in->arena, &h, &err) || !verb_services(in, &services, &err))
        return verb_refused("uninstall", VERB_EXIT_INTERNAL, &err);
    if (owner_read(&in->places_of, owner) && strcmp(owner, h.version) != 0) {
        printf("trueboot-agent %s leaves everything to version %s\n", h.version, owner);
        return VERB_EXIT_OK;
    }
    if (!services.ops->stop(&services, &err))
        fprintf(stderr, "trueboot-agent: uninstall: %s\n", err.text);
    purge = purge_is_wanted(in);
    if (purge && verb_purge(in) != VERB_EXIT_OK)
        fprintf(stderr, "trueboot-agent: uninstall: the identity could not be wiped entirely\n");
    verb_take_away(in, &services, purge, &turn);
    printf("trueboot-agent %s is uninstalled; the machine's identity %s\n", h.version, purge ? "is wiped, too" : "stays");
    return VERB_EXIT_OK;
}
