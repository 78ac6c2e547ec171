/* tpm/policy_digest.h: the authorisation policy of keys that only open while registers keep their values.
 *
 * TPM 2.0 Library Part 3, 23.7 TPM2_PolicyPCR; guest-agent.md 2.8 and 13. */
#pragma once
#include "crypto/pcr.h"
#include "base/err.h"

/* policy_pcr_digest: what a session of hash `algorithm` holds after one PolicyPCR over exactly the set's registers. */
MUST_CHECK bool policy_pcr_digest(enum digest_algorithm algorithm, const struct pcr_set *set, struct digest *ret, struct err *err);
