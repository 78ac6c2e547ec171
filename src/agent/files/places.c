#include "agent/files/places.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/files/usual.h"
#include "base/path.h"

bool places_init(struct places *ret, struct arena *a, const char *root, const char *state_dir, const char *run_dir, struct err *err)
{
    struct places p = { .root = root ? root : getenv("TRUEBOOT_AGENT_ROOT") };
    struct usual_places usual;
    size_t len;

    p.root = p.root ? p.root : "";
    len = strlen(p.root);
    while (len && p.root[len - 1] == '/')
        len--;
    p.root = arena_string(a, (struct bytes){ (const uint8_t *)p.root, len });
    if (!p.root)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (*p.root && !path_is_absolute(p.root))
        return err_set(err, ERR_MALFORMED, "the root %s is no absolute path", p.root);
    if (!usual_places(&usual, a, p.root, err))
        return false;
    p.etc_dir = usual.etc;
    p.state_dir = state_dir ? state_dir : usual.state;
    p.run_dir = run_dir ? run_dir : usual.run;
    p.publish_dir = usual.publish;
    p.log_dir = usual.log;
    p.program_dir = usual.program;
    p.unit_dir = arena_printf(a, "%s/etc/systemd/system", p.root);
    p.handler_conf = arena_printf(a, "%s/handler.conf", p.etc_dir);
    p.handler_record = arena_printf(a, "%s/handler.json", p.etc_dir);
    p.out_dir = arena_printf(a, "%s/out", p.run_dir);
    if (!p.unit_dir || !p.out_dir || !p.handler_conf || !p.handler_record)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = p;
    return true;
}

bool places_make_run(const struct places *places, uid_t uid, gid_t gid, struct err *err)
{
    char events[1024];

    if (snprintf(events, sizeof events, "%s/events", places->out_dir) >= (int)sizeof events)
        return err_set(err, ERR_LIMIT, "path too long: %s", places->out_dir);
    /* The folders are the daemon's to write into; `out` is ours, so that the publisher can tell it from one that was put in its place. */
    return folder_make(places->run_dir, 0750, uid, gid, err) && folder_make(places->out_dir, 01770, geteuid(), gid, err) &&
           folder_make(events, 0750, uid, gid, err);
}
