/* appraise/claims.h: what the service says about verified evidence, in the words of the policy language.
 *
 * A claim exists only where a digest proves it; docs/claims.md names the event behind each. Names and derivations:
 * attestation-service.md 9.1, 9.2, 9.5; ours begin with "trueboot.". */
#pragma once
#include "appraise/appraise.h"

/* claims_build lists the service's claims, then the caller's own. Only for evidence whose quote has been verified. */
MUST_CHECK bool claims_build(struct arena *a, const struct appraise_request *request, const struct appraised *appraised,
                             const struct policy_claim **ret, size_t *ret_n, struct err *err);

/* The claim "pcrs": {"PCRs":[{"Index":0,"Digests":{"SHA256":b64u},"HexDigests":{"SHA256":hex}}]} (9.5). NULL: no memory. */
MUST_CHECK char *claims_pcrs_json(struct arena *a, const struct pcr_set *pcrs);
