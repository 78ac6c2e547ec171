/* attestation/keys_api.h: the server's signing keys, for its operators: GET /v1/keys, POST /v1/keys:rotate, POST /v1/keys:revoke
 * (attestation-service.md 3.7). What is shown is public. */
#pragma once
#include "attestation/service/service.h"

/* The context is the service. */
extern const struct http_route key_routes[];
extern const size_t key_n_routes;
