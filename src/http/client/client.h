/* http/client/client.h: HTTP out, for agents, the command line and webhooks. libcurl carries it, hidden here
 * (WinHTTP on Windows).
 *
 * A client keeps its connection between requests. One client is for one thread at a time. Redirects are not followed. TLS 1.2 or
 * better; verification cannot be switched off. Proxies: http/client/proxy.h. Each stage of a request has a deadline of its own. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "http/field.h"

/* clang-format off */
/* Why a request got no answer, in the classes of guest-agent.md 8.5, with its numbers (0: no class of that table).
 *   name              slug               number meaning, for the operator */
#define HTTP_FAILURES(X)                                                                                                              \
    X(NONE,              "none",            0,    "there was an answer")                                                                   \
    X(URL,               "url",             0,    "the address is not a valid http or https URL")                                          \
    X(DNS,               "dns",             6401, "the name cannot be resolved: check the name and the resolver, or allow DNS (UDP and TCP 53)") \
    X(CONNECT_TIMEOUT,   "connect_timeout", 6402, "nothing answers: a firewall or NSG drops the connection, or the machine is off; allow the port outbound") \
    X(PROXY_AUTH,        "proxy_auth",      6403, "the proxy wants credentials: put user:password into the file of net.proxy_credentials_file") \
    X(CONNECT_REFUSED,   "connect_refused", 6404, "the connection is refused: the service is down, a firewall rejects it, or there is no route") \
    X(PROXY_BLOCK,       "proxy_block",     6405, "the proxy does not let the request through: put the address on its allow-list")         \
    X(TLS_UNTRUSTED,     "tls_untrusted",   6406, "the certificate is not issued by a CA we trust; an inspecting proxy is the usual cause: install its CA in net.ca_file, or exclude the name from inspection") \
    X(TLS_NAME,          "tls_name",        6407, "the certificate is for another name")                                                   \
    X(TLS_TIME,          "tls_time",        6408, "the certificate is not valid now")                                                      \
    X(TLS_PROTO,         "tls_proto",       6409, "no TLS connection comes about: no common version (1.2 at least), or a firewall that filters by name cuts it off") \
    X(MTU,               "mtu",             6410, "large packets do not get through, small ones do: lower the MTU of the interface, or let ICMP \"fragmentation needed\" pass") \
    X(TIMEOUT,           "timeout",         6411, "the answer took too long")                                                              \
    X(DROPPED,           "dropped",         0,    "the connection broke off before the answer was complete")                               \
    X(TOO_LARGE,         "too_large",       0,    "the answer is larger than we accept")                                                   \
    X(CA_FILE,           "ca_file",         0,    "the file of CA certificates cannot be used")                                            \
    X(CLIENT_CERT,       "client_cert",     0,    "the certificate that we show, or its key, cannot be used")                              \
    X(LOCAL,             "local",           0,    "this machine ran out of something")
/* clang-format on */

enum http_failure {
#define X(name, slug, number, meaning) HTTP_FAILURE_##name,
    HTTP_FAILURES(X)
#undef X
};

const char *http_failure_slug(enum http_failure failure);
const char *http_failure_meaning(enum http_failure failure);
unsigned http_failure_number(enum http_failure failure);

struct http_client;

struct http_client_config {  /* zeroed: the defaults; everything is copied */
    const char *unix_socket; /* connect there instead of to the URL's host */
    bool refuse_link_local;  /* for addresses that others name: not to 169.254.0.0/16 and fe80::/10, where clouds keep credentials */
    const char *ca_file;     /* PEM bundle instead of the system's */
    struct bytes ca_pem;     /* the same, in memory */
    const char *cert_file, *key_file; /* PEM: what we show to a server that asks who we are, and its key; both or none */
    const char *proxy, *no_proxy;     /* instead of the environment's */
    const char *proxy_credentials;    /* "user:password" */
    const char *pins;                 /* SHA-256 of accepted public keys (SPKI), hexadecimal or base64, separated by blanks or commas */
    const char *user_agent;           /* "trueboot/VERSION" */
    unsigned connect_timeout_ms, tls_timeout_ms, first_byte_timeout_ms, total_timeout_ms; /* 10, 10, 60, 120 s */
    size_t max_response;                                                                  /* 2 MiB */
    /* So long a connection may be idle and is still gone on with, as far as the server keeps it; the kernel looks after it meanwhile, so that one which
     * died on the way is noticed. 0: two minutes. None lives longer than LIMIT_HTTP_CONNECTION_LIFE_SECONDS, or than its certificates. */
    unsigned kept_seconds;
};

/* MALFORMED: pins that are none. */
MUST_CHECK bool http_client_new(const struct http_client_config *config, struct http_client **ret, struct err *err);
void http_client_free(struct http_client *client);
void http_client_free_at(struct http_client **client);

struct http_call {
    const char *method; /* "GET", "POST", "PUT", "DELETE", … */
    const char *url;
    struct bytes body;        /* sent when len > 0, and (empty) with POST and PUT */
    const char *content_type; /* NULL: application/json */
    const struct http_field *headers;
    size_t n_headers;
};

struct http_answer {
    unsigned status;
    struct http_fields headers; /* of the final answer */
    struct bytes body;          /* in the arena */
};

/* True when there is an answer, whatever its status. Otherwise *ret_failure (may be NULL) has the class, and err (UNREACHABLE; LIMIT for
 * TOO_LARGE; MALFORMED for URL) one sentence that names the address and what to do. */
MUST_CHECK bool http_client_send(struct http_client *client, struct arena *a, const struct http_call *call, struct http_answer *ret,
                                 enum http_failure *ret_failure, struct err *err);
/* Each header of the call is one line: a token out of a file or a variable must not end its line and begin a header, or a request, of its own. What
 * http_client_send asks first. */
MUST_CHECK bool http_call_check(const struct http_call *call, struct err *err);
/* A header of the answer, any case; BYTES_NONE when absent. */
struct bytes http_answer_header(const struct http_answer *answer, const char *name);

/* What was seen during the last http_client_send, for diagnosis. Lives until the next one. Zero times: not reached. */
struct tls_peer;
struct http_trace {
    enum http_failure failure;
    char proxy[128]; /* "": direct; without credentials */
    bool dropped_proxy_credentials;
    char address[64]; /* numeric; the proxy's when there is one */
    unsigned port;
    unsigned resolved_ms, connected_ms, tls_ms, first_byte_ms, total_ms; /* since the start */
    bool has_server_time;                                                /* by a Date header */
    int64_t server_ahead_ms;                                             /* of this machine's clock */
    const struct tls_peer *peer; /* never NULL; of the last handshake that was made (x509/tls_peer.h) */
};
const struct http_trace *http_client_trace(const struct http_client *client);
