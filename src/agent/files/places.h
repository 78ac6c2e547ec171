/* agent/files/places.h: where the agent's things lie on this machine (guest-agent.md 11.3, 12), and whom they belong to.
 *
 * Everything may be below another root (--root, or TRUEBOOT_AGENT_ROOT): an image that is being built, or a test's folder. The names below are Linux';
 * Windows' are in usual.h.
 *
 *   /etc/trueboot-agent/          agent.conf, agent.conf.d/ (people); handler.conf, handler.json (the verb `enable`; root's)
 *   /var/lib/trueboot-agent/      0700, the daemon's: state.h; owner: the version of the handler that owns the units
 *   /run/trueboot-agent/          0750, the daemon's: lock; the logs that collect-logs copied (root's files); secrets/ (0700)
 *   /run/trueboot-agent/out/      root's, the daemon may write: status.json, changed, heartbeat.json, events/
 *   /run/trueboot-agent-publish/  root's: which event was published last
 *   /var/log/trueboot-agent/      0750, the daemon's: trueboot-agent.log */
#pragma once
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"

struct places {
    const char *root; /* "" or a folder without slash at its end */
    const char *etc_dir, *state_dir, *run_dir, *out_dir, *publish_dir, *log_dir;
    const char *unit_dir;    /* /etc/systemd/system */
    const char *program_dir; /* /usr/local/lib/trueboot-agent: the copy that the units start */
    const char *handler_conf, *handler_record;
};

/* `root` NULL: TRUEBOOT_AGENT_ROOT, else none. State and run folder are the configuration's when given (not NULL). */
MUST_CHECK bool places_init(struct places *ret, struct arena *a, const char *root, const char *state_dir, const char *run_dir,
                            struct err *err);

/* The daemon's user and group; false (and ours) when there is no such user. */
bool places_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);

/* places_make_run makes the run folder and out/ with the owners above. Where we are not root everything is ours. */
MUST_CHECK bool places_make_run(const struct places *places, uid_t uid, gid_t gid, struct err *err);
