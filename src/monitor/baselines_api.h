/* monitor/baselines_api.h: the accepted boots of a VM over HTTP: looked at, approved, rejected, pinned. Handlers of monitor/routes.c, private to it. */
#pragma once
#include "monitor/monitor.h"

/* The newest that is accepted, or ?version=N; without one that is accepted, the last that was. */
MUST_CHECK bool baselines_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* All that ever were, newest first, a page at a time: {"value":[…],"next":"VERSION"|null}; ?after=VERSION goes on. */
MUST_CHECK bool baselines_list(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* {"reason":words,"appraisal":id,"replace":b,"pin":b}, all optional; answered with the VM's status. */
MUST_CHECK bool baselines_approve(void *context, const struct http_request *request, struct http_response *response, struct err *err);
/* {"version":n,"reason":words}; {"version":n,"pinned":b}: pinned unless it says false. */
MUST_CHECK bool baselines_reject_one(void *context, const struct http_request *request, struct http_response *response, struct err *err);
MUST_CHECK bool baselines_pin_one(void *context, const struct http_request *request, struct http_response *response, struct err *err);
