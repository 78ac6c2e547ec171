/* What makes a boot Healthy, whole: what a finding weighs (findings/list.h; whoever adds one may weigh it anew), what a person may accept,
 * what a baseline adds, what mere claims take away, and the verdict. When the VM that booted is Healthy is monitor/health.c. */
#include "appraise/verdict.h"
#include "tpm/quote.h"

enum verdict verdict_of(const struct findings *findings)
{
    bool unsettled = false;

    if (findings->overflow)
        return VERDICT_UNHEALTHY;
    for (size_t i = 0; i < findings->n; i++) {
        if (findings->items[i].severity < SEVERITY_MEDIUM)
            continue;
        if (!findings->items[i].unsettled)
            return VERDICT_UNHEALTHY;
        unsettled = true;
    }
    return unsettled ? VERDICT_UNKNOWN : VERDICT_HEALTHY;
}

/* What a person may say "yes, that is how this VM boots" to. Everything about the evidence itself, and whether Secure Boot
 * held, is not for a baseline to decide. */
bool finding_may_be_accepted(const struct finding *f)
{
    if (f->severity != SEVERITY_MEDIUM || f->unsettled)
        return false;
    /* log.unproved is of medium severity only where no fact comes from: firmware with a wording of its own; log.pcr_unexplained only for register 15
     * without a log, whose value is a component then. */
    return finding_kind(f->id)->phase != PHASE_EVIDENCE || f->id == FINDING_LOG_EXIT_BOOT_SERVICES || f->id == FINDING_LOG_UNPROVED ||
           f->id == FINDING_LOG_PCR_UNEXPLAINED;
}

bool baseline_accepts(const struct baseline *baseline, enum finding_id id)
{
    for (size_t i = 0; i < baseline->n_accepts; i++)
        if (baseline->accepts[i] == id)
            return true;
    return false;
}

static bool is_accepted(const struct baseline *baseline, const struct finding *f)
{
    return baseline && finding_may_be_accepted(f) && baseline_accepts(baseline, f->id);
}

bool baseline_may_learn(const struct appraisal *appraisal)
{
    return appraisal->quote_verified && appraisal->ak_trusted && appraisal->verdict == VERDICT_HEALTHY && appraisal->boot.has_log;
}

/* copy_findings carries the appraisal's own findings over; what the baseline accepts becomes information. */
static void copy_findings(const struct appraisal *appraisal, const struct baseline *baseline, struct findings *ret)
{
    ret->overflow |= appraisal->findings.overflow;
    for (size_t i = 0; i < appraisal->findings.n; i++) {
        const struct finding *f = &appraisal->findings.items[i];
        struct finding *copy = findings_add(ret, f->id, f->pcr, f->event, "%s", f->text);
        *copy = *f;
        if (is_accepted(baseline, f))
            copy->severity = SEVERITY_INFO;
    }
}

/* With Secure Boot off nobody authorises images, shim keeps to its built-in level and measures no kernel: these deviations say nothing
 * of their own, and bury the reasons that do. The verdict is Unhealthy already. */
static void lower_consequences(struct findings *list)
{
    if (!findings_have(list, FINDING_SECUREBOOT_DISABLED) || findings_worst(list) < SEVERITY_HIGH)
        return;
    for (size_t i = 0; i < list->n; i++) {
        struct finding *f = &list->items[i];
        bool follows = f->id == FINDING_SECUREBOOT_AUTHORITY || f->id == FINDING_SBAT_CHANGED || f->id == FINDING_SBAT_OLD ||
                       (f->id == FINDING_BOOT_CHAIN_CHANGED && !f->is);
        if (follows && f->severity == SEVERITY_MEDIUM)
            f->severity = SEVERITY_LOW;
    }
}

/* The worst first; within a severity in the order of the list of findings, which goes from evidence to OS. Stable. */
static int by_weight(const struct finding *a, const struct finding *b)
{
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->follows != NULL) - (b->follows != NULL);
}

enum verdict verdict_settle(struct findings *list)
{
    for (size_t i = 1; i < list->n; i++) {
        struct finding moving = list->items[i];
        size_t k = i;
        for (; k > 0 && by_weight(&moving, &list->items[k - 1]) < 0; k--)
            list->items[k] = list->items[k - 1];
        list->items[k] = moving;
    }
    return verdict_of(list);
}

/* A bit per bank that a boot is recorded in: its components', or without a log its registers'. */
static unsigned banks_of(const struct boot_record *boot, bool by_log)
{
    unsigned banks = 0;

    for (size_t i = 0; by_log && i < boot->components.n; i++)
        for (size_t k = 0; k < boot->components.items[i].n_digests; k++)
            banks |= 1u << boot->components.items[i].digests[k].algorithm;
    for (size_t i = 0; !by_log && i < boot->registers.n_banks; i++)
        banks |= 1u << boot->registers.banks[i].algorithm;
    return banks;
}

/* Whoever quotes chooses the banks: SHA-1 alone in common would let him choose to be compared by SHA-1. */
static bool only_sha1_in_common(const struct boot_record *was, const struct boot_record *is)
{
    bool by_log = was->has_log && is->has_log;

    return (banks_of(was, by_log) & banks_of(is, by_log)) == 1u << DIGEST_SHA1;
}

static bool compare(struct arena *a, const struct boot_record *was, const struct boot_record *is, const struct bootchain *chain,
                    const struct boot_reference *reference, struct findings *findings, struct err *err)
{
    if (!only_sha1_in_common(was, is))
        return bootchain_compare(a, was, is, chain, reference, findings, err);
    findings_add(findings, FINDING_BASELINE_BANKS, FINDING_NO_PCR, FINDING_NO_EVENT,
                 "The accepted boot and this one have only SHA-1 in common, which proves too little: they cannot be compared.");
    return true;
}

bool judge(struct arena *a, const struct appraisal *appraisal, const struct bootchain *chain, const struct baseline *baseline,
           const struct boot_reference *reference, struct findings *ret_findings, enum verdict *ret_verdict, struct err *err)
{
    copy_findings(appraisal, baseline, ret_findings);
    /* Without a verified quote nothing about the boot is known, so nothing can be compared. */
    if (baseline && appraisal->quote_verified && !compare(a, &baseline->boot, &appraisal->boot, chain, reference, ret_findings, err))
        return false;
    lower_consequences(ret_findings);
    *ret_verdict = verdict_settle(ret_findings);
    return true;
}

/* A quote whose values moved cannot be checked: nothing about the boot is known, and the verdict is Unknown. What the log says against the
 * boot by itself counts all the same: a claim never makes a verdict better, but it may make it worse. */
bool judge_claimed(struct arena *a, struct claimed_boot *claimed, const struct baseline *baseline, const struct boot_reference *reference,
                   struct findings *findings, enum verdict *verdict, struct err *err)
{
    if (!claimed->has_log || !quote_was_raced(findings, 0))
        return true;
    if (baseline && baseline->boot.has_log &&
        !compare(a, &baseline->boot, &claimed->record, claimed->chain, reference, &claimed->findings, err))
        return false;
    for (size_t i = 0; i < claimed->findings.n; i++) {
        const struct finding *f = &claimed->findings.items[i];
        struct finding *copy;
        if (f->severity < SEVERITY_MEDIUM || is_accepted(baseline, f))
            continue;
        copy = findings_add(findings, f->id, f->pcr, f->event, "By the log, which no quote confirms: %s", f->text);
        copy->severity = f->severity;
        copy->was = f->was;
        copy->is = f->is;
    }
    *verdict = verdict_settle(findings);
    return true;
}
