/* attestation/azureguest.h: POST /attest/AzureGuest (attestation-service.md section 7). */
#pragma once
#include "attestation/service.h"

/* attest_azureguest verifies, lets the policy decide, and answers with a sealed token, or refuses with a finding. True when the
 * response is made, whatever it says. The evidence is not fresh (7.4), so no record of it is kept: a recording could be replayed. */
MUST_CHECK bool attest_azureguest(struct attestation_service *service, const struct http_request *http, struct http_response *response,
                                  struct err *err);
