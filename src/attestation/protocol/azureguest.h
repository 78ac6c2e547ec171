/* attestation/protocol/azureguest.h: POST /attest/AzureGuest (attestation-service.md section 7). */
#pragma once
#include "attestation/service/service.h"

/* Whose token it will be, and which policy judges: the provider's word. */
struct azureguest_terms {
    const char *issuer; /* attestUri, no slash at the end */
    const struct policy *policy;
    const char *policy_hash;            /* b64u SHA-256 (4.5) */
    const struct cert *policy_signer;   /* NULL: unsigned */
    const struct trust_store *ak_roots; /* who may vouch for attestation keys; NULL: the shared provider's */
    enum token_profile profile;
    const char *provider; /* its name; NULL: the shared one */
};

/* attest_azureguest verifies, lets the policy decide, and answers with a sealed token, or refuses with a finding. True when the
 * response is made, whatever it says. The evidence is not fresh (7.4), so no record of it is kept: a recording could be replayed. */
MUST_CHECK bool attest_azureguest(const struct attestation_service *service, const struct azureguest_terms *terms,
                                  const struct http_request *http, struct http_response *response, struct err *err);
