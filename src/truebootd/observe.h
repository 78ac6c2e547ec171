/* truebootd/observe.h: each answered request into the audit log, the metrics and, where the settings say so, the server's log. */
#pragma once
#include "truebootd/server.h"

/* The `observe` and `admit` of http/server/server.h; the context is the server. */
void observe_request(void *context, const struct http_request *request, const struct http_response *response, int64_t duration_us);
/* Refuses changes by people while the audit log cannot be written, where the settings want that. */
bool observe_admit(void *context, const struct http_request *request, struct err *err);

/* The members of one record (attestation-service.md 13.5): never evidence, tokens, nonces or bodies. */
void observe_record(struct writer *w, const struct http_request *request, const struct http_response *response, int64_t duration_us,
                    int64_t now_ms, const char *location);
