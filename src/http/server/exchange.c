#define _GNU_SOURCE
#include "http/server/exchange.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/deadline.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "crypto/random.h"
#include "http/server/head.h"

enum {
    MAX_HEADERS = 128,
    MAX_URI_BYTES = 8 * 1024,
    MAX_CLIENT_ID_BYTES = 128,
    /* What is read of a refused body, so that the answer arrives; more ends the connection. */
    DISCARD_BYTES = 256 * 1024,
    ARENA_BUDGET = 256 * 1024 * 1024,
    CONNECTION_BUFFER_BYTES = 64 * 1024, /* no less than the library's buffer of a connection */
};

enum body_state { BODY_WANTED, BODY_REFUSED /* an answer is ready; what comes is thrown away */ };

struct exchange {
    struct arena arena;
    struct http_request request;
    struct http_response response;
    struct writer body;
    void *context;          /* of the route */
    struct bytes query;     /* raw */
    struct bytes authority; /* of an address that was sent whole */
    const char *uri;        /* in the library's buffer, for comparing places only */
    size_t uri_len;
    bool begun; /* the head was seen */
    enum body_state state;
    size_t discarded;
    bool close; /* the connection cannot go on after the answer */
    bool keep;  /* the caller is one who comes again */
    int64_t began_us;
    struct http_field headers[MAX_HEADERS];
    size_t n_headers, header_bytes;
    bool header_overflow;
    struct head_reading head;
    bool may_lack_host; /* HTTP/1.0 */
};

static struct connection *connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* ---- begin and end ------------------------------------------------------------------------------------------------- */

/* "https://host/path", as for a proxy: what is left is the path, and the host counts in the place of Host (RFC 9112 3.2.2). */
static struct bytes take_authority(struct exchange *x, struct bytes uri)
{
    static const char *const schemes[] = { "https://", "http://" };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]), end = n;
        if (uri.len <= n || strncasecmp((const char *)uri.data, schemes[i], n) != 0)
            continue;
        while (end < uri.len && uri.data[end] != '/' && uri.data[end] != '?')
            end++;
        x->authority = bytes_slice(uri, n, end - n);
        return bytes_slice(uri, end, SIZE_MAX);
    }
    return uri;
}

/* The URI as sent: path and query are ours to decode, so that no NUL, slash or dot gets past the routes. */
void *exchange_begin(void *host, const char *uri, struct MHD_Connection *connection)
{
    struct exchange_host *h = host;
    struct exchange *x = calloc(1, sizeof *x);
    struct connection *c = connection_of(connection);
    struct bytes copy = BYTES_NONE;
    size_t question;

    if (c)
        connection_take_up(&h->connections, c);
    if (!x)
        return NULL;
    arena_init(&x->arena, ARENA_BUDGET);
    x->began_us = clock_monotonic_us();
    x->uri = uri;
    x->uri_len = strlen(uri);
    x->request.arena = x->response.arena = &x->arena;
    if (!arena_copy(&x->arena, bytes_of_string(uri), &copy)) {
        free(x);
        return NULL;
    }
    copy = take_authority(x, copy);
    question = bytes_find(copy, BYTES_LIT("?"));
    x->request.path = bytes_slice(copy, 0, question);
    if (x->authority.data && x->request.path.len == 0)
        x->request.path = BYTES_LIT("/");
    x->query = question == SIZE_MAX ? BYTES_NONE : bytes_slice(copy, question + 1, SIZE_MAX);
    return x;
}

void exchange_end(void *host, struct MHD_Connection *connection, void **exchange, enum MHD_RequestTerminationCode why UNUSED)
{
    struct exchange_host *h = host;
    struct exchange *x = *exchange;
    struct connection *c = connection_of(connection);

    *exchange = NULL;
    if (c) {
        if (x && x->keep)
            connection_keep(&h->connections, c);
        else
            connection_start_clock(&h->connections, c);
        connection_let_go(&h->connections, c);
    }
    if (!x)
        return;
    if (x->begun)
        h->in_flight--;
    writer_done(&x->body);
    writer_done(&x->response.body);
    arena_done(&x->arena);
    free(x);
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return text.len > 0;
}

static void add_headers(const struct exchange *x, struct MHD_Response *out)
{
    const struct http_response *response = &x->response;
    struct bytes client_id = http_header(&x->request, "x-ms-client-request-id");
    char echo[MAX_CLIENT_ID_BYTES + 1];

    MHD_add_response_header(out, "x-ms-request-id", x->request.id);
    if (client_id.len <= MAX_CLIENT_ID_BYTES && is_printable(client_id)) {
        snprintf(echo, sizeof echo, "%.*s", BYTES_FMT(client_id));
        MHD_add_response_header(out, "x-ms-client-request-id", echo);
    }
    MHD_add_response_header(out, "Cache-Control", response->cache_control ? response->cache_control : "no-store");
    MHD_add_response_header(out, "X-Content-Type-Options", "nosniff");
    /* Nothing of ours is a page; what a browser is made to open all the same runs nothing and stands in no frame (attack-suite.md S18). */
    MHD_add_response_header(out, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (response->body.len > 0)
        MHD_add_response_header(out, "Content-Type", response->content_type ? response->content_type : "application/json; charset=utf-8");
    for (size_t i = 0; i < response->n_headers; i++)
        MHD_add_response_header(out, (const char *)response->headers[i].name.data, (const char *)response->headers[i].value.data);
    if (x->close)
        MHD_add_response_header(out, "Connection", "close");
}

static enum MHD_Result send_answer(struct exchange_host *h, struct MHD_Connection *connection, struct exchange *x)
{
    struct http_response *response = &x->response;
    struct connection *c = connection_of(connection);
    struct MHD_Response *out;
    enum MHD_Result result;

    if (response->status == 0)
        response->status = 200;
    if (!writer_ok(&response->body)) {
        response->body.bad = false;
        http_response_error(response, 500, "InternalError", NULL, "The answer does not fit into memory.");
    }
    if (h->stopping)
        x->close = true;
    x->keep = !x->close && x->request.caller.role == HTTP_AGENT && response->status < 300;
    if (h->config->observe)
        h->config->observe(h->config->context, &x->request, response, clock_monotonic_us() - x->began_us);
    h->requests++;
    if (c)
        connection_start_clock(&h->connections, c);
    out = MHD_create_response_from_buffer(response->body.len, response->body.data, MHD_RESPMEM_MUST_COPY);
    if (!out)
        return MHD_NO;
    add_headers(x, out);
    result = MHD_queue_response(connection, response->status, out);
    MHD_destroy_response(out);
    return result;
}

/* ---- the head ------------------------------------------------------------------------------------------------------ */

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
    struct exchange *x = context;
    struct http_field *field = &x->headers[x->n_headers];

    head_next(&x->head, name, value);
    if (!value)
        value = "";
    if (x->n_headers == MAX_HEADERS || !arena_copy(&x->arena, bytes_of_string(name), &field->name) ||
        !arena_copy(&x->arena, bytes_of_string(value), &field->value)) {
        x->header_overflow = true;
        return MHD_NO;
    }
    x->header_bytes += field->name.len + field->value.len + 4;
    x->n_headers++;
    return MHD_YES;
}

static void describe_peer(struct exchange *x, struct MHD_Connection *connection)
{
    struct http_peer *peer = &x->request.peer;
    const struct connection *c = connection_of(connection);
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    uint8_t id[UUID_LEN];
    struct err ignored;

    peer->address = c ? arena_string(&x->arena, bytes_of_string(c->address)) : NULL;
    if (!peer->address)
        peer->address = "";
    if (c && strcmp(c->address, "local") == 0 && getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0) {
        peer->local = true;
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
        peer->pid = credentials.pid;
    }
    if (!random_bytes(id, sizeof id, &ignored))
        memset(id, 0, sizeof id); /* an id for people, not a secret */
    uuid_from_random(id);
    uuid_format(id, x->request.id);
}

/* A refusal before the body. */
static bool refuse(struct exchange *x, unsigned status, const char *code, const char *text)
{
    x->state = BODY_REFUSED;
    http_response_error(&x->response, status, code, NULL, "%s", text);
    return false;
}

/* The library ends the URI, and begins the version, in place; a NUL that the client sent ends the URI earlier, and hides what follows. */
static bool uri_holds_nul(const struct exchange *x, const char *version)
{
    uintptr_t end = (uintptr_t)x->uri + x->uri_len, next = (uintptr_t)version;

    return next > end + 1 && next - end < CONNECTION_BUFFER_BYTES;
}

/* RFC 9110, 5.6.2. A name with a blank before its colon is one that some programs see and others do not (RFC 9112, 5.1). */
static bool is_token(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
        if (!letter && !digit && !memchr("!#$%&'*+-.^_`|~", c, 15))
            return false;
    }
    return name.len > 0;
}

/* RFC 9110, 5.5: what stands in a value, blanks and bytes beyond ASCII included. */
static bool holds_no_controls(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

/* Characters that no host and no port has (RFC 9112 3.2), on addresses too that ask for no particular host. */
static bool may_be_host(struct bytes host)
{
    for (size_t i = 0; i < host.len; i++)
        if (memchr(" \t\"<>\\^`{|}/?#@", host.data[i], 16))
            return false;
    return true;
}

static bool fields_are_well_formed(struct exchange *x)
{
    for (size_t i = 0; i < x->n_headers; i++) {
        x->close = !is_token(x->headers[i].name) || !holds_no_controls(x->headers[i].value);
        if (x->close)
            return refuse(x, 400, "InvalidParameter",
                          is_token(x->headers[i].name) ? "A header's value holds control characters."
                                                       : "A header's name is not well formed.");
    }
    x->close = !head_is_as_sent(&x->head);
    if (x->close)
        return refuse(x, 400, "InvalidParameter",
                      "The request's head is not well formed: its lines end in CR LF, and no header is folded or holds a NUL.");
    x->close = http_header_count(&x->request, "Host") == 0 && !x->may_lack_host;
    if (x->close)
        return refuse(x, 400, "InvalidParameter", "The request has no header Host, which HTTP/1.1 requires.");
    x->close = !may_be_host(http_header(&x->request, "Host"));
    return !x->close || refuse(x, 400, "InvalidParameter", "The header Host: not HOST or HOST:PORT");
}

/* Two readings of where a request ends are how requests are smuggled past a proxy. */
static bool head_is_plain(struct exchange *x)
{
    static const char *const once[] = { "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Expect" };
    const struct http_request *request = &x->request;
    struct bytes length = http_header(request, "Content-Length"), coding = http_header(request, "Transfer-Encoding");

    if (request->path.len + x->query.len > MAX_URI_BYTES) {
        x->close = true;
        return refuse(x, 414, "UriTooLong", "The address is longer than 8 KiB.");
    }
    if (x->header_overflow || x->header_bytes + request->path.len + x->query.len > LIMIT_HTTP_HEADER_BYTES) {
        x->close = true;
        return refuse(x, 431, "RequestHeaderFieldsTooLarge",
                      x->n_headers == MAX_HEADERS ? "The request has more than 128 headers."
                                                  : "The request's headers are larger than 16 KiB.");
    }
    if (!fields_are_well_formed(x))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        if (http_header_count(request, once[i]) > 1) {
            x->close = true;
            return refuse(x, 400, "InvalidParameter", "A header that may be there once only is repeated.");
        }
    }
    for (size_t i = 0; i < length.len; i++) {
        if (length.data[i] < '0' || length.data[i] > '9') {
            x->close = true;
            return refuse(x, 400, "InvalidParameter", "Content-Length is no number.");
        }
    }
    if (coding.len > 0 && (length.len > 0 || coding.len != 7 || strncasecmp((const char *)coding.data, "chunked", 7) != 0)) {
        x->close = true;
        return refuse(x, 400, "InvalidParameter", "Transfer-Encoding must be \"chunked\" and stand without Content-Length.");
    }
    return true;
}

static bool find_route(struct exchange *x, const struct http_server_config *config, const char *method)
{
    struct http_target target;
    enum http_match match;
    struct err err;

    if (!http_route_find(config->tables, config->n_tables, &x->arena, method, x->request.path, &match, &target, &err) ||
        !http_query_parse(&x->arena, x->query, &x->request.query, &err)) {
        x->state = BODY_REFUSED;
        if (err.code == ERR_LIMIT)
            err.code = ERR_MALFORMED; /* an address is not a body: 400 */
        http_response_err(&x->response, &err);
        return false;
    }
    if (match == HTTP_NO_SUCH_PATH)
        return refuse(x, 404, "NotFound", "There is nothing at this address.");
    if (match == HTTP_WRONG_METHOD) {
        http_response_header(&x->response, "Allow", target.allow);
        return refuse(x, 405, "MethodNotAllowed", "This address does not take that method; the header Allow names those it takes.");
    }
    x->request.route = target.route;
    x->request.params = target.params;
    x->request.method = target.route->method;
    x->context = target.context;
    return true;
}

static size_t max_body(const struct http_route *route)
{
    return route->content == HTTP_NO_BODY && route->max_body == 0 ? LIMIT_SMALL_BODY_BYTES : route->max_body;
}

/* "application/json" or "application/…+json", parameters aside. */
static bool is_json_type(struct bytes type)
{
    struct bytes media = bytes_trim(bytes_slice(type, 0, bytes_find(type, BYTES_LIT(";"))));
    struct bytes tail = bytes_slice(media, media.len > 5 ? media.len - 5 : 0, 5);

    return media.len > 12 && strncasecmp((const char *)media.data, "application/", 12) == 0 &&
           ((media.len == 16 && strncasecmp((const char *)media.data + 12, "json", 4) == 0) ||
            strncasecmp((const char *)tail.data, "+json", 5) == 0);
}

static bool body_is_acceptable(struct exchange *x)
{
    const struct http_request *request = &x->request;
    const struct http_route *route = request->route;
    struct bytes length = http_header(request, "Content-Length");
    struct bytes coding = http_header(request, "Content-Encoding");
    bool announced = http_header_count(request, "Transfer-Encoding") > 0 || !(length.len == 0 || bytes_are_all(length, '0'));
    char digits[32] = "";

    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(length));
    if (length.len >= sizeof digits || strtoull(digits, NULL, 10) > max_body(route))
        return refuse(x, 413, "PayloadTooLarge", "The request's body is larger than this address takes.");
    if (coding.len > 0 && !(coding.len == 8 && strncasecmp((const char *)coding.data, "identity", 8) == 0))
        return refuse(x, 415, "UnsupportedMediaType", "The request's body must not be compressed.");
    if (route->content == HTTP_JSON && !announced && length.len == 0)
        return refuse(x, 411, "LengthRequired", "This address wants a body, and its length.");
    if ((route->content == HTTP_JSON || (route->content == HTTP_JSON_OPTIONAL && announced)) &&
        !is_json_type(http_header(request, "Content-Type")))
        return refuse(x, 415, "UnsupportedMediaType", "The request's body must be JSON: Content-Type: application/json.");
    return true;
}

/* Before any cryptography and before the body: how many calls this address has left. */
static bool within_budget(const struct http_server_config *config, struct exchange *x, const struct connection *c)
{
    const struct http_route *route = x->request.route;
    struct rate_limiter *limiter = route && route->cost == HTTP_COSTLY ? config->per_address_costly : config->per_address;
    unsigned retry;

    if (!limiter || !c || c->key.len == 0 ||
        rate_limiter_take(limiter, (struct bytes){ c->key.bytes, c->key.len }, clock_monotonic_us(), &retry))
        return true;
    x->state = BODY_REFUSED;
    http_response_busy(&x->response, retry, "from this address");
    return false;
}

static bool refuse_caller(struct exchange *x, unsigned status, const char *text)
{
    enum http_role needed = x->request.route->role;

    if (needed >= HTTP_READER) /* not an agent's key: that is made by enrolling */
        err_advise(&x->response.about, "docs/providers.md", "trueboot token create NAME --role %s", http_role_name(needed));
    if (status == 401)
        http_response_header(&x->response, "WWW-Authenticate",
                             http_header_count(&x->request, "Authorization") ? "Bearer error=\"invalid_token\"" : "Bearer");
    return refuse(x, status, status == 401 ? "Unauthorized" : "Forbidden", text);
}

static bool refuse_for_memory(struct exchange *x)
{
    http_response_header(&x->response, "Retry-After", "5");
    return refuse(x, 503, "ServiceUnavailable", "The server has as many large requests as it can hold; try again in a few seconds.");
}

/* Before the body travels: whether there is room for what it says that it will be. */
static bool fits_into_memory(struct exchange_host *h, struct exchange *x, const struct connection *c)
{
    struct bytes length = http_header(&x->request, "Content-Length");
    char digits[32];

    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(length));
    return !c || connection_may_hold(&h->connections, c, strtoull(digits, NULL, 10)) || refuse_for_memory(x);
}

/* Who brings no credentials at all is sent away before the body. */
static bool may_have_credentials(struct exchange *x)
{
    const struct http_request *request = &x->request;

    if (request->route->role == HTTP_ANONYMOUS || request->peer.local || http_header_count(request, "Authorization") > 0 ||
        http_header_count(request, "Cookie") > 0)
        return true;
    return refuse_caller(x, 401, "This address wants credentials.");
}

/* Whether what a refused request still sends is worth reading, so that the connection, and the answer, survive. */
static bool rest_is_small(const struct exchange *x)
{
    struct bytes length = http_header(&x->request, "Content-Length");
    char digits[32] = "";

    if (http_header_count(&x->request, "Expect") > 0 || http_header_count(&x->request, "Transfer-Encoding") > 0)
        return false;
    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(length));
    return length.len < sizeof digits && strtoull(digits, NULL, 10) <= DISCARD_BYTES;
}

static enum MHD_Result begin(struct exchange_host *h, struct MHD_Connection *connection, struct exchange *x, const char *method,
                             const char *version)
{
    x->begun = true;
    h->in_flight++;
    x->request.method = "";
    x->may_lack_host = strcmp(version, "HTTP/1.0") == 0;
    head_begin(&x->head, version);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, x);
    for (size_t i = 0; x->authority.data && i < x->n_headers; i++)
        if (x->headers[i].name.len == 4 && strncasecmp((const char *)x->headers[i].name.data, "Host", 4) == 0)
            x->headers[i].value = x->authority;
    x->request.headers = (struct http_fields){ x->headers, x->n_headers };
    describe_peer(x, connection);
    x->close = uri_holds_nul(x, version);
    if (x->close)
        refuse(x, 400, "InvalidParameter", "The address holds a NUL or a space.");
    else if (head_is_plain(x) && find_route(x, h->config, method) && within_budget(h->config, x, connection_of(connection)) &&
             may_have_credentials(x) && body_is_acceptable(x) && fits_into_memory(h, x, connection_of(connection))) {
        x->body.limit = max_body(x->request.route);
        return MHD_YES;
    }
    if (!x->close && rest_is_small(x))
        return MHD_YES; /* answered when the body has passed by */
    x->close = true;
    return send_answer(h, connection, x);
}

/* ---- the body ------------------------------------------------------------------------------------------------------ */

/* Nothing can be answered in the middle of a body: what is too much is thrown away, and only so much of it. */
static enum MHD_Result take_body(struct exchange_host *h, struct connection *c, struct exchange *x, const char *upload, size_t len)
{
    if (x->state == BODY_WANTED && c && !connection_hold(&h->connections, c, x->body.len + len)) {
        writer_done(&x->body);
        x->close = true;
        refuse_for_memory(x);
    }
    if (x->state == BODY_WANTED) {
        write_bytes(&x->body, (struct bytes){ (const uint8_t *)upload, len });
        if (writer_ok(&x->body))
            return MHD_YES;
        writer_done(&x->body);
        x->close = true;
        refuse(x, 413, "PayloadTooLarge", "The request's body is larger than this address takes.");
    }
    if (len > DISCARD_BYTES - x->discarded)
        return MHD_NO;
    x->discarded += len;
    return MHD_YES;
}

/* ---- the handler --------------------------------------------------------------------------------------------------- */

static bool identify(struct exchange_host *h, struct exchange *x)
{
    const struct http_server_config *config = h->config;
    struct http_request *request = &x->request;
    const struct http_peer *peer = &request->peer;
    struct http_caller caller = { HTTP_ANONYMOUS, NULL, NULL };
    bool shows_nothing = http_header_count(request, "Authorization") == 0;
    struct err err = ERR_INIT;

    if (shows_nothing && peer->local && (peer->uid == 0 || peer->uid == geteuid())) {
        caller.role = HTTP_OWNER;
        caller.subject = arena_printf(&x->arena, "uid %u", (unsigned)peer->uid);
    } else if (config->identify && request->route->role != HTTP_ANONYMOUS && !config->identify(config->context, request, &caller, &err)) {
        if (err.code == ERR_UNTRUSTED || err.code == ERR_DENIED || err.code == ERR_MALFORMED)
            return refuse_caller(x, err.code != ERR_DENIED ? 401 : request->route->forbidden ? request->route->forbidden : 403, err.text);
        http_response_err(&x->response, &err);
        return false;
    }
    request->caller = caller;
    return true;
}

/* Whom the path leaves out, Host names. Only a caller who may ask learns that there is no such one. */
static bool locate(struct exchange *x)
{
    const struct http_route *route = x->request.route;
    struct err err = ERR_INIT;

    if (!route->locate || route->locate(x->context, &x->request, &err) || !http_role_suffices(x->request.caller.role, route->role))
        return true;
    http_response_err(&x->response, &err);
    return false;
}

static bool is_allowed(struct exchange *x)
{
    const struct http_route *route = x->request.route;
    enum http_role has = x->request.caller.role;
    const struct http_caller *caller = &x->request.caller;
    char permission[HTTP_PERMISSION_MAX], text[400];

    if (http_caller_may(caller, &x->request, route->role))
        return true;
    if (has == HTTP_ANONYMOUS)
        return refuse_caller(x, 401, "This address wants credentials.");
    http_route_permission(route, permission);
    if (http_role_suffices(has, route->role))
        snprintf(text, sizeof text, "The permission %s is missing here: the caller (%s) has the role %s for %s only.", permission,
                 caller->subject ? caller->subject : "unnamed", http_role_name(has), caller->scope);
    else
        snprintf(text, sizeof text, "The permission %s is missing: it wants the role %s%s, and the caller (%s) has the role %s.",
                 permission, http_role_name(route->role), route->role > HTTP_AGENT && route->role < HTTP_OWNER ? " or a higher one" : "",
                 caller->subject ? caller->subject : "unnamed", http_role_name(has));
    return refuse_caller(x, route->forbidden ? route->forbidden : 403, text);
}

/* A VM's own key calls as often as its budget lets it. */
static bool agent_within_budget(const struct http_server_config *config, struct exchange *x)
{
    const struct http_caller *caller = &x->request.caller;
    unsigned retry;

    if (!config->per_agent || caller->role != HTTP_AGENT || !caller->subject ||
        rate_limiter_take(config->per_agent, bytes_of_string(caller->subject), clock_monotonic_us(), &retry))
        return true;
    return !http_response_busy(&x->response, retry, "from this VM");
}

static void run_handler(struct exchange_host *h, struct exchange *x)
{
    const struct http_route *route = x->request.route;
    struct err err = ERR_INIT;

    x->request.body = writer_bytes(&x->body);
    if (!identify(h, x) || !locate(x) || !is_allowed(x) || !agent_within_budget(h->config, x))
        return;
    deadline_forget_stored(); /* when a token was used last, an agent's counter: that is not what was asked for */
    if (h->config->admit && !h->config->admit(h->config->context, &x->request, &err)) {
        http_response_err(&x->response, &err);
        return;
    }
    if (route->content == HTTP_JSON && x->request.body.len == 0) {
        refuse(x, 400, "InvalidParameter", "This address wants a body.");
        return;
    }
    if (!route->handler(x->context, &x->request, &x->response, &err))
        http_response_err(&x->response, &err);
}

/* What a handler had to say after its time is thrown away, unless it is about something that has been stored (attestation-service.md 13.3). */
static void say_late(struct exchange_host *h, struct exchange *x)
{
    struct http_response *response = &x->response;
    struct err err = ERR_INIT;

    h->late++;
    if (response->status != 503) {
        *response = (struct http_response){ .arena = &x->arena, .body = response->body };
        response->body.bad = false;
        if (!deadline_fail("making the answer", &err))
            http_response_err(response, &err);
    }
    response->outcome = "late";
}

static void handle(struct exchange_host *h, struct exchange *x)
{
    int64_t (*now_us)(void) = h->config->now_us ? h->config->now_us : clock_monotonic_us;
    struct deadline outer = deadline_set((struct deadline){ now_us() + INT64_C(1000) * h->config->answer_ms, now_us, false });

    run_handler(h, x);
    if (deadline_passed())
        say_late(h, x);
    deadline_set(outer);
}

enum MHD_Result exchange_step(void *host, struct MHD_Connection *connection, const char *url UNUSED, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **exchange)
{
    struct exchange_host *h = host;
    struct exchange *x = *exchange;
    struct connection *c = connection_of(connection);

    if (!x)
        return MHD_NO;
    if (!x->begun)
        return begin(h, connection, x, method, version);
    if (*upload_len > 0) {
        size_t len = *upload_len;

        *upload_len = 0;
        return take_body(h, c, x, upload, len);
    }
    if (x->state == BODY_WANTED) {
        if (c)
            connection_stop_clock(&h->connections, c);
        handle(h, x);
    }
    return send_answer(h, connection, x);
}
