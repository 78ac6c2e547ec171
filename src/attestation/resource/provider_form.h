/* attestation/resource/provider_form.h: a provider as the resource that callers see, and what every call about one has in common. */
#pragma once
#include "attestation/service/service.h"
#include "store/providers.h"

#define PROVIDER_RESOURCE_TYPE "Microsoft.Attestation/attestationProviders"

void provider_write(struct arena *a, struct json_out *out, const struct store_provider *provider);
/* The shared one, which is in no subscription. */
void provider_write_shared(const struct attestation_service *s, struct arena *a, struct json_out *out, const struct provider *p);
const char *provider_id(struct arena *a, const struct store_provider *provider);

/* Who calls, for what is stored. */
const char *provider_caller(const struct http_request *request);
/* Ids compare in either case. */
bool provider_same_id(struct bytes given, const char *stored);
/* The api-version that every call below /subscriptions needs; false: the answer is made. */
bool provider_version_fine(const struct http_request *request, struct http_response *response);
/* The same for calls that are older than attestation providers: a date from `oldest` on. */
bool provider_version_since(const struct http_request *request, struct http_response *response, const char *oldest);
