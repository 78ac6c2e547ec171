/* truebootd/audit_api.h: the audit log over the network (control-plane.md 7.2, 10). */
#pragma once
#include "http/server/message.h"

/* GET /v1/audit?after=SEQ&limit=N: for an auditor. {"value":[records, byte for byte as in the log],"nextLink":…|null}. The context is a struct server. */
bool audit_get_page(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* GET /v1/audit/head: the newest signed checkpoint, and how many records there are. */
bool audit_get_head(void *context, const struct http_request *request, struct http_response *response, struct err *err);
