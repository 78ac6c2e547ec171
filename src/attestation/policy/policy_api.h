/* attestation/policy/policy_api.h: reading, setting and resetting the policies of a provider (attestation-service.md 4). */
#pragma once
#include "attestation/service/service.h"

/* Handlers; the context is the service. */
bool policy_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool policy_put(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool policy_reset(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* Ours: GET …/policies/{type}/history: {"value":[{"version","time","by","action","hash","signed","policy"}]}, newest first. */
bool policy_history(void *context, const struct http_request *request, struct http_response *response, struct err *err);
