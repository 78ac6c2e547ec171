/* appraise/verdict.h: from findings to a verdict. Pure; nothing else decides. */
#pragma once
#include "appraise/baseline.h"
#include "appraise/claimed.h"

/* What makes a boot Healthy: no finding of medium or worse, none unsettled. Everything else only collects. */
enum verdict verdict_of(const struct findings *findings);

/* verdict_settle puts the worst first, within a severity in the order of the list of findings, and says what they come to: after some were added to
 * those of judge(). */
enum verdict verdict_settle(struct findings *findings);

/* Whether the finding is one that a person may accept for a VM; nothing about the evidence itself, nothing high. */
bool finding_may_be_accepted(const struct finding *finding);

/* baseline_may_learn: only a boot with a verified quote, a trusted key, and a Healthy verdict of its own is ever learned
 * without a person's word. */
bool baseline_may_learn(const struct appraisal *appraisal);

/* judge gives the verdict of an appraisal under a baseline (NULL: none). ret_findings (list->arena set) receives the appraisal's
 * findings, accepted ones lowered to info, and those of the comparison, the worst first. `chain` may be NULL: see bootchain_compare. */
MUST_CHECK bool judge(struct arena *a, const struct appraisal *appraisal, const struct bootchain *chain, const struct baseline *baseline,
                      const struct boot_reference *reference, struct findings *ret_findings, enum verdict *ret_verdict, struct err *err);

/* judge_claimed makes a judgement of judge() worse by what the logs say against the boot, where the quote was raced (architecture.md 8) and
 * nothing about the boot is known; else, and without a log, it changes nothing. For whoever judges what is there and will not get better
 * evidence: the service has the guest quote again, and keeps nothing of logs that no quote covers. */
MUST_CHECK bool judge_claimed(struct arena *a, struct claimed_boot *claimed, const struct baseline *baseline,
                              const struct boot_reference *reference, struct findings *findings, enum verdict *verdict, struct err *err);
