/* truebootd/server.h: the parts wired together: store, keys, attestation service, monitor, management, HTTP. */
#pragma once
#include <stdatomic.h>
#include <stdio.h>
#include "attestation/service/service.h"
#include "audit/audit.h"
#include "http/server/server.h"
#include "keystore/keystore.h"
#include "management/management.h"
#include "monitor/monitor.h"
#include "oidc/oidc.h"
#include "refdata/refdata.h"
#include "truebootd/config.h"
#include "truebootd/instruments.h"

struct tls;

struct server {
    struct config *config; /* LIVE settings change in it, in the main thread; each is one number */
    struct arena arena;    /* what lives as long as the server */
    struct store *store;
    const struct refdata *reference; /* NULL: none */
    struct ca *root_ca, *ak_ca, *token_ca;
    struct attestation_service attestation;
    struct trusted_provider provider;
    struct monitor monitor;
    struct management management;
    struct rate_limiter *per_address, *per_address_costly, *per_vm;
    struct audit *audit;          /* NULL: none is kept */
    struct signing_key audit_key; /* of its checkpoints */
    struct oidc *oidc;            /* NULL: no issuer is configured */
    struct instruments *instruments;
    atomic_bool log_all, refuse_unaudited, audit_fails;
    const char *location;
    int64_t started_ms;
    struct http_server *http;
    struct tls *tls; /* truebootd/tls.h; NULL before the network */
    struct housekeeping *housekeeping;
};

/* server_start is complete or fails with one sentence; server_stop takes what server_start has built so far. */
MUST_CHECK bool server_start(struct config *config, struct server *server, struct err *err);
/* server_reload puts the LIVE settings of server->config in force. */
void server_reload(struct server *server);
void server_stop(struct server *server);

/* "METHOD PATTERN ROLE" for every address that a server with the settings as they are answers: for tests and documentation. */
void server_list_routes(FILE *to);
