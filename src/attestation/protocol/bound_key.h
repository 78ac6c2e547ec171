/* attestation/protocol/bound_key.h: keys that a request brings along, and how the TPM vouches for them (attestation-service.md 6.4.1, 6.4.2, 9.6).
 *
 * A key is bound by the current quote, whose qualifying data is the hash of the key's own characters and the challenge, or it is a TPM key
 * that the attestation key has certified with the challenge as qualifying data. Claimed until the quote, or bound_key_check, says so. */
#pragma once
#include "findings/finding.h"
#include "jose/jwk.h"
#include "tpm/public.h"

enum key_binding { KEY_UNBOUND, KEY_BOUND_BY_QUOTE, KEY_CERTIFIED };

struct bound_key {
    struct jwk jwk;
    const struct json *text; /* its raw characters are what a quote binds */
    enum key_binding binding;
    enum digest_algorithm hash;         /* KEY_BOUND_BY_QUOTE */
    struct bytes public, certification; /* KEY_CERTIFIED: TPMT_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE */
    struct bytes signature;
};

/* bound_key_read reads a KEY object. The error names the member. Release with bound_key_done. */
MUST_CHECK bool bound_key_read(struct arena *a, const struct json *key, struct bound_key *ret, struct err *err);
void bound_key_done(struct bound_key *key);

/* bound_key_check verifies a certified key: by the AK of the quote (its qualified signer), over the challenge, for the very key of the jwk.
 * What refuses it is a finding (certify.…). False only for ERR_NO_MEMORY. Other bindings: nothing to check. */
MUST_CHECK bool bound_key_check(const struct bound_key *key, const struct pubkey *ak, struct bytes challenge, struct bytes qualified_signer,
                                struct findings *findings, struct err *err);

/* The policy key object: {"jwk":…,"info":…} without unknown members. */
void bound_key_write(struct json_out *out, const char *name, const struct bound_key *key);
