/* attestation/resource/deleted_api.h: providers that were deleted: listed, brought back, ended for good (issue: bringing back a provider that was deleted
 * by mistake is a tracked operation). They are kept for LIMIT_DELETED_PROVIDER_DAYS. */
#pragma once
#include "attestation/service/service.h"

/* Ends for good those whose time has passed. */
MUST_CHECK bool deleted_providers_expire(struct attestation_service *service, struct arena *a, struct err *err);

/* Handlers; the context is the service. */
bool deleted_get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool deleted_get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool deleted_undelete(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool deleted_purge(void *context, const struct http_request *request, struct http_response *response, struct err *err);
