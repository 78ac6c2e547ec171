#include "agent/verbs/handler_verbs.h"
#include <stdio.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "diagnose/words.h"

const char *verb_user(const struct invocation *in) { return in->config.user && *in->config.user ? in->config.user : "trueboot-agent"; }

static bool is_privileged(const char *verb)
{
    if (geteuid() == 0)
        return true;
    fprintf(stderr, "trueboot-agent: %s: %s\n", verb, machine_words.be_privileged);
    return false;
}

bool verb_may_install(const struct invocation *in, const char *verb) { return *in->places_of.root || is_privileged(verb); }

bool verb_may_change(struct invocation *in, const char *verb, const char *folder)
{
    struct places usual;
    struct err none = ERR_INIT;

    if (*in->places_of.root || !places_init(&usual, &in->arena, "", NULL, NULL, &none))
        return true;
    return (strcmp(folder, usual.state_dir) != 0 && strcmp(folder, usual.run_dir) != 0) || is_privileged(verb);
}

bool verb_take_services(struct invocation *in, const char *value, struct err *err)
{
    const struct places anywhere = { .root = "" };
    struct service_control chosen;

    in->services = value;
    return service_choose(&chosen, value, &anywhere, err) || err_within(err, "--services");
}

bool verb_services(const struct invocation *in, struct service_control *ret, struct err *err)
{
    return service_choose(ret, in->services, &in->places_of, err);
}

bool verb_take_turn(struct invocation *in, struct lock *ret_turn, struct err *err)
{
    enum { WAIT_MS = 120 * 1000 /* enable takes 65 s at most, and the VM agent kills it at 300 */ };
    char *path = arena_printf(&in->arena, "%s/verb.lock", in->places_of.publish_dir);
    struct err none = ERR_INIT;

    *ret_turn = (struct lock){ .file = -1 };
    if (!path || !folder_make(in->places_of.publish_dir, 0755, geteuid(), getegid(), &none))
        return true;
    return lock_wait(ret_turn, path, WAIT_MS) ? true : err_set(err, ERR_LATE, "another verb has been running for %d s", WAIT_MS / 1000);
}

int verb_refused(const char *verb, int code, const struct err *err)
{
    fprintf(stderr, "trueboot-agent: %s: %s\n", verb, err->text);
    return code;
}
