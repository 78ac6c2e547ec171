/* truebootd/probes.h: what operators and their monitoring ask: /metrics, /healthz, /v1/audit/head. */
#pragma once
#include "truebootd/server.h"

extern const struct http_route probes_standard_routes[];
extern const size_t probes_n_standard_routes;

/* A copy in the server's arena, because who may see /metrics is a setting. */
MUST_CHECK bool probes_routes(struct server *s, struct http_routes *ret, struct err *err);
