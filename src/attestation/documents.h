/* attestation/documents.h: what a provider publishes for everybody: its keys and its metadata (attestation-service.md 3.4, 3.5, 3.7).
 *
 * Both may be kept for an hour, and read by scripts of any origin. The metadata document also says which limits hold here (13.3, 15). */
#pragma once
#include "http/server/message.h"

/* GET /certs */
bool document_certs(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* GET /.well-known/openid-configuration */
bool document_openid(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* OPTIONS of both: what a browser asks before it lets a script send a header of its own, as clients' x-ms-client-request-id (2.5). */
bool document_preflight(void *context, const struct http_request *request, struct http_response *response, struct err *err);
