#define _GNU_SOURCE
#include "vmhost/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "json/parse.h"

static void close_at(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* A socket's address holds 107 characters; through /proc the length of `dir` does not count. */
static bool connect_in(const char *dir, int *ret, struct err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP(close_at) int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/qmp.sock", folder);
    if (folder >= 0 && fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        *ret = fd;
        return true;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    return err_set(err, ERR_UNREACHABLE, "QEMU does not listen at %s/qmp.sock: %s", dir, strerror(why));
}

/* The next line, in the arena. */
static bool next_line(struct qmp *q, int64_t deadline, struct bytes *ret, struct err *err)
{
    for (;;) {
        char *end = memchr(q->buffer, '\n', q->len);
        if (end) {
            size_t len = (size_t)(end - q->buffer);
            if (!arena_copy(&q->arena, (struct bytes){ (const uint8_t *)q->buffer, len }, ret))
                return err_set(err, ERR_NO_MEMORY, "no memory");
            q->len -= len + 1;
            memmove(q->buffer, end + 1, q->len);
            return true;
        }
        if (q->len == QMP_LINE_MAX)
            return err_set(err, ERR_LIMIT, "QEMU sent a line longer than %d bytes", QMP_LINE_MAX);
        int64_t left = deadline - clock_monotonic_ms();
        struct pollfd p = { .fd = q->fd, .events = POLLIN };
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return err_set(err, ERR_UNREACHABLE, "QEMU does not answer");
        ssize_t n = read(q->fd, q->buffer + q->len, QMP_LINE_MAX - q->len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return err_set(err, ERR_UNREACHABLE, "QEMU closed the connection");
        q->len += (size_t)n;
    }
}

static bool next_message(struct qmp *q, int64_t deadline, const struct json **ret, struct err *err)
{
    struct bytes line;

    return next_line(q, deadline, &line, err) && json_parse(&q->arena, line, NULL, ret, err);
}

bool qmp_open(struct qmp *q, const char *dir, struct err *err)
{
    const struct json *greeting;

    q->buffer = malloc(QMP_LINE_MAX);
    if (!q->buffer)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!connect_in(dir, &q->fd, err) || !next_message(q, clock_monotonic_ms() + QMP_TIMEOUT_MS, &greeting, err))
        return false;
    if (!json_get(greeting, "QMP"))
        return err_set(err, ERR_MALFORMED, "%s/qmp.sock does not speak QMP", dir);
    return qmp_command(q, "qmp_capabilities", NULL, NULL, err);
}

void qmp_done(struct qmp *q)
{
    close_at(&q->fd);
    free(q->buffer);
    arena_done(&q->arena);
    *q = QMP_INIT;
}

bool qmp_command(struct qmp *q, const char *command, const char *arguments, const struct json **ret, struct err *err)
{
    int64_t deadline = clock_monotonic_ms() + QMP_TIMEOUT_MS;
    const char *text = arguments ? arena_printf(&q->arena, "{\"execute\":\"%s\",\"arguments\":%s}\n", command, arguments)
                                 : arena_printf(&q->arena, "{\"execute\":\"%s\"}\n", command);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    /* Commands are far shorter than a socket's buffer: they go in whole or not at all. */
    if (send(q->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        return err_set(err, ERR_UNREACHABLE, "QEMU does not take the command %s", command);
    for (const struct json *message;;) {
        if (!next_message(q, deadline, &message, err))
            return false;
        const struct json *error = json_get(message, "error"), *answer = json_get(message, "return");
        if (error) {
            struct bytes why = json_text(json_get(error, "desc"), BYTES_LIT("no reason given"));
            return err_set(err, ERR_IO, "QEMU refused %s: %.*s", command, BYTES_FMT(why));
        }
        if (!answer)
            continue; /* an event */
        if (ret)
            *ret = answer;
        return true;
    }
}
