/* appraise/claimed.h: what the boot logs of evidence say, whether or not a quote confirms it.
 *
 * Of nothing here it is known that it happened: appraise() proves the joined log against a verified quote (eventlog/replay/), and what is claimed
 * can at most speak against a boot (verdict.h: judge_claimed). */
#pragma once
#include "appraise/baseline.h"
#include "appraise/evidence.h"
#include "bootchain/chain/chain.h"
#include "eventlog/log/log.h"

/* evidence_join_logs joins the boot logs, systemd's own behind them as one more (guest-agent.md 3.7). What cannot be read is a finding, and the
 * events up to that place count. *ret_any: there is a log; where there is none *ret is one without events. False: err_ends_work(). */
MUST_CHECK bool evidence_join_logs(struct arena *a, const struct evidence *evidence, struct findings *findings, struct eventlog *ret,
                                   bool *ret_any, struct err *err);

/* A boot as its logs alone tell it: replayed against what they themselves give. */
struct claimed_boot {
    bool has_log;              /* at least one event; else nothing of the rest is set */
    struct boot_record record; /* components, and the registers that the log gives */
    const struct bootchain *chain;
    struct findings findings; /* of replaying and of reading the boot */
};

MUST_CHECK bool claimed_boot_read(struct arena *a, const struct evidence *evidence, const struct boot_reference *reference,
                                  struct claimed_boot *ret, struct err *err);
