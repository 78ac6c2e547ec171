/* attestation/protocol/token.h: the report token of a permitted appraisal (attestation-service.md 3.6, 6.6, 11). */
#pragma once
#include "appraise/appraise.h"
#include "attestation/protocol/message.h"
#include "attestation/service/service.h"

enum { TOKEN_JTI_LEN = 41 /* 40 hexadecimal digits and a NUL */ };

/* report_token_make signs nbf, exp, iat, iss, jti, ver, x-ms-ver, rp_data, nonce, cnf, x-ms-policy-hash, then, in ascending order
 * of name, the policy's claims, x-ms-attestation-type, x-ms-tpm-request-key, and "trueboot": appraisal id, VM, evidence digest,
 * boot counters. Claims that the policy issued under a reserved name are left out. A provider with the token profile "ear" gets an
 * EAT Attestation Result instead (docs/ear.md), whose "trueboot" holds the same. */
MUST_CHECK bool report_token_make(const struct attestation_service *service, const struct provider *provider, struct arena *a,
                                  const struct appraised *appraised, const struct attest_request *request, struct bytes *ret_token,
                                  char ret_jti[static TOKEN_JTI_LEN], struct err *err);

/* Pieces for other tokens: the value of the claim that outgoing claim `first` begins (one: a scalar, several of its name: an array;
 * NULL: no memory), and whether it is the first of its name. */
MUST_CHECK char *token_claim_json(struct arena *a, const struct policy_outcome *outcome, size_t first);
bool token_claim_is_first(const struct policy_outcome *outcome, size_t i);
