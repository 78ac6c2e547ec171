/* attestation/resource/provider_api.h: creating and changing providers (attestation-service.md 12): as clients of the original's management plane do
 * it, below /subscriptions/…, and the same below /v1/providers for everybody else. */
#pragma once
#include "attestation/service/service.h"
#include "store/providers.h"

/* The context is the service. */
extern const struct http_route provider_routes[];
extern const size_t provider_n_routes;

/* Pieces for neighbours: the resource, its id, who calls, ids that compare in either case, and the api-version that every call below
 * /subscriptions needs (false: the answer is made). */
void provider_write(struct arena *a, struct json_out *out, const struct store_provider *provider);
const char *provider_id(struct arena *a, const struct store_provider *provider);
const char *provider_caller(const struct http_request *request);
bool provider_same_id(struct bytes given, const char *stored);
bool provider_version_fine(const struct http_request *request, struct http_response *response);
/* The same for calls that are older than attestation providers: a date from `oldest` on. */
bool provider_version_since(const struct http_request *request, struct http_response *response, const char *oldest);
