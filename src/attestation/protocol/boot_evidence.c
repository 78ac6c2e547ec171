#include "attestation/protocol/boot_evidence.h"
#include "appraise/claims.h"
#include "appraise/claims_events.h"
#include "policy/claim_list.h"

bool boot_evidence_appraise(struct arena *a, struct vouch_cache *vouched, const struct trust_store *roots,
                            const struct appraise_request *current, const struct evidence *boot, struct boot_evidence *ret, struct err *err)
{
    struct policy_configuration configuration = { .required_pcr_mask = 0xffffff };
    struct policy_error ignored = { .kind = POLICY_EVALUATION_ERROR };
    struct appraise_request request = *current;

    if (current->policy && !policy_configure(a, current->policy, NULL, &configuration, &ignored))
        configuration.required_pcr_mask = 0xffffff; /* such a policy permits nothing anyway */
    if (!vouch_for(vouched, roots, boot->aik_cert, boot->aik_pub, current->now_ms, &ret->ak, err))
        return err_within(err, "boot_attestation");
    request.evidence = boot;
    request.ak = ret->ak.key;
    request.ak_trusted = ret->ak.trusted;
    request.any_nonce = true;
    request.policy = NULL;
    request.no_policy_needed = true;
    request.required_pcr_mask = configuration.required_pcr_mask;
    return appraise(a, &request, &ret->appraised, err);
}

bool boot_evidence_claims(struct arena *a, const struct boot_evidence *boot, const struct policy *policy,
                          struct policy_claim ret[static BOOT_EVIDENCE_CLAIMS], size_t *ret_n, struct err *err)
{
    const struct appraised *appraised = &boot->appraised;
    struct events_claim events;
    const char *pcrs;

    *ret_n = 0;
    if (!appraised->quote || !policy)
        return true;
    pcrs = claims_pcrs_json(a, verified_quote_pcrs(appraised->quote));
    if (!pcrs)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    ret[(*ret_n)++] = service_claim_string(CLAIM_BOOT_PCRS, bytes_of_string(pcrs));
    if (policy_version(policy) < 12 || !policy_may_use(policy, bytes_of_string(service_claims[CLAIM_BOOT_EVENTS].name)))
        return true;
    if (!claims_events(a, appraised->replayed, appraised->ima, &events, err))
        return false;
    ret[*ret_n] = service_claim_string(CLAIM_BOOT_EVENTS, events.text);
    ret[(*ret_n)++].json = events.json;
    return true;
}

/* Whether the key is to be believed is the current evidence's matter: it is the same key, or that is the finding. */
static bool refuses(const struct finding *f)
{
    return finding_kind(f->id)->phase == PHASE_EVIDENCE && f->severity >= SEVERITY_HIGH && f->id != FINDING_AK_UNTRUSTED;
}

void boot_evidence_judge(const struct boot_evidence *boot, const struct pubkey *ak, struct appraised *current)
{
    const struct appraisal *then = &boot->appraised.appraisal, *now = &current->appraisal;
    struct findings *findings = &current->appraisal.findings;

    findings->overflow |= then->findings.overflow;
    if (!pubkey_equal(boot->ak.key, ak))
        findings_add(findings, FINDING_BOOT_ATTESTATION_KEY, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "boot_attestation is signed by another key than current_attestation");
    for (size_t i = 0; i < then->findings.n; i++)
        if (refuses(&then->findings.items[i]))
            findings_add(findings, then->findings.items[i].id, then->findings.items[i].pcr, FINDING_NO_EVENT, "boot_attestation: %s",
                         then->findings.items[i].text);
    if (!then->quote_verified || !now->quote_verified)
        return;
    if (then->reset_count != now->reset_count)
        findings_add(findings, FINDING_BOOT_ATTESTATION_OTHER, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "boot_attestation was made after %u resets of the TPM, current_attestation after %u", then->reset_count,
                     now->reset_count);
    else if (then->clock_ms > now->clock_ms)
        findings_add(findings, FINDING_BOOT_ATTESTATION_OTHER, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "boot_attestation is later than current_attestation by the TPM's clock");
}
