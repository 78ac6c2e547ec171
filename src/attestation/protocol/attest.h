/* attestation/protocol/attest.h: POST /attest/Tpm. */
#pragma once
#include "attestation/service/service.h"

/* attest_tpm answers init messages with a challenge and requests with a report token, or refuses with a finding. True when the
 * response is made, whatever it says. */
MUST_CHECK bool attest_tpm(struct attestation_service *service, const struct provider *provider, const struct http_request *http,
                           struct http_response *response, struct err *err);
