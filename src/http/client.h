/* http/client.h: HTTP out, for agents, the command line and webhooks. libcurl carries it, hidden here.
 *
 * A client keeps its connection between requests. One client is for one thread at a time. Redirects are not followed. TLS 1.2 or
 * better; verification cannot be switched off. The proxy variables of the environment are honoured, but never for loopback and
 * link-local addresses (guest-agent.md 8.5). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "http/message.h"

/* clang-format off */
/* Why a request got no answer, in the classes of guest-agent.md 8.5.
 *   name              slug                meaning, for the operator */
#define HTTP_FAILURES(X)                                                                                                              \
    X(NONE,              "none",             "there was an answer")                                                                    \
    X(URL,               "url",              "the address is not a valid http or https URL")                                           \
    X(DNS,               "dns",              "the name cannot be resolved: check the name and the resolver, or allow DNS (port 53)")    \
    X(CONNECT_TIMEOUT,   "connect_timeout",  "nothing answers: a firewall drops the connection, or the machine is off; allow the port outbound") \
    X(CONNECT_REFUSED,   "connect_refused",  "the connection is refused: the service is down, or a firewall rejects it")                \
    X(PROXY,             "proxy",            "the proxy cannot be reached or does not let the request through: allow the address there") \
    X(PROXY_AUTH,        "proxy_auth",       "the proxy wants credentials")                                                             \
    X(TLS_UNTRUSTED,     "tls_untrusted",    "the certificate is not issued by a CA we trust; an inspecting proxy is the usual cause: add its CA") \
    X(TLS_NAME,          "tls_name",         "the certificate is for another name")                                                     \
    X(TLS_TIME,          "tls_time",         "the certificate is not valid now: check this machine's clock")                            \
    X(TLS_PROTOCOL,      "tls_protocol",     "no TLS connection comes about; a filtering firewall is a usual cause")                    \
    X(TIMEOUT,           "timeout",          "the answer took too long")                                                                \
    X(DROPPED,           "dropped",          "the connection broke off before the answer was complete")                                 \
    X(TOO_LARGE,         "too_large",        "the answer is larger than we accept")                                                     \
    X(CA_FILE,           "ca_file",          "the file of CA certificates cannot be used")                                              \
    X(LOCAL,             "local",            "this machine ran out of something")
/* clang-format on */

enum http_failure {
#define X(name, slug, meaning) HTTP_FAILURE_##name,
    HTTP_FAILURES(X)
#undef X
};

const char *http_failure_slug(enum http_failure failure);
const char *http_failure_meaning(enum http_failure failure);

struct http_client;

struct http_client_config {      /* zeroed: the defaults; everything is copied */
    const char *unix_socket;     /* connect there instead of to the URL's host */
    const char *ca_file;         /* PEM bundle instead of the system's */
    struct bytes ca_pem;         /* the same, in memory */
    const char *proxy;           /* instead of the environment's */
    const char *user_agent;      /* "trueboot/VERSION" */
    unsigned connect_timeout_ms; /* 10 s */
    unsigned total_timeout_ms;   /* 120 s */
    size_t max_response;         /* 2 MiB */
};

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
/* A header of the answer, any case; BYTES_NONE when absent. */
struct bytes http_answer_header(const struct http_answer *answer, const char *name);
