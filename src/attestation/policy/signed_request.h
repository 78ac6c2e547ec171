/* attestation/policy/signed_request.h: the JWS that the policy and signer APIs take as their body, and who signed it
 * (attestation-service.md 2.3, 4.1, 4.2 steps 2 and 3). */
#pragma once
#include "attestation/service/data_plane.h"

struct signed_request {
    struct bytes compact; /* as received, without quotes and white space: what x-ms-policy-token-hash covers */
    struct bytes payload; /* believed: unsecured where that is allowed, else verified */
    struct cert *signer;  /* leaf; NULL: unsigned */
};

/* `member`: the name under which newer clients wrap the JWS in an object; NULL: none do. For an Isolated provider the JWS must be signed by a
 * registered signer, or by somebody whose certificate one of them issued. For AAD its own leaf must have signed it, if it is signed.
 * MALFORMED, DENIED: the body is not what this provider takes; UNTRUSTED: the signature or the chain does not hold. */
MUST_CHECK bool signed_request_read(const struct data_plane_call *call, const char *member, struct signed_request *ret, struct err *err);
void signed_request_done(struct signed_request *request);
