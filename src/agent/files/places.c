#include "agent/files/places.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/files/folder.h"

static const char *below(struct arena *a, const char *root, const char *path) { return arena_printf(a, "%s%s", root, path); }

bool places_init(struct places *ret, struct arena *a, const char *root, const char *state_dir, const char *run_dir, struct err *err)
{
    struct places p = { .root = root ? root : getenv("TRUEBOOT_AGENT_ROOT") };
    size_t len;

    p.root = p.root ? p.root : "";
    len = strlen(p.root);
    while (len && p.root[len - 1] == '/')
        len--;
    p.root = arena_string(a, (struct bytes){ (const uint8_t *)p.root, len });
    if (!p.root)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (*p.root && *p.root != '/')
        return err_set(err, ERR_MALFORMED, "the root %s is no absolute path", p.root);
    p.etc_dir = below(a, p.root, "/etc/trueboot-agent");
    p.state_dir = state_dir ? state_dir : below(a, p.root, "/var/lib/trueboot-agent");
    p.run_dir = run_dir ? run_dir : below(a, p.root, "/run/trueboot-agent");
    p.publish_dir = below(a, p.root, "/run/trueboot-agent-publish");
    p.log_dir = below(a, p.root, "/var/log/trueboot-agent");
    p.unit_dir = below(a, p.root, "/etc/systemd/system");
    p.program_dir = below(a, p.root, "/usr/local/lib/trueboot-agent");
    p.handler_conf = below(a, p.root, "/etc/trueboot-agent/handler.conf");
    p.handler_record = below(a, p.root, "/etc/trueboot-agent/handler.json");
    p.out_dir = p.run_dir ? arena_printf(a, "%s/out", p.run_dir) : NULL;
    if (!p.etc_dir || !p.state_dir || !p.out_dir || !p.publish_dir || !p.log_dir || !p.unit_dir || !p.program_dir || !p.handler_conf ||
        !p.handler_record)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = p;
    return true;
}

bool places_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
    const struct passwd *entry = getpwnam(name);

    *ret_uid = entry ? entry->pw_uid : geteuid();
    *ret_gid = entry ? entry->pw_gid : getegid();
    return entry != NULL;
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
