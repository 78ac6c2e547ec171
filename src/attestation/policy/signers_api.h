/* attestation/policy/signers_api.h: who may sign the policies of an Isolated provider (attestation-service.md 5). */
#pragma once
#include "attestation/service/service.h"

/* Handlers; the context is the service. */
bool signers_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool signers_add(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool signers_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
