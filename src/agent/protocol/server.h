/* agent/protocol/server.h: one trueboot server as the agent calls it: JSON in, JSON out, refusals sorted into failures.
 *
 * Classes: guest-agent.md 3.8, 8.5. Error bodies in both published spellings, {"error":{"code","message"}} and {"Error":{"Code","Message"}}, and in
 * those of others that stand in front of a server: {"error":"word","error_description"}, {"code","message"}, {"title","detail"} (RFC 9457). */
#pragma once
#include "agent/failure/note.h"
#include "agent/settings/config.h"
#include "base/arena.h"
#include "http/client/client.h"
#include "json/value.h"

struct server;

#define SERVER_EVIDENCE_FILE "evidence.json"

struct server_config {
    const char *endpoint;               /* "https://HOST:PORT" or with a path below which the server lives */
    const char *ca_file;                /* PEM bundle; NULL: the system's */
    struct bytes ca_pem;                /* the same, in memory */
    const char *cert_file, *key_file;   /* what we show to a server that asks who we are; NULL: nothing */
    const char *proxy, *no_proxy;       /* NULL: the environment's */
    const char *proxy_credentials_file; /* user:password, for our eyes only; NULL: none */
    const char *pins;                   /* http/client/client.h; NULL: none */
    const char *dump_dir;               /* server_keep_evidence; NULL: it keeps nothing */
    bool insecure_loopback;             /* http:// to a loopback address or localhost is fine */
    unsigned connect_timeout_seconds, tls_timeout_seconds, first_byte_timeout_seconds, total_timeout_seconds; /* 0: 10, 10, 60, 120 */
};

/* The net.* keys but the certificate of our own, which only the monitor is shown; for one endpoint; borrows from `config`. */
struct server_config server_config_of(const struct agent_config *config, const char *endpoint);
/* The address that calls are put behind. Some clients are given that of the call itself (3.1): "https://host/attest/AzureGuest?api-version=2020-10-01"
 * is https://host. NULL: no memory. */
char *server_base(struct arena *a, const char *address);
/* Whether it is one that we call: https, or what net.allow_insecure_loopback allows; else NO_ENDPOINT. */
MUST_CHECK bool server_check_address(const struct server_config *config, struct failure *why);
MUST_CHECK bool server_open(const struct server_config *config, struct server **ret, struct failure *why);
void server_close(struct server *server);
void server_close_at(struct server **server);

/* The client alone, and how its classes of failure are called here: for diagnosis. */
MUST_CHECK bool server_http_client(const struct server_config *config, struct http_client **ret, struct failure *why);
enum failure_id server_failure_of(enum http_failure http);

const char *server_endpoint(const struct server *server); /* without a slash at its end */

/* "/report/v1/X" → the path of the request line, with the endpoint's own path in front. NULL: no memory. */
MUST_CHECK char *server_path(const struct server *server, struct arena *a, const char *path);

struct server_answer {
    unsigned status;
    const struct json *json;           /* NULL: no body, or none that is JSON */
    struct bytes code, message, inner; /* of the error body; empty: none. inner: error.innererror.code */
    struct bytes elsewhere;            /* of a redirection that was not followed: where to, without its query */
    unsigned retry_after_seconds;
};

/* What an answer says. True for any that is JSON or empty, for a 404 in whatever words, and for a bare word in base64url with 200 (3.4: a token without its
 * object); PROXY_BLOCK for what is not JSON, BAD_ANSWER for JSON that is none to us, and for bytes in a coding that we did not ask for. */
MUST_CHECK bool server_answer_read(const struct http_answer *answer, struct arena *a, struct server_answer *ret, struct failure *why);

/* server_post sends, and reads the answer as above. `path` begins with '/', may have a query; `authorization` may be NULL. */
MUST_CHECK bool server_post(struct server *server, const char *path, struct bytes body, const char *authorization, struct arena *a,
                            struct server_answer *ret, struct failure *why);

/* debug.dump_evidence: the request that is about to be sent, as evidence.json in dump_dir, 0600; the newest replaces the one before. Never in anybody's way. */
void server_keep_evidence(const struct server *server, struct bytes body);

/* What a Retry-After header says (RFC 9110, 10.2.3), in seconds: a number, or a date, which counts from the server's own `date`, else from now. 0: nothing
 * to wait for, or nothing that is either; never more than a day. */
unsigned server_retry_after(struct bytes text, struct bytes date, int64_t now_ms);
/* How far the server's clock is ahead of ours, by the Date of its last answer; 0 below half a minute (8.1: iat within 120 s). */
int64_t server_clock_ahead_ms(const struct server *server);
/* A clock that is more than two minutes off is worth a note, and stops nobody (9.4 CLOCK_SKEW). NULL is fine. */
void server_note_skew(const struct server *server, struct notes *notes);

/* server_refusal sorts an answer that is not 2xx: 400 REFUSED, 401/403 NOT_AUTHORISED, 404 WRONG_ENDPOINT, 407 PROXY_AUTH, 408, 429 and
 * 5xx SERVER_TROUBLE with Retry-After, others BAD_ANSWER. The sentence is "code: message". Returns false. */
bool server_refusal(const struct server_answer *answer, struct failure *why);
