/* attestation/resource/provider_api.h: creating and changing providers (attestation-service.md 12): as clients of the original's management plane do
 * it, below /subscriptions/…, and the same below /v1/providers for everybody else. */
#pragma once
#include "attestation/resource/provider_form.h"

/* The context is the service. */
extern const struct http_route provider_routes[];
extern const size_t provider_n_routes;

/* The provider that the path names, of the path's subscription and group if it says them. */
MUST_CHECK bool provider_find(const struct attestation_service *s, const struct http_request *request, struct store_provider *ret,
                              struct err *err);
