#include "http/server/listen.h"
#include "http/server/server.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, MAX_HOST = 256 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* ---- TCP ----------------------------------------------------------------------------------------------------------- */

static bool split(const char *where, char host[static MAX_HOST], const char **ret_port, struct err *err)
{
    const char *colon = strrchr(where, ':');
    size_t len = colon ? (size_t)(colon - where) : 0;
    bool bracketed = len >= 2 && where[0] == '[' && where[len - 1] == ']';

    if (!colon || len >= MAX_HOST || strlen(colon + 1) == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || strtoul(colon + 1, NULL, 10) > 65535 || (!bracketed && memchr(where, ':', len)))
        return err_set(err, ERR_MALFORMED, "\"%s\" is no address to listen on: write ADDRESS:PORT, [IPV6]:PORT or :PORT", where);
    snprintf(host, MAX_HOST, "%.*s", (int)(bracketed ? len - 2 : len), bracketed ? where + 1 : where);
    *ret_port = colon + 1;
    return true;
}

bool http_listen_check(const char *where, struct err *err)
{
    char host[MAX_HOST];
    const char *port;

    return split(where, host, &port, err);
}

static bool explain_bind(const char *where, const char *port, struct err *err)
{
    if (errno == EADDRINUSE)
        return err_set(err, ERR_CONFLICT, "port %s is in use: stop the program that has it (ss -ltnp shows it), or set another address",
                       port);
    if (errno == EACCES)
        return err_set(err, ERR_DENIED, "this user may not listen on port %s: take one above 1023, or allow it (CAP_NET_BIND_SERVICE)",
                       port);
    if (errno == EADDRNOTAVAIL)
        return err_set(err, ERR_NOT_FOUND, "%s is not an address of this machine", where);
    return err_set(err, ERR_IO, "listening on %s fails: %s", where, strerror(errno));
}

static bool listen_at(const struct addrinfo *at, const char *where, const char *port, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, off = 0;

    if (fd < 0)
        return explain_bind(where, port, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* [::] takes IPv4 as well */
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return explain_bind(where, port, err);
    *ret_fd = fd;
    fd = -1;
    return true;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    memcpy(&v6, &address, sizeof v6);
    memcpy(&v4, &address, sizeof v4);
    return ntohs(address.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

bool listen_tcp(const char *where, int *ret_fd, unsigned *ret_port, struct err *err)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    char host[MAX_HOST];
    const char *port = NULL;
    bool ok = false;
    int fd = -1, code;

    if (!split(where, host, &port, err))
        return false;
    /* Every address: IPv6 with IPv4 inside it; a kernel without IPv6 falls back to IPv4. */
    code = getaddrinfo(host[0] ? host : "::", port, &hints, &list);
    if (code != 0)
        return err_set(err, ERR_NOT_FOUND, "\"%s\" is no address to listen on: %s", where, gai_strerror(code));
    for (const struct addrinfo *at = list; at && !ok; at = at->ai_next)
        ok = listen_at(at, where, port, &fd, err);
    freeaddrinfo(list);
    if (!ok && !host[0] && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        if (getaddrinfo("0.0.0.0", port, &hints, &list) != 0)
            return false;
        ok = listen_at(list, where, port, &fd, err);
        freeaddrinfo(list);
    }
    if (!ok)
        return false;
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return true;
}

/* ---- unix ---------------------------------------------------------------------------------------------------------- */

/* Whether somebody answers at the socket file. */
static bool somebody_answers(const struct sockaddr_un *address)
{
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
}

static bool clear_the_way(const struct sockaddr_un *address, struct err *err)
{
    struct stat st;

    if (lstat(address->sun_path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFLICT, "%s exists and is no socket: remove it, or set another path", address->sun_path);
    if (somebody_answers(address))
        return err_set(err, ERR_CONFLICT, "%s is in use: another server runs; stop it, or set another path", address->sun_path);
    if (unlink(address->sun_path) != 0)
        return err_set(err, ERR_IO, "the old socket %s cannot be removed: %s", address->sun_path, strerror(errno));
    return true;
}

bool listen_unix(const char *path, mode_t mode, gid_t gid, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (strlen(path) >= sizeof address.sun_path)
        return err_set(err, ERR_LIMIT, "the socket's path %.64s… is longer than %zu bytes", path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0)
        return err_set(err, ERR_IO, "no socket: %s", strerror(errno));
    if (!clear_the_way(&address, err))
        return false;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return err_set(err, ERR_IO, "the socket %s cannot be made: %s", address.sun_path, strerror(errno));
    /* Nobody can connect before listen(), so the mode holds from the first moment. */
    if (chmod(address.sun_path, mode) != 0 || (gid != (gid_t)-1 && chown(address.sun_path, (uid_t)-1, gid) != 0) ||
        listen(fd, BACKLOG) != 0) {
        err_set(err, ERR_IO, "the socket %s cannot be given to its users: %s", address.sun_path, strerror(errno));
        unlink(address.sun_path);
        return false;
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}
