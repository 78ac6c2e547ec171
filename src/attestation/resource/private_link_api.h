/* attestation/resource/private_link_api.h: private links of a provider: there are none here.
 *
 * They are a matter of the network that a self-hosted server stands in. Asking is no mistake; taking away one that is not there is none either,
 * but making one would promise what nobody keeps. Routes are in provider_api.c; the context is the service. */
#pragma once
#include "attestation/service/service.h"

bool private_links_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool private_link_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool private_link_put(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool private_link_delete(void *context, const struct http_request *request, struct http_response *response, struct err *err);
