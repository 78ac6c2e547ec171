#include "http/server/exchange.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/clock.h"
#include "base/deadline.h"
#include "http/server/exchange_parts.h"

enum {
    MAX_CLIENT_ID_BYTES = 128,
    ARENA_BUDGET = 256 * 1024 * 1024,
    DISCARD_BYTES = 256 * 1024, /* what is read of a refused body, so that the answer arrives; more ends the connection */
};

struct connection *exchange_connection(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

bool exchange_refuse(struct exchange *x, unsigned status, const char *code, const char *text)
{
    x->state = BODY_REFUSED;
    http_response_error(&x->response, status, code, NULL, "%s", text);
    return false;
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
    struct connection *c = exchange_connection(connection);
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
    struct connection *c = exchange_connection(connection);

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
    struct connection *c = exchange_connection(connection);
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

/* ---- the body ------------------------------------------------------------------------------------------------------ */

bool exchange_refuse_for_memory(struct exchange *x)
{
    http_response_header(&x->response, "Retry-After", "5");
    return exchange_refuse(x, 503, "ServiceUnavailable",
                           "The server has as many large requests as it can hold; try again in a few seconds.");
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
    if (exchange_take_head(x, connection, version) && exchange_is_welcome(h, x, exchange_connection(connection), method)) {
        x->body.limit = exchange_max_body(x->request.route);
        return MHD_YES;
    }
    if (!x->close && rest_is_small(x))
        return MHD_YES; /* answered when the body has passed by */
    x->close = true;
    return send_answer(h, connection, x);
}

/* Nothing can be answered in the middle of a body: what is too much is thrown away, and only so much of it. */
static enum MHD_Result take_body(struct exchange_host *h, struct connection *c, struct exchange *x, const char *upload, size_t len)
{
    if (x->state == BODY_WANTED && c && !connection_hold(&h->connections, c, x->body.len + len)) {
        writer_done(&x->body);
        x->close = true;
        exchange_refuse_for_memory(x);
    }
    if (x->state == BODY_WANTED) {
        write_bytes(&x->body, (struct bytes){ (const uint8_t *)upload, len });
        if (writer_ok(&x->body))
            return MHD_YES;
        writer_done(&x->body);
        x->close = true;
        exchange_refuse(x, 413, "PayloadTooLarge", "The request's body is larger than this address takes.");
    }
    if (len > DISCARD_BYTES - x->discarded)
        return MHD_NO;
    x->discarded += len;
    return MHD_YES;
}

/* ---- the handler --------------------------------------------------------------------------------------------------- */

static void run_handler(struct exchange_host *h, struct exchange *x)
{
    const struct http_route *route = x->request.route;
    struct err err = ERR_INIT;

    x->request.body = writer_bytes(&x->body);
    if (!exchange_is_admitted(h, x))
        return;
    deadline_forget_stored(); /* when a token was used last, an agent's counter: that is not what was asked for */
    if (h->config->admit && !h->config->admit(h->config->context, &x->request, &err)) {
        http_response_err(&x->response, &err);
        return;
    }
    if (route->content == HTTP_JSON && x->request.body.len == 0) {
        exchange_refuse(x, 400, "InvalidParameter", "This address wants a body.");
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
    struct connection *c = exchange_connection(connection);

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
