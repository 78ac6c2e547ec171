/* Other programs' words, and the kernel's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "diagnose/machine.h"

extern char **environ;

static pid_t start(const char *const argv[], int *ret_fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    if (posix_spawn_file_actions_init(&actions) == 0) {
        if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0 ||
            posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO) != 0 ||
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
            posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
            pid = -1;
        posix_spawn_file_actions_destroy(&actions);
    }
    close(fds[1]);
    if (pid < 0)
        close(fds[0]);
    *ret_fd = fds[0];
    return pid;
}

/* True at the end of the output, false when time or room ran out. */
static bool read_some(int fd, int64_t deadline, struct writer *w)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int64_t left = deadline - clock_monotonic_ms();
    uint8_t buffer[4096];
    ssize_t n;

    if (left <= 0 || !writer_ok(w))
        return false;
    if (poll(&p, 1, (int)left) <= 0)
        return errno == EINTR && read_some(fd, deadline, w);
    while ((n = read(fd, buffer, sizeof buffer)) < 0 && errno == EINTR)
        continue;
    if (n <= 0)
        return true;
    write_bytes(w, (struct bytes){ buffer, (size_t)n });
    return false;
}

struct bytes machine_run(struct diagnosis *d, const char *const argv[], size_t limit, unsigned seconds)
{
    struct writer w CLEANUP(writer_done) = { .limit = limit };
    int64_t deadline = clock_monotonic_ms() + (int64_t)seconds * 1000;
    struct bytes copy;
    bool ended = false;
    pid_t pid;
    int fd;

    pid = start(argv, &fd);
    if (pid < 0)
        return BYTES_NONE;
    while (!ended && writer_ok(&w) && clock_monotonic_ms() < deadline)
        ended = read_some(fd, deadline, &w);
    close(fd);
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return arena_copy(d->arena, writer_bytes(&w), &copy) ? copy : BYTES_NONE;
}

/* The kernel's log. */

/* A record is a line, and lines that begin with a blank behind it; a read gives one record. */
static void keep_last(struct diagnosis *d, char *record, bool (*wants)(const char *line), const char **last)
{
    char *rest = NULL;

    for (char *line = strtok_r(record, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *text = *line == ' ' ? NULL : strchr(line, ';');

        if (text && wants(text + 1) && (text = arena_printf(d->arena, "%.400s", text + 1)))
            *last = text;
    }
}

const char *machine_last_kernel_line(struct diagnosis *d, const struct machine_places *places, bool (*wants)(const char *line),
                                     bool *ret_readable)
{
    enum { RECORDS_MAX = 20000 };
    char *path = arena_printf(d->arena, "%s/dev/kmsg", places->root);
    int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    const char *last = NULL;
    char record[8192];

    *ret_readable = fd >= 0;
    for (unsigned i = 0; fd >= 0 && i < RECORDS_MAX; i++) {
        ssize_t len = read(fd, record, sizeof record - 1);

        if (len < 0 && (errno == EPIPE || errno == EINTR))
            continue; /* overwritten meanwhile */
        if (len <= 0)
            break;
        record[len] = 0;
        keep_last(d, record, wants, &last);
    }
    if (fd >= 0)
        close(fd);
    return last;
}

struct bytes machine_journal(struct diagnosis *d, const struct machine_places *places, size_t limit)
{
    const char *const argv[] = { "journalctl", "-u", "trueboot-agent*", "-n", "2000", "--no-pager", "-o", "short-iso", NULL };

    return places->may_run && machine_has(d, places, "/run/systemd/system") ? machine_run(d, argv, limit, 10) : BYTES_NONE;
}
