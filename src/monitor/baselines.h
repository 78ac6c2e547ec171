/* monitor/baselines.h: the boots of a VM that are accepted (control-plane.md 4.4): several beside each other, each of which a boot matches whole or
 * not at all: one boot's kernel with another's initial RAM disk is neither.
 *
 * Approving adds a boot; one that it equals gives way to it. The newest that is accepted has no end. Those before it are accepted for
 * LIMIT_OLDER_BOOT_DAYS more, unless they are pinned; being booted makes that no longer. At most LIMIT_ACCEPTED_BOOTS are: then the oldest that is
 * not pinned ends. What has ended stays as history, and as a finding when it is booted again; it never comes back by itself.
 *
 * All but baselines_judge write, and want a transaction around them. */
#pragma once
#include "monitor/monitor.h"

/* Ends those whose time is over. */
MUST_CHECK bool baselines_expire(struct store *store, struct arena *a, const char *vm, int64_t now_ms, struct err *err);

/* baselines_judge judges by the accepted boot that deviates least, the newest of them if several do: *ret_version, 0 where none is accepted.
 * ret_findings as in judge(); it says when the boot is not the newest that is accepted, or was accepted once. */
MUST_CHECK bool baselines_judge(const struct monitor *monitor, struct arena *a, const char *vm, const struct appraisal *appraisal,
                                struct findings *ret_findings, enum verdict *ret_verdict, int64_t *ret_version, struct err *err);

/* Who says so, why and when. */
struct baselines_word {
    const char *by, *reason;
    int64_t now_ms;
};

/* baselines_add accepts the appraisal's boot, `accept_findings` as in baseline_learn(). CONFLICT: all that are accepted are pinned, and there is no
 * room for one more. */
MUST_CHECK bool baselines_add(struct store *store, struct arena *a, const char *vm, const struct appraisal *appraisal, bool accept_findings,
                              struct approve_how how, const struct baselines_word *word, struct err *err);
/* NOT_FOUND: no such version. CONFLICT: it is not accepted any more. */
MUST_CHECK bool baselines_reject(struct store *store, struct arena *a, const char *vm, int64_t version, const struct baselines_word *word,
                                 struct err *err);
/* `pinned` false: as if it had never been, from now on. */
MUST_CHECK bool baselines_pin(struct store *store, struct arena *a, const char *vm, int64_t version, bool pinned, int64_t now_ms,
                              struct err *err);
