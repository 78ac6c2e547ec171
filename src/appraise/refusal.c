#include "appraise/refusal.h"

static bool is_policys(const struct finding *f)
{
    return f->id == FINDING_POLICY_DENIED || f->id == FINDING_POLICY_NOT_PERMITTED || f->id == FINDING_POLICY_ERROR;
}

/* attestation-service.md 6.5 step 9: registers 0 to 15 are explained or untouched. Whether the one that systemd extends without a log is accepted for a VM is its
 * monitor's business: no token speaks of a register that nothing explains. */
static bool is_hole(const struct finding *f) { return f->id == FINDING_LOG_PCR_UNEXPLAINED && f->severity >= SEVERITY_MEDIUM; }

const struct finding *refusal_of_evidence(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        if (!is_policys(f) && finding_kind(f->id)->phase == PHASE_EVIDENCE && (f->severity >= SEVERITY_HIGH || is_hole(f)))
            return f;
    }
    return NULL;
}

const struct finding *refusal_of_policy(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        if (is_policys(&findings->items[i]))
            return &findings->items[i];
    return NULL;
}
