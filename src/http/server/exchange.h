/* http/server/exchange.h: one request and its answer, in the callbacks that the library makes. Private to src/http. */
#pragma once
#include <microhttpd.h>
#include <stdatomic.h>
#include "http/server/connections.h"
#include "http/server/server.h"

/* What exchanges share. */
struct exchange_host {
    const struct http_server_config *config;
    struct connections connections;
    atomic_uint in_flight; /* requests whose head has arrived and whose response has not been sent */
    atomic_bool stopping;
    atomic_ullong requests, late;
};

/* The callbacks, with the host as their context. */
void *exchange_begin(void *host, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_step(void *host, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *upload, size_t *upload_len, void **exchange);
void exchange_end(void *host, struct MHD_Connection *connection, void **exchange, enum MHD_RequestTerminationCode why);
