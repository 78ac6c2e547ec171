/* attestation/provider_api.h: creating and changing providers (attestation-service.md 12): as clients of the original's management plane do
 * it, below /subscriptions/…, and the same below /v1/providers for everybody else. */
#pragma once
#include "attestation/service.h"

/* The context is the service. */
extern const struct http_route provider_routes[];
extern const size_t provider_n_routes;
