/* attestation/resource/directory_api.h: what tools of the cloud ask before they ask for a provider: which tenant and subscriptions a caller has, and whether
 * the resource provider is there, with which api-versions. A server of one's own has one tenant; its subscriptions are the words that
 * its providers were created under, and the one of /v1. Nothing is registered or billed, and every answer says so in the published shape. */
#pragma once
#include "http/server/route.h"

/* Subscription and group of what is made below /v1. */
#define DIRECTORY_NO_SUBSCRIPTION "00000000-0000-0000-0000-000000000000"
#define DIRECTORY_NO_GROUP        "trueboot"

/* Handlers of provider_routes; the context is the service. */
bool directory_tenants(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool directory_subscriptions(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool directory_subscription(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* One resource provider, {namespace}; registering it changes nothing and answers the same. */
bool directory_namespace(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool directory_namespaces(void *context, const struct http_request *request, struct http_response *response, struct err *err);
