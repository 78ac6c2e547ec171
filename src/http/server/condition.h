/* http/server/condition.h: ETags, and requests that hold only for one state of a resource (RFC 9110 8.8.3, 13; control-plane.md 10). */
#pragma once
#include "http/server/message.h"

/* "\"CREATED-VERSION\"", strong: a row that was made anew, and counts from 1 again, has another one. NULL: no memory. */
const char *http_etag(struct arena *a, int64_t created_ms, int64_t version);

/* Whether If-Match and If-None-Match let the request go on for a resource with this ETag (NULL: it is not there). If not, the answer is made: 304
 * when GET asks for news and there are none, else 412 PreconditionFailed. */
bool http_condition_holds(const struct http_request *request, struct http_response *response, const char *etag);
