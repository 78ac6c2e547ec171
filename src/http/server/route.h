/* http/server/route.h: what a server answers, as const tables that tests and documentation can walk.
 *
 * A pattern is a path: segments are literals (ASCII letters in either case), placeholders "{name}", placeholders with a literal verb behind
 * a colon "{name}:reset", or, as the last one, "{name*}", which takes the rest of the path, slashes included, possibly empty. A plain "{name}" takes
 * no text with a colon in it, so that "/policies/{type}" and "/policies/{type}:reset" do not overlap. Requests are compared after
 * percent-decoding, so %3A is a colon. Tables are searched in order; the first route that fits path and method answers. */
#pragma once
#include "http/server/message.h"

enum http_content {
    HTTP_NO_BODY,       /* one that comes nevertheless is read and ignored */
    HTTP_JSON,          /* required; Content-Type application/json or …+json, else 415 */
    HTTP_JSON_OPTIONAL, /* the same, but it may be absent */
    HTTP_ANY_BODY,      /* any type, may be empty (attestation-service.md 2.3: policies come as text, JSON or anything) */
};

enum http_cost {
    HTTP_CHEAP,
    HTTP_COSTLY, /* proves something with public keys, for anybody who asks (attestation-service.md 13.3, attack-suite.md S15) */
};

/* A handler makes the response and returns true; or returns false with an err, which becomes the error body (http_response_err). */
struct http_route {
    const char *method; /* "GET" also answers HEAD */
    const char *pattern;
    enum http_role role;
    size_t max_body; /* bytes; larger is 413, not read to its end */
    enum http_content content;
    bool (*handler)(void *context, const struct http_request *request, struct http_response *response, struct err *err);
    unsigned forbidden;  /* status for a known caller whose role does not suffice: 0 means 403; the attestation data plane says 401 */
    enum http_cost cost; /* which of the caller's budgets a call comes from */
    /* Fills in the parameter that the path leaves out (a provider that Host names), before anybody asks what the caller's scope is; may be NULL. */
    bool (*locate)(void *context, struct http_request *request, struct err *err);
    /* Segments without text do not count: for clients that put a base address which ends with a slash before the path. */
    bool any_slashes;
};

/* What a caller lacks who may not: "vms/write", "policies/reset"; made from method and pattern. */
enum { HTTP_PERMISSION_MAX = 96 };
void http_route_permission(const struct http_route *route, char ret[static HTTP_PERMISSION_MAX]);

struct http_routes {
    const struct http_route *routes;
    size_t n;
    void *context; /* for the handlers */
};

enum http_match { HTTP_NO_SUCH_PATH, HTTP_WRONG_METHOD, HTTP_MATCHED };

struct http_target {
    const struct http_route *route;
    void *context;
    struct http_fields params;
    const char *allow; /* for HTTP_WRONG_METHOD: the methods that the path has, "GET, HEAD, PUT" */
};

/* http_route_find splits and decodes `path` (raw, without the query). MALFORMED: bad percent-encoding, invalid UTF-8, a control character, or
 * a segment that is "." or ".." or holds an encoded slash; LIMIT: more than 32 segments. */
MUST_CHECK bool http_route_find(const struct http_routes *tables, size_t n_tables, struct arena *a, const char *method, struct bytes path,
                                enum http_match *ret_match, struct http_target *ret, struct err *err);

/* http_query_parse decodes a query string ("a=1&b=%20"); '+' is a space. At most 64 parameters. */
MUST_CHECK bool http_query_parse(struct arena *a, struct bytes query, struct http_fields *ret, struct err *err);

/* http_pattern_is_valid is for the tests that walk the tables. */
MUST_CHECK bool http_pattern_is_valid(const char *pattern, struct err *err);
