/* tpm/certify.h: deciding whether the attestation key vouches for another key of the same TPM (TPM2_Certify).
 *
 * TPM 2.0 Library Part 3, 18.2; attestation-service.md 6.4.2 and 7.4 step 4. What the key may do is tpm/key_profile.h. */
#pragma once
#include "tpm/public.h"
#include "tpm/quote.h"

struct certify_claim {
    struct bytes attest; /* TPMS_ATTEST without size prefix */
    struct bytes signature;
    enum signature_form form;
    const struct tpm_public *object; /* the key that is said to be certified */
};

struct certify_expectations {
    const struct pubkey *ak;
    bool any_nonce;
    struct bytes nonce;
    struct bytes qualified_signer; /* the quote's, so that both come from the same key; empty: not compared */
    bool allow_sha1;
};

/* certify_verify: true when the AK certified exactly `object`. ERR_MALFORMED or ERR_UNTRUSTED else. */
MUST_CHECK bool certify_verify(const struct certify_claim *claim, const struct certify_expectations *want, struct err *err);
/* The same, and the check that refused becomes a finding (certify.…); none for ERR_NO_MEMORY. */
MUST_CHECK bool certify_check(const struct certify_claim *claim, const struct certify_expectations *want, struct findings *list,
                              struct err *err);
