/* agent/handler/record.h: /etc/trueboot-agent/handler.json (0600, root's): what the verb `enable` tells the publisher, and the next `enable`.
 *
 *   {"schema":1,"handler":"…","sequence":n,"statusFile":"/…","heartbeatFile":"/…","eventsFolder":"/…"|null,"logFolder":"/…",
 *    "operation":"Enable","enabledTime":…,"firstEnabledTime":…,"appliedTime":…,"configSha256":"hex","strict":bool,"purge":bool,
 *    "upgraded":bool,"disabled":bool,"warnings":["…"]} */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

enum { RECORD_SCHEMA = 1 };

struct handler_record {  /* texts lie in the arena; NULL: not given */
    const char *version; /* of the handler */
    uint32_t sequence;
    const char *status_file, *heartbeat_file, *events_folder, *log_folder;
    const char *operation;
    int64_t enabled_ms, first_enabled_ms, applied_ms;
    const char *config_sha256;
    bool strict, purge, upgraded, disabled;
    const char *warnings[LIMIT_SETTINGS_WARNINGS];
    size_t n_warnings;
};

/* ERR_NOT_FOUND when there is none: this machine has no handler. */
MUST_CHECK bool record_read(struct arena *a, const char *path, struct handler_record *ret, struct err *err);
MUST_CHECK bool record_write(const struct handler_record *record, const char *path, struct err *err);
