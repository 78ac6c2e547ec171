/* http/server/message.h: one request as a handler sees it, and the response it makes. Nothing here knows the library that carries them. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"
#include "http/field.h"
#include "json/parse.h"
#include "json/write.h"

/* Who may call (control-plane.md 7.2). AGENT stands apart: it is a VM's own key and nobody else. So does ENROLLER, who makes enrolment tokens and reads
 * nothing else. Every other role from READER on includes READER; AUDITOR (the audit log), POLICY_ADMIN (policies and their signers) and SECURITY_ADMIN
 * (baselines) do not include each other, CONTRIBUTOR includes all of them but AUDITOR, OWNER everything. */
enum http_role {
    HTTP_ANONYMOUS,
    HTTP_AGENT,
    HTTP_READER,
    HTTP_ENROLLER,
    HTTP_AUDITOR,
    HTTP_POLICY_ADMIN,
    HTTP_SECURITY_ADMIN,
    HTTP_CONTRIBUTOR,
    HTTP_OWNER,
    HTTP_ROLE_COUNT
};

const char *http_role_name(enum http_role role); /* "anonymous", "agent", "reader", "policy-admin", … */
bool http_role_suffices(enum http_role has, enum http_role needed);

struct http_peer {
    bool local; /* over the unix socket; uid, gid and pid are the kernel's word */
    uid_t uid;
    gid_t gid;
    pid_t pid;
    const char *address; /* "192.0.2.1", "2001:db8::1" or "local" */
};

/* Who the caller proved to be; filled by the server's `identify`. */
struct http_caller {
    enum http_role role;
    const char *subject; /* in the request's arena: a user, a VM's UUID, "uid 0"; NULL for anonymous */
    const char *scope;   /* "NAME/VALUE": good only for addresses whose parameter {NAME} is VALUE; NULL: for all */
};

enum { HTTP_REQUEST_ID_TEXT_LEN = 37 };

struct http_request {
    struct arena *arena;        /* lives until the response is sent */
    const char *method;         /* "GET" for HEAD on a GET route: the body is left out by the server */
    struct bytes path;          /* as sent, not decoded, without the query: what an `htu` covers */
    struct http_fields params;  /* of the path, decoded: valid UTF-8, no control characters, no '/' (but in {name*}) */
    struct http_fields query;   /* decoded, in order, duplicates kept */
    struct http_fields headers; /* in order, duplicates kept; names as sent */
    struct bytes body;
    struct http_peer peer;
    struct http_caller caller;
    const struct http_route *route;
    char id[HTTP_REQUEST_ID_TEXT_LEN]; /* also sent as x-ms-request-id */
};

/* BYTES_NONE when absent. Path parameters compare exactly, the others in any case of ASCII letters; the first one counts. */
struct bytes http_param(const struct http_request *request, const char *name);
struct bytes http_header(const struct http_request *request, const char *name);
size_t http_header_count(const struct http_request *request, const char *name);
size_t http_query_count(const struct http_request *request, const char *name);
/* The one value of a query parameter: NOT_FOUND when absent, MALFORMED when given twice. */
MUST_CHECK bool http_query(const struct http_request *request, const char *name, struct bytes *ret, struct err *err);
/* The body as JSON; MALFORMED says where. */
MUST_CHECK bool http_body_json(const struct http_request *request, const struct json_options *options /* may be NULL */,
                               const struct json **ret, struct err *err);

/* Whether a caller's role and scope suffice for this request, of a route that wants `needed`. */
bool http_caller_may(const struct http_caller *caller, const struct http_request *request, enum http_role needed);

struct http_response {
    struct arena *arena;
    unsigned status;               /* 200 unless set */
    const char *content_type;      /* "application/json; charset=utf-8" unless set; not sent without a body */
    const char *cache_control;     /* "no-store" unless set */
    struct http_field headers[16]; /* further ones */
    size_t n_headers;
    struct writer body;
    const char *internal;   /* for the log: the sentence that was kept from the caller; NULL: none */
    const char *error_text; /* of the error body, for the audit log; NULL: none */
    const char *warning;    /* for the log, of an answer that is fine; NULL: none */
    const char *subject; /* for the audit log: who it turned out to be, where the handler is who looks at credentials; NULL: the caller */
    const char *outcome; /* for metrics, a fixed word; NULL: the status says it all */
    /* For programs, in the next error body (control-plane.md 1.1): err_point(&response->about, …) becomes `target`, err_advise(&response->about, …)
     * a Remedy under `additionalInfo`. Code and text are not looked at. */
    struct err about;
};

/* Adds a header; text is copied. A value with control characters, or a 17th header, is a mistake of ours and turns the answer into a 500. */
void http_response_header(struct http_response *response, const char *name, const char *value);
/* Starts a JSON body: struct json_out out = http_response_json(response, 200); json_begin_object(&out, NULL); … */
struct json_out http_response_json(struct http_response *response, unsigned status);

/* The error body of attestation-service.md 2.5: {"error":{"code":…,"message":…,"innererror":{"code":…}}}; the header x-ms-error-code
 * carries `code` too. `inner` is a finding id or sub-code; NULL leaves innererror out. Replaces what the body held. Returns true, so that a
 * handler can say: return http_response_error(response, 400, "PolicyEvaluationError", id, "%s", sentence); */
bool http_response_error(struct http_response *response, unsigned status, const char *code, const char *inner, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* 429 with Retry-After: "There are too many calls WHOSE; try again in N s." */
bool http_response_busy(struct http_response *response, unsigned retry_seconds, const char *whose);
/* From an err, with its target and remedy, through one table: MALFORMED, TRUNCATED, UNSUPPORTED, UNTRUSTED 400 · LIMIT 413 · DENIED 403 · NOT_FOUND 404 · CONFLICT 409 ·
 * UNREACHABLE, LATE 503 and RATE 429 with Retry-After · IO, NO_MEMORY, INTERNAL 500 without the sentence (nothing internal leaves the house). */
bool http_response_err(struct http_response *response, const struct err *err);
