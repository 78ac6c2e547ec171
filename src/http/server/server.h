/* http/server/server.h: an HTTP/1.1 server over TLS (1.2, 1.3) and over a unix socket, answering from routing tables.
 *
 * libmicrohttpd carries it, hidden here. Handlers run on the server's threads, several at a time. Limits that hold for
 * everybody: request line and headers LIMIT_HTTP_HEADER_BYTES; each route's body limit; connections in total and per address; an absolute
 * deadline for each request, counted from connecting or from the previous response: a client that sends a byte a second is cut off.
 * Every answer carries x-ms-request-id, and echoes x-ms-client-request-id when that is printable and at most 128 bytes long. */
#pragma once
#include "http/server/rate.h"
#include "http/server/route.h"

struct http_server;

struct http_server_config {
    const char *listen;      /* "ADDRESS:PORT", "[IPV6]:PORT", ":PORT" (every address); NULL: no network. Port 0: any free one */
    const char *unix_socket; /* path; NULL: none. A stale socket file is replaced, one that answers is "in use" */
    mode_t unix_mode;        /* 0: 0660 */
    gid_t unix_gid;          /* group of the socket file; (gid_t)-1 or 0: leave as it is */
    struct bytes cert_pem;   /* chain, leaf first; copied */
    struct bytes key_pem;    /* copied, wiped at the end */
    bool plain;              /* no TLS on `listen`: only for a proxy on the same machine */

    const struct http_routes *tables; /* must outlive the server */
    size_t n_tables;

    /* identify says who calls; it sees the whole request, body included. It returns false with UNTRUSTED for credentials that do not hold (401; DENIED:
     * 403). A request without an Authorization header over the local socket, from root or the server's own user, is HTTP_OWNER's without asking; one
     * that has the header is whoever the header proves, wherever it comes from: credentials do not add up (attack-suite.md S2). NULL: all others
     * are anonymous. */
    bool (*identify)(void *context, const struct http_request *request, struct http_caller *ret, struct err *err);
    /* admit may still refuse a caller whose role suffices: UNREACHABLE is 503. May be NULL. */
    bool (*admit)(void *context, const struct http_request *request, struct err *err);
    /* Budgets, each may be NULL: per address (IPv6: per /64), before anything of the request is looked at but its head; calls of HTTP_COSTLY routes
     * come from the second. Per agent, once its signature holds. The local socket has no address and no budget. */
    struct rate_limiter *per_address, *per_address_costly, *per_agent;
    /* observe is told of every request when its answer is known, for the audit log and metrics. May be NULL. */
    void (*observe)(void *context, const struct http_request *request, const struct http_response *response, int64_t duration_us);
    void *context; /* of identify, admit and observe */

    unsigned threads;          /* 0: 2 per processor, at least 4 */
    unsigned max_connections;  /* 0: LIMIT_HTTP_CONNECTIONS */
    unsigned max_per_address;  /* 0: LIMIT_HTTP_CONNECTIONS_PER_ADDRESS */
    unsigned max_per_loopback; /* the same for 127.0.0.0/8, ::1 and the socket (proxies, tests); 0: no limit of their own */
    unsigned deadline_ms;      /* 0: LIMIT_HTTP_DEADLINE_SECONDS */
    unsigned kept_ms;          /* so long an agent's connection may wait for its next request (connections.h); 0: no longer than others */
    size_t max_body_memory;    /* of large bodies, all together: more is 503. 0: LIMIT_HTTP_BODIES_BYTES */
    unsigned answer_ms;        /* from a request's end to its answer; later is 503 (base/deadline.h). 0: LIMIT_HTTP_ANSWER_SECONDS */
    int64_t (*now_us)(void);   /* the clock of answer_ms, for tests; NULL: clock_monotonic_us */
};

/* Listening when it returns true. Errors are one sentence with a remedy: port in use, not allowed, certificate and key that do not fit. */
/* Whether a text can be http_server_config.listen, as far as can be said without listening. */
MUST_CHECK bool http_listen_check(const char *where, struct err *err);
MUST_CHECK bool http_server_start(const struct http_server_config *config, struct http_server **ret, struct err *err);
/* http_server_stop takes no new connections, lets requests in flight finish (at most `grace_ms`), closes all, and frees. NULL is fine. */
void http_server_stop(struct http_server *server, unsigned grace_ms);
unsigned http_server_port(const struct http_server *server); /* 0: no network */

/* New connections get the new certificate; those open keep theirs. On failure the old one stays. */
MUST_CHECK bool http_server_replace_certificate(struct http_server *server, struct bytes cert_pem, struct bytes key_pem, struct err *err);

struct http_server_stats {
    uint64_t requests, connections_made, connections_open, connections_kept, connections_refused, deadlines_hit;
    uint64_t body_bytes; /* of large bodies, in memory now */
    uint64_t late;       /* answers that took too long: 503 */
};
struct http_server_stats http_server_stats(struct http_server *server);
