/* attestation/resource/operations_api.h: asking for tracked operations (control-plane.md 1.1). */
#pragma once
#include "attestation/resource/operation.h"

/* Handlers; the context is the service. */
bool operation_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* What a Location header leads to: 202 while it runs, then the resource (200), nothing (204), or the error. */
bool operation_get_result(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* Newest first, ?top=N (at most 1000), ?before=ID; nextLink when there may be more. */
bool operation_get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err);
