/* What the HTTP library answers by itself, in the words of attestation-service.md 2.5.
 *
 * A request that is no HTTP (a bad request line, chunk or length, a head that does not fit) never reaches our handlers: libmicrohttpd answers
 * it with a page of HTML, and has no option or callback to say it otherwise. It makes that page through its own exported
 * MHD_create_response_from_buffer, which this file defines in its place, so that the page becomes our error body; whatever else is asked for is
 * made as the library makes it. What it refuses before our handler has seen the head (a bad Content-Length) it answers twice, one answer inside the
 * other; that one is sent here, and the library is told that there was none, which has it end the connection. tests/unit/http/server/test_server.c notices a library that goes another way: the page is HTML then, and no worse. */
#define _GNU_SOURCE
#define MHD_NO_DEPRECATION 1
#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/uuid.h"
#include "crypto/random.h"

/* Pages by a part of their text; the last row is for any other. The library chooses the status. */
static const struct {
    const char *part, *code, *message;
    const char *status; /* of those that the library would answer twice */
} pages[] = {
    { "Your HTTP header was too big", "RequestHeaderFieldsTooLarge", "The request line and headers are larger than the server takes.",
      NULL },
    { "HTTP version", "InvalidParameter", "The request's HTTP version is not supported: HTTP/1.1 is.", NULL },
    { "&quot;Host:&quot; header", "InvalidParameter", "The request has no header Host, which HTTP/1.1 requires.", NULL },
    { "too large value for <b>Content-Length", "PayloadTooLarge", "Content-Length is larger than the server takes.",
      "413 Content Too Large" },
    { "wrong value for <b>Content-Length", "InvalidParameter", "Content-Length is no number.", "400 Bad Request" },
    { "chunk size used", "PayloadTooLarge", "A chunk of the body is larger than the server takes.", NULL },
    { "chunked encoding was syntactically", "InvalidParameter", "The chunked encoding of the body is not well formed.", NULL },
    { "Internal server error", "InternalError", "Something went wrong in the server; its log says more.", NULL },
    { "", "InvalidParameter", "The request is not well formed HTTP: its request line or a header cannot be read.", NULL },
};

/* What our_error made last in this thread, for the library's next call. */
static _Thread_local struct {
    struct MHD_Response *response;
    char answer[1024]; /* to be sent as it is; empty: the library sends it */
} last;

static bool is_page(const char *text, size_t len) { return len >= 6 && memcmp(text, "<html>", 6) == 0; }

static void write_answer(const char *status, const char *const headers[][2], size_t n_headers, const char *body)
{
    size_t room = sizeof last.answer;
    char date[40] = "";
    time_t now = time(NULL);
    struct tm parts;
    int at;

    if (gmtime_r(&now, &parts))
        strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    at = snprintf(last.answer, room, "HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Length: %zu\r\n", status, date, strlen(body));

    for (size_t i = 0; i < n_headers; i++)
        at += snprintf(last.answer + at, room - (size_t)at, "%s: %s\r\n", headers[i][0], headers[i][1]);
    snprintf(last.answer + at, room - (size_t)at, "\r\n%s", body);
}

static struct MHD_Response *our_error(const char *page, size_t len)
{
    char body[512], id[UUID_TEXT_LEN];
    uint8_t random[UUID_LEN];
    struct MHD_Response *response;
    struct err ignored = ERR_INIT;
    const char *headers[][2] = {
        { "Content-Type", "application/json; charset=utf-8" },
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
        { "x-ms-request-id", id },
        { "x-ms-error-code", "" },
    };
    size_t i = 0;
    int n;

    while (pages[i].part[0] && !memmem(page, len, pages[i].part, strlen(pages[i].part)))
        i++;
    if (!random_bytes(random, sizeof random, &ignored))
        memset(random, 0, sizeof random);
    uuid_from_random(random);
    uuid_format(random, id);
    headers[ARRAY_LEN(headers) - 1][1] = pages[i].code;
    n = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", pages[i].code, pages[i].message);
    response = MHD_create_response_from_data((size_t)n, body, MHD_NO, MHD_YES);
    if (!response)
        return NULL;
    for (size_t h = 0; h < ARRAY_LEN(headers); h++)
        MHD_add_response_header(response, headers[h][0], headers[h][1]);
    last.response = response;
    last.answer[0] = '\0';
    if (pages[i].status)
        write_answer(pages[i].status, headers, ARRAY_LEN(headers), body);
    return response;
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
    /* Our own answers are copied; the library's pages are constants. */
    if (mode == MHD_RESPMEM_PERSISTENT && is_page(buffer, size))
        return our_error(buffer, size);
    return MHD_create_response_from_data(size, buffer, mode == MHD_RESPMEM_MUST_FREE, mode == MHD_RESPMEM_MUST_COPY);
}

static void send_at_once(struct MHD_Connection *connection, const char *text)
{
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    /* A few hundred bytes on a connection that has sent nothing yet: they fit, or the peer is gone. */
    if (tls && tls->tls_session)
        (void)!gnutls_record_send(tls->tls_session, text, strlen(text));
    else if (fd)
        (void)!send(fd->connect_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    static _Atomic(void *) found; /* once: each answer passes by here */
    enum MHD_Result (*library)(struct MHD_Connection *, unsigned, struct MHD_Response *) = NULL;
    bool is_ours = response && response == last.response;

    last.response = NULL;
    if (is_ours && last.answer[0]) {
        send_at_once(connection, last.answer);
        return MHD_NO;
    }
    if (!found)
        found = dlsym(RTLD_NEXT, "MHD_queue_response");
    *(void **)&library = found; /* as POSIX has it for functions */
    return library ? library(connection, status, response) : MHD_NO;
}
