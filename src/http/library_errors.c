/* What the HTTP library answers by itself, in the words of attestation-service.md 2.5.
 *
 * A request that is no HTTP (a bad request line, chunk or length, a head that does not fit) never reaches our handlers: libmicrohttpd answers
 * it with a page of HTML, and has no option or callback to say it otherwise. It makes that page through its own exported
 * MHD_create_response_from_buffer, which this file defines in its place, so that the page becomes our error body; whatever else is asked for is
 * made as the library makes it. tests/unit/http/test_server.c notices a library that goes another way: the page is HTML then, and no worse. */
#define _GNU_SOURCE
#define MHD_NO_DEPRECATION 1
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include "base/uuid.h"
#include "crypto/random.h"

/* Pages by a part of their text; the last row is for any other. The library chooses the status. */
static const struct {
    const char *part, *code, *message;
} pages[] = {
    { "Your HTTP header was too big", "RequestHeaderFieldsTooLarge", "The request line and headers are larger than the server takes." },
    { "HTTP version", "InvalidParameter", "The request's HTTP version is not supported: HTTP/1.1 is." },
    { "&quot;Host:&quot; header", "InvalidParameter", "The request has no header Host, which HTTP/1.1 requires." },
    { "too large value for <b>Content-Length", "PayloadTooLarge", "Content-Length is larger than the server takes." },
    { "wrong value for <b>Content-Length", "InvalidParameter", "Content-Length is no number." },
    { "chunk size used", "PayloadTooLarge", "A chunk of the body is larger than the server takes." },
    { "chunked encoding was syntactically", "InvalidParameter", "The chunked encoding of the body is not well formed." },
    { "Internal server error", "InternalError", "Something went wrong in the server; its log says more." },
    { "", "InvalidParameter", "The request is not well formed HTTP: its request line or a header cannot be read." },
};

static bool is_page(const char *text, size_t len) { return len >= 6 && memcmp(text, "<html>", 6) == 0; }

static struct MHD_Response *our_error(const char *page, size_t len)
{
    char body[512], id[UUID_TEXT_LEN];
    uint8_t random[UUID_LEN];
    struct MHD_Response *response;
    struct err ignored = ERR_INIT;
    size_t i = 0;
    int n;

    while (pages[i].part[0] && !memmem(page, len, pages[i].part, strlen(pages[i].part)))
        i++;
    if (!random_bytes(random, sizeof random, &ignored))
        memset(random, 0, sizeof random);
    uuid_from_random(random);
    uuid_format(random, id);
    n = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", pages[i].code, pages[i].message);
    response = MHD_create_response_from_data((size_t)n, body, MHD_NO, MHD_YES);
    if (!response)
        return NULL;
    MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    MHD_add_response_header(response, "x-ms-request-id", id);
    MHD_add_response_header(response, "x-ms-error-code", pages[i].code);
    return response;
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
    /* Our own answers are copied; the library's pages are constants. */
    if (mode == MHD_RESPMEM_PERSISTENT && is_page(buffer, size))
        return our_error(buffer, size);
    return MHD_create_response_from_data(size, buffer, mode == MHD_RESPMEM_MUST_FREE, mode == MHD_RESPMEM_MUST_COPY);
}
