/* audit/audit.h: the audit log: append-only files whose records are chained by digests (attestation-service.md 13.5, control-plane.md 7.2).
 *
 *     FOLDER/audit-FIRSTSEQ.jsonl   records (audit/line.h), by size and by day (UTC) a further file; the chain goes across files and restarts
 *     FOLDER/head                   the newest checkpoint
 *
 * A checkpoint is a compact JWS by the server's audit key over {"log":ID,"seq":N,"hash":H,"time":T}: record N is the one with that hash. It is a record
 * of the log itself and also kept beside it, in the store and wherever an operator puts it, so that a log that was cut off at its end or written
 * anew as a whole is noticed. Records of the log about itself have the category "Chain": AuditBegin, AuditCheckpoint, AuditRepaired (a line that a crash
 * cut short was removed), AuditGap (records that could not be written, and how many), AuditBroken (the last record did not hold when the server
 * started; the chain begins anew), AuditRetention (old files were removed).
 *
 * When the disk is full the server goes on: a record that cannot be written is counted and the next one that can says how many are missing. */
#pragma once
#include "audit/line.h"
#include "base/arena.h"
#include "jose/jwks.h"

struct audit;

struct audit_options {
    const char *folder;            /* made when it is not there, 0750; files 0640 */
    const struct signing_key *key; /* of checkpoints; must outlive the log. NULL: none are made */
    int64_t (*now_ms)(void);
    /* A checkpoint was made: keep it elsewhere. May be NULL; called without locks held by us, from any thread. */
    void (*anchor)(void *context, const char *checkpoint);
    void *context;
    struct bytes kept; /* the newest checkpoint that was kept elsewhere; empty: none */
};

/* Opens the newest file, repairs its end, and begins or continues the chain. *ret_note (may be NULL; in `a`) is what the operator should know: repaired,
 * cut off, broken; NULL: nothing. */
MUST_CHECK bool audit_open(const struct audit_options *options, struct arena *a, struct audit **ret, const char **ret_note,
                           struct err *err);
/* With a last checkpoint. NULL is fine. */
void audit_close(struct audit *audit);

/* At any time. `keep_days` 0: for good. A checkpoint comes after `every` records, and within a minute after a record. */
void audit_set(struct audit *audit, int64_t file_bytes, unsigned keep_days, unsigned every);

/* Appends a record of these JSON members (no braces). `durable`: on disk when it returns true; others are within a second. */
MUST_CHECK bool audit_append(struct audit *audit, struct bytes members, bool durable, struct err *err);

struct audit_state {
    int64_t seq;            /* of the newest record */
    uint64_t written, lost; /* since the server started */
    bool failing;           /* the newest record could not be written */
};
struct audit_state audit_state(struct audit *audit);
/* The newest checkpoint, "" without one. */
MUST_CHECK bool audit_head(struct audit *audit, struct arena *a, const char **ret, struct err *err);
