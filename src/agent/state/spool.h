/* agent/state/spool.h: reports that could not be delivered, kept over a restart: STATE/spool (guest-agent.md 8.4).
 *
 *   NNNNNNNNNNNNNNNN.json  {"schema":1,"timeUtc":…,"token":"…"|null,"untilUtc":…|null,"appraisal":"…"|null,"eventLogSha256":"hex"|null,
 *                           "failure":null|{"code","reason","message"}}      results and tokens, never evidence; mode 0600
 *   first.json             {"schema":1,"count":n,"timeUtc":…,"code":"…"|null,"message":"…"|null}   of the whole outage
 *
 * At most LIMIT_SPOOL_REPORTS and LIMIT_SPOOL_BYTES: the oldest go first. Damaged files are removed. When the way is open again only the newest is
 * sent, with the count and the first error. Where the folder cannot be written there is just no spool. */
#pragma once
#include "agent/failure/failure.h"
#include "base/arena.h"
#include "base/limits.h"

struct spool_report {
    int64_t time_ms;
    struct bytes token; /* empty: none */
    int64_t until_ms;   /* how long the token is worth sending */
    struct bytes appraisal;
    char event_log_sha256[65]; /* "" */
    enum failure_id failure;   /* FAILURE_NONE: it was the delivery that failed */
    const char *message;
};

struct spool_summary {
    unsigned count; /* reports not sent, dropped ones included; 0: nothing is spooled */
    int64_t first_ms;
    const char *first_code, *first_message; /* NULL: not known */
    bool has_newest;
    struct spool_report newest; /* in the arena; failure is not restored */
};

void spool_put(const char *state_dir, const struct spool_report *report);
void spool_look(const char *state_dir, struct arena *a, struct spool_summary *ret);
void spool_clear(const char *state_dir);
