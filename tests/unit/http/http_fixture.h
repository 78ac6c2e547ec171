/* A server on loopback (any free port) and on a unix socket, and a client that writes what it is told, byte for byte. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "http/server/server.h"
#include "support/test.h"

struct server_fixture {
    char folder[64];
    char socket[96];
    struct http_server_config config;
    struct http_server *server;
    struct err err;
};

UNUSED static bool fixture_prepare(struct server_fixture *f, const struct http_routes *tables, size_t n)
{
    snprintf(f->folder, sizeof f->folder, "/tmp/trueboot-http-XXXXXX");
    if (!mkdtemp(f->folder))
        return false;
    snprintf(f->socket, sizeof f->socket, "%s/socket", f->folder);
    f->config.listen = "127.0.0.1:0";
    f->config.unix_socket = f->socket;
    f->config.plain = true;
    f->config.tables = tables;
    f->config.n_tables = n;
    return true;
}

UNUSED static bool fixture_start(struct server_fixture *f) { return http_server_start(&f->config, &f->server, &f->err); }

UNUSED static void fixture_done(struct server_fixture *f)
{
    http_server_stop(f->server, 1000);
    rmdir(f->folder);
}

/* Options are assignments to f.config's members. */
#define SERVER(f, tables_, ...)                                \
    CLEANUP(fixture_done) struct server_fixture f = { 0 };     \
    REQUIRE(fixture_prepare(&f, tables_, ARRAY_LEN(tables_))); \
    __VA_ARGS__;                                               \
    REQUIRE_OK(fixture_start(&f), f.err)

UNUSED static int dial(const struct server_fixture *f)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f->server)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

UNUSED static int dial_unix(const struct server_fixture *f)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(to.sun_path, f->socket, strlen(f->socket) + 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

UNUSED static bool say(int fd, const void *text, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, (const char *)text + sent, len - sent, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

UNUSED static bool tell(int fd, const char *text) { return say(fd, text, strlen(text)); }

struct heard {
    char text[16 * 1024]; /* ends with a NUL */
    size_t len;
    bool closed;
};

UNUSED static size_t count_in(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* How long a test waits for what must come: it only ends one that fails, so that a busy machine is none. */
enum { PATIENCE_MS = 60 * 1000 };

/* Listens until `responses` final ones are complete (bodies of known length), the other side closes, or nothing comes. */
UNUSED static void hear(int fd, size_t responses, struct heard *h)
{
    struct pollfd p = { fd, POLLIN, 0 };

    *h = (struct heard){ .len = 0 };
    while (h->len < sizeof h->text - 1) {
        ssize_t n;
        size_t complete = 0;

        for (const char *at = strstr(h->text, "HTTP/1.1 "); at && (at = strstr(at, "\r\n\r\n"));) {
            const char *length = NULL;

            for (const char *next = h->text; (next = strstr(next, "Content-Length: ")) && next < at; next++)
                length = next;
            at += 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
            if (at > h->text + h->len)
                break;
            complete++;
            at = strstr(at, "HTTP/1.1 ");
        }
        if (responses > 0 && complete >= responses)
            return;
        if (poll(&p, 1, PATIENCE_MS) != 1)
            return;
        n = recv(fd, h->text + h->len, sizeof h->text - 1 - h->len, 0);
        if (n <= 0) {
            h->closed = true;
            return;
        }
        h->len += (size_t)n;
        h->text[h->len] = '\0';
    }
}

UNUSED static void ask_bytes(const struct server_fixture *f, const void *request, size_t len, struct heard *h)
{
    int fd = dial(f);

    *h = (struct heard){ .len = 0 };
    if (fd < 0)
        return;
    say(fd, request, len);
    hear(fd, 1, h);
    close(fd);
}

UNUSED static void ask(const struct server_fixture *f, const char *request, struct heard *h) { ask_bytes(f, request, strlen(request), h); }

UNUSED static int status_of(const struct heard *h)
{
    return strncmp(h->text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(h->text + 9, NULL, 10) : -1;
}

#define HOST "Host: localhost\r\n"

/* ---- routes that tell what they saw ------------------------------------------------------------------------------ */

UNUSED static bool echo(void *context UNUSED, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_put_string(&out, "method", request->method);
    json_put_bytes(&out, "path", request->path);
    for (size_t i = 0; i < request->params.n; i++)
        json_put_bytes(&out, "param", request->params.items[i].value);
    for (size_t i = 0; i < request->query.n; i++)
        json_put_bytes(&out, "query", request->query.items[i].value);
    json_put_integer(&out, "len", (int64_t)request->body.len);
    json_put_string(&out, "role", http_role_name(request->caller.role));
    json_put_string(&out, "subject", request->caller.subject);
    json_put_string(&out, "address", request->peer.address);
    json_put_boolean(&out, "local", request->peer.local);
    json_put_integer(&out, "uid", request->peer.uid);
    json_put_integer(&out, "pid", request->peer.pid);
    json_put_bytes(&out, "x", http_header(request, "X-Test"));
    json_end(&out);
    return true;
}

UNUSED static bool fail(void *context, const struct http_request *request UNUSED, struct http_response *response UNUSED, struct err *err)
{
    return err_set(err, *(enum err_code *)context, "the reason");
}

UNUSED static bool nothing(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response,
                           struct err *err UNUSED)
{
    response->status = 204;
    return true;
}
