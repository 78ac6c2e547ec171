/* attestation/protocol/boot_evidence.h: what a guest says it quoted when it started, beside what it quotes now (attestation-service.md 6.5 step 11).
 *
 * A machine that was suspended or hibernated shows by it how it had started. The quote is not fresh; what ties it to the current one are
 * the key, the TPM's reset counter, and a clock that is not later. */
#pragma once
#include "appraise/appraise.h"
#include "attestation/service/vouch.h"

struct boot_evidence {
    struct vouched_key ak; /* release with vouched_key_done */
    struct appraised appraised;
};

/* boot_evidence_appraise runs every check of the pure core but the policy. `current` is the request about the current evidence; *ret lives
 * as long as `a`. */
MUST_CHECK bool boot_evidence_appraise(struct arena *a, struct vouch_cache *vouched, const struct trust_store *roots,
                                       const struct appraise_request *current, const struct evidence *boot, struct boot_evidence *ret,
                                       struct err *err);

enum { BOOT_EVIDENCE_CLAIMS = 2 };
/* The claims bootEvents and bootPcrs, if the quote verified, at most BOOT_EVIDENCE_CLAIMS. */
MUST_CHECK bool boot_evidence_claims(struct arena *a, const struct boot_evidence *boot, const struct policy *policy,
                                     struct policy_claim ret[static BOOT_EVIDENCE_CLAIMS], size_t *ret_n, struct err *err);

/* boot_evidence_judge adds what refuses the boot's evidence to the current appraisal's findings, and whether the two belong together. */
void boot_evidence_judge(const struct boot_evidence *boot, const struct pubkey *ak, struct appraised *current);
