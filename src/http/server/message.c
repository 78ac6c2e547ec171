#include "http/server/message.h"
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static const struct {
    const char *name;
    unsigned includes; /* a bit of each role whose routes it may call */
} roles[HTTP_ROLE_COUNT] = {
#define BIT(role) (1u << HTTP_##role)
    [HTTP_ANONYMOUS] = { "anonymous", BIT(ANONYMOUS) },
    [HTTP_AGENT] = { "agent", BIT(ANONYMOUS) | BIT(AGENT) },
    [HTTP_READER] = { "reader", BIT(ANONYMOUS) | BIT(READER) },
    [HTTP_ENROLLER] = { "enroller", BIT(ANONYMOUS) | BIT(ENROLLER) },
    [HTTP_AUDITOR] = { "auditor", BIT(ANONYMOUS) | BIT(READER) | BIT(AUDITOR) },
    [HTTP_POLICY_ADMIN] = { "policy-admin", BIT(ANONYMOUS) | BIT(READER) | BIT(POLICY_ADMIN) },
    [HTTP_SECURITY_ADMIN] = { "security-admin", BIT(ANONYMOUS) | BIT(READER) | BIT(SECURITY_ADMIN) },
    [HTTP_CONTRIBUTOR] = { "contributor",
                           BIT(ANONYMOUS) | BIT(READER) | BIT(ENROLLER) | BIT(POLICY_ADMIN) | BIT(SECURITY_ADMIN) | BIT(CONTRIBUTOR) },
    [HTTP_OWNER] = { "owner", BIT(ANONYMOUS) | BIT(READER) | BIT(ENROLLER) | BIT(AUDITOR) | BIT(POLICY_ADMIN) | BIT(SECURITY_ADMIN) |
                                  BIT(CONTRIBUTOR) | BIT(OWNER) },
#undef BIT
};

const char *http_role_name(enum http_role role) { return (size_t)role < HTTP_ROLE_COUNT ? roles[role].name : "nobody"; }

bool http_role_suffices(enum http_role has, enum http_role needed)
{
    return (size_t)has < HTTP_ROLE_COUNT && (size_t)needed < HTTP_ROLE_COUNT && (roles[has].includes & (1u << needed)) != 0;
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

static bool same_text(struct bytes a, const char *b) { return a.len == strlen(b) && strncasecmp((const char *)a.data, b, a.len) == 0; }

static struct bytes find_field(struct http_fields fields, const char *name, size_t *ret_n)
{
    struct bytes first = BYTES_NONE;

    *ret_n = 0;
    for (size_t i = 0; i < fields.n; i++)
        if (same_text(fields.items[i].name, name) && (*ret_n)++ == 0)
            first = fields.items[i].value;
    return first;
}

struct bytes http_param(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->params.n; i++)
        if (bytes_equal_string(request->params.items[i].name, name))
            return request->params.items[i].value;
    return BYTES_NONE;
}

struct bytes http_header(const struct http_request *request, const char *name)
{
    size_t n;

    return find_field(request->headers, name, &n);
}

size_t http_header_count(const struct http_request *request, const char *name)
{
    size_t n;

    find_field(request->headers, name, &n);
    return n;
}

size_t http_query_count(const struct http_request *request, const char *name)
{
    size_t n;

    find_field(request->query, name, &n);
    return n;
}

bool http_query(const struct http_request *request, const char *name, struct bytes *ret, struct err *err)
{
    size_t n;
    struct bytes value = find_field(request->query, name, &n);

    if (n == 0)
        return err_set(err, ERR_NOT_FOUND, "the query parameter %s is missing", name);
    if (n > 1)
        return err_set(err, ERR_MALFORMED, "the query parameter %s is given %zu times", name, n);
    *ret = value;
    return true;
}

bool http_body_json(const struct http_request *request, const struct json_options *options, const struct json **ret, struct err *err)
{
    struct bytes body = request->body;

    if (bytes_starts_with(body, BYTES_LIT("\xef\xbb\xbf"))) /* as some shells write it; RFC 8259 8.1 lets a receiver ignore it */
        body = bytes_slice(body, 3, body.len);
    if (json_parse(request->arena, body, options, ret, err) && json_refuse_nul(*ret, err))
        return true;
    if (err->code == ERR_LIMIT)
        err->code = ERR_MALFORMED; /* too deep, or a number too large: that is not 413, which is about the body's length */
    return err_within(err, "the request's body");
}

bool http_caller_may(const struct http_caller *caller, const struct http_request *request, enum http_role needed)
{
    const char *slash = caller->scope ? strchr(caller->scope, '/') : NULL;

    if (!http_role_suffices(caller->role, needed))
        return false;
    if (!caller->scope || needed == HTTP_ANONYMOUS)
        return true;
    for (size_t i = 0; slash && i < request->params.n; i++)
        if (bytes_equal(request->params.items[i].name, (struct bytes){ (const uint8_t *)caller->scope, (size_t)(slash - caller->scope) }))
            return bytes_equal_string(request->params.items[i].value, slash + 1);
    return false;
}

/* ---- responses ----------------------------------------------------------------------------------------------------- */

static bool is_header_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

/* A mistake of ours in making a response; the caller learns only that it was one. */
static void spoil(struct http_response *response, const char *why)
{
    response->about = ERR_INIT;
    http_response_error(response, 500, "InternalError", NULL, "Something went wrong in the server; its log says more.");
    response->internal = why;
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    char *name_copy = arena_string(response->arena, bytes_of_string(name));
    char *value_copy = arena_string(response->arena, bytes_of_string(value));

    if (!name_copy || !value_copy) {
        spoil(response, "out of memory");
        return;
    }
    if (!is_header_text(name) || !is_header_text(value) || response->n_headers == ARRAY_LEN(response->headers)) {
        spoil(response, "a header of the response cannot be sent");
        return;
    }
    response->headers[response->n_headers++] = (struct http_field){ bytes_of_string(name_copy), bytes_of_string(value_copy) };
}

struct json_out http_response_json(struct http_response *response, unsigned status)
{
    response->status = status;
    response->content_type = NULL;
    writer_reset(&response->body);
    return json_out_to(&response->body, JSON_COMPACT);
}

/* Codes of earlier errors are replaced, not repeated. */
static void set_error_code(struct http_response *response, const char *code)
{
    size_t kept = 0;

    for (size_t i = 0; i < response->n_headers; i++)
        if (!same_text(response->headers[i].name, "x-ms-error-code"))
            response->headers[kept++] = response->headers[i];
    response->n_headers = kept;
    if (kept < ARRAY_LEN(response->headers))
        response->headers[response->n_headers++] = (struct http_field){ BYTES_LIT("x-ms-error-code"), bytes_of_string(code) };
}

/* Members of the generic error body (control-plane.md 1.1); left out where there is nothing to say. */
static void put_about(struct json_out *out, const struct err *about)
{
    if (about->target[0])
        json_put_string(out, "target", about->target);
    if (!about->command[0] && !about->doc)
        return;
    json_begin_array(out, "additionalInfo");
    json_begin_object(out, NULL);
    json_put_string(out, "type", "Remedy");
    json_begin_object(out, "info");
    if (about->command[0])
        json_put_string(out, "command", about->command);
    if (about->doc)
        json_put_string(out, "doc", about->doc);
    json_end(out);
    json_end(out);
    json_end(out);
}

bool http_response_error(struct http_response *response, unsigned status, const char *code, const char *inner, const char *fmt, ...)
{
    char message[1024];
    struct json_out out = http_response_json(response, status);
    char *code_copy = arena_string(response->arena, bytes_of_string(code));
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    json_begin_object(&out, NULL);
    json_begin_object(&out, "error");
    json_put_string(&out, "code", code);
    json_put_string(&out, "message", message);
    put_about(&out, &response->about);
    if (inner) {
        json_begin_object(&out, "innererror");
        json_put_string(&out, "code", inner);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    response->about = ERR_INIT;
    response->cache_control = NULL;
    response->error_text = arena_string(response->arena, bytes_of_string(message));
    if (code_copy && is_header_text(code_copy))
        set_error_code(response, code_copy);
    return true;
}

/* attestation-service.md 2.5; what is internal has no sentence for the caller. */
static const struct {
    enum err_code err;
    unsigned status;
    const char *code;
    bool internal;
    const char *retry_after; /* seconds; NULL: trying again is of no use */
} answers[] = {
    { ERR_TRUNCATED, 400, "InvalidParameter", false, NULL },
    { ERR_MALFORMED, 400, "InvalidParameter", false, NULL },
    { ERR_UNSUPPORTED, 400, "InvalidParameter", false, NULL },
    { ERR_UNTRUSTED, 400, "InvalidParameter", false, NULL },
    { ERR_LIMIT, 413, "PayloadTooLarge", false, NULL },
    { ERR_DENIED, 403, "Forbidden", false, NULL },
    { ERR_RATE, 429, "TooManyRequests", false, "1" },
    { ERR_NOT_FOUND, 404, "NotFound", false, NULL },
    { ERR_CONFLICT, 409, "Conflict", false, NULL },
    { ERR_UNREACHABLE, 503, "ServiceUnavailable", false, "30" },
    { ERR_LATE, 503, "ServiceUnavailable", false, "10" },
    { ERR_IO, 500, "InternalError", true, NULL },
    { ERR_NO_MEMORY, 500, "InternalError", true, NULL },
    { ERR_INTERNAL, 500, "InternalError", true, NULL },
    { ERR_NONE, 500, "InternalError", true, NULL },
};

bool http_response_busy(struct http_response *response, unsigned retry_seconds, const char *whose)
{
    char seconds[16];

    snprintf(seconds, sizeof seconds, "%u", retry_seconds);
    http_response_header(response, "Retry-After", seconds);
    return http_response_error(response, 429, "TooManyRequests", NULL, "There are too many calls %s; try again in %u s.", whose,
                               retry_seconds);
}

bool http_response_err(struct http_response *response, const struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (answers[i].err != err->code || answers[i].internal)
            continue;
        response->about = *err;
        http_response_error(response, answers[i].status, answers[i].code, NULL, "%s", err->text);
        if (answers[i].retry_after)
            http_response_header(response, "Retry-After", answers[i].retry_after);
        return true;
    }
    spoil(response, arena_string(response->arena, bytes_of_string(err->text)));
    return true;
}
