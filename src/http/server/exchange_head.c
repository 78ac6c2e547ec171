/* The head of a request: taken over from the library, and refused where two programs could read it in two ways. */
#define _GNU_SOURCE
#include "http/server/exchange_parts.h"
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "base/limits.h"
#include "crypto/random.h"

enum {
    MAX_URI_BYTES = 8 * 1024,
    CONNECTION_BUFFER_BYTES = 64 * 1024, /* no less than the library's buffer of a connection */
};

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
    const struct connection *c = exchange_connection(connection);
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
            return exchange_refuse(x, 400, "InvalidParameter",
                                   is_token(x->headers[i].name) ? "A header's value holds control characters."
                                                                : "A header's name is not well formed.");
    }
    x->close = !head_is_as_sent(&x->head);
    if (x->close)
        return exchange_refuse(x, 400, "InvalidParameter",
                               "The request's head is not well formed: its lines end in CR LF, and no header is folded or holds a NUL.");
    x->close = http_header_count(&x->request, "Host") == 0 && !x->may_lack_host;
    if (x->close)
        return exchange_refuse(x, 400, "InvalidParameter", "The request has no header Host, which HTTP/1.1 requires.");
    x->close = !may_be_host(http_header(&x->request, "Host"));
    return !x->close || exchange_refuse(x, 400, "InvalidParameter", "The header Host: not HOST or HOST:PORT");
}

/* Two readings of where a request ends are how requests are smuggled past a proxy. */
static bool head_is_plain(struct exchange *x)
{
    static const char *const once[] = { "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Expect" };
    const struct http_request *request = &x->request;
    struct bytes length = http_header(request, "Content-Length"), coding = http_header(request, "Transfer-Encoding");

    if (request->path.len + x->query.len > MAX_URI_BYTES) {
        x->close = true;
        return exchange_refuse(x, 414, "UriTooLong", "The address is longer than 8 KiB.");
    }
    if (x->header_overflow || x->header_bytes + request->path.len + x->query.len > LIMIT_HTTP_HEADER_BYTES) {
        x->close = true;
        return exchange_refuse(x, 431, "RequestHeaderFieldsTooLarge",
                               x->n_headers == MAX_HEADERS ? "The request has more than 128 headers."
                                                           : "The request's headers are larger than 16 KiB.");
    }
    if (!fields_are_well_formed(x))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        if (http_header_count(request, once[i]) > 1) {
            x->close = true;
            return exchange_refuse(x, 400, "InvalidParameter", "A header that may be there once only is repeated.");
        }
    }
    for (size_t i = 0; i < length.len; i++) {
        if (length.data[i] < '0' || length.data[i] > '9') {
            x->close = true;
            return exchange_refuse(x, 400, "InvalidParameter", "Content-Length is no number.");
        }
    }
    if (coding.len > 0 && (length.len > 0 || coding.len != 7 || strncasecmp((const char *)coding.data, "chunked", 7) != 0)) {
        x->close = true;
        return exchange_refuse(x, 400, "InvalidParameter", "Transfer-Encoding must be \"chunked\" and stand without Content-Length.");
    }
    return true;
}

bool exchange_take_head(struct exchange *x, struct MHD_Connection *connection, const char *version)
{
    x->may_lack_host = strcmp(version, "HTTP/1.0") == 0;
    head_begin(&x->head, version);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, x);
    for (size_t i = 0; x->authority.data && i < x->n_headers; i++)
        if (x->headers[i].name.len == 4 && strncasecmp((const char *)x->headers[i].name.data, "Host", 4) == 0)
            x->headers[i].value = x->authority;
    x->request.headers = (struct http_fields){ x->headers, x->n_headers };
    describe_peer(x, connection);
    x->close = uri_holds_nul(x, version);
    return x->close ? exchange_refuse(x, 400, "InvalidParameter", "The address holds a NUL or a space.") : head_is_plain(x);
}
