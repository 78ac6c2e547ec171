/* agent/machine/collect.h: what only root may read, copied to where the daemon may (guest-agent.md 4.3, 11.3): the one reader of securityfs.
 *
 *   RUN/bios.log    the firmware's event log      RUN/ima.bin  the kernel's IMA list, when asked for       0640, root's, daemon's group
 *   RUN/kernel.json what the kernel says of its modules, eventlog/kernel/state.h
 *   RUN/host.json   the hypervisor's item (config.h), which the kernel shows to root only; not there when there is none
 *   RUN/ids.json    {"schema":1,"bootId":"…","productUuid":"…"|null,"collectedTime":…,
 *                    "firmwareLog":{"source":"/…","length":n,"sha256":"hex"}|{"source":"/…","reason":"…"},"ima":{same, "from":n,"more":bool}|null,"kernelState":bool} */
#pragma once
#include <sys/types.h>
#include "agent/files/places.h"
#include "base/uuid.h"

enum { COLLECT_SCHEMA = 1 };

struct collect_sources { /* NULL: the kernel's path */
    const char *firmware_log, *ima_log, *boot_id, *product_uuid;
    const char *kernel_root; /* kernel_look.h */
    const char *host_item;   /* "": do not look */
    bool with_ima, with_kernel;
};

/* A log that is not there is written down as such, and is no failure. */
MUST_CHECK bool collect_logs(const struct places *places, const struct collect_sources *sources, uid_t uid, gid_t gid, int64_t now_ms,
                             struct err *err);

/* Asks for the copies anew (a list that grows is wanted as of now) by writing OUT/collect-request, which the unit
 * trueboot-agent-collect.path waits for, and waits a few seconds for them. False when nobody collects. Of the IMA list at most `most` bytes
 * from byte `from` on are copied: "ima FROM MOST". */
bool collect_again(const char *run_dir, uint64_t from, size_t most);
/* Where in the list the copy begins, and whether the list went on behind it. False when there is no copy. */
bool collect_ima_part(const char *run_dir, uint64_t *ret_from, bool *ret_more /* may be NULL */);

/* The same where the copy at `path` is older than a quarter of an hour: what the kernel says changes, but seldom. */
void collect_refresh(const char *run_dir, const char *path);

/* What was collected in this boot. */
struct collected {
    const char *firmware_log,
        *ima_log; /* paths in the run folder, in the arena; the files may be missing: then the logs are. NULL: nobody collects here */
    const char *kernel_state;         /* the same; the daemon itself does not look at the kernel */
    char product_uuid[UUID_TEXT_LEN]; /* "" when not known */
};
/* False when nothing was collected since `boot_id`. */
bool collect_find(struct arena *a, const char *run_dir, const char *boot_id, struct collected *ret);
/* Whether a unit that collects is installed, below `root` ("": this system): then nobody else reads securityfs (15 no. 11). */
bool collect_is_installed(const char *root);
/* Where to look for logs: collect_find, and where nothing was collected although somebody should have, nowhere: both paths are "". */
void collect_sources_of(struct arena *a, const char *root, const char *run_dir, const char *boot_id, struct collected *ret);
