#include "agent/daemon/logfile.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"

static char file[PATH_MAX];
static int fd = -1;
static off_t size;

static bool reopen(struct err *err)
{
    struct stat st;

    fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
              0640); /* a pipe would keep us waiting for its reader */
    if (fd < 0 || fstat(fd, &st))
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", file, strerror(errno));
    size = st.st_size;
    return true;
}

static void rotate(void)
{
    char from[PATH_MAX + 16], to[PATH_MAX + 16]; /* a dot and any number */
    struct err err = ERR_INIT;

    close(fd);
    fd = -1;
    for (int i = LOGFILE_KEPT - 1; i >= 1; i--) {
        snprintf(from, sizeof from, i > 1 ? "%s.%d" : "%s", file, i - 1);
        snprintf(to, sizeof to, "%s.%d", file, i);
        unlink(to); /* Windows renames onto nothing that is there */
        rename(from, to);
    }
    (void)!reopen(&err);
}

static void put_line(enum log_level level, int64_t time_ms, struct bytes line)
{
    static const char *const names[] = { "DEBUG", "INFO", "WARNING", "ERROR" };
    struct writer w CLEANUP(writer_done) = { .limit = 32 * 1024 };
    char now[CLOCK_TEXT_LEN];
    ssize_t n;

    if (fd < 0)
        return;
    clock_format(time_ms, now);
    write_printf(&w, "%s %s trueboot-agent[%d] %.*s\n", now, names[level], (int)getpid(), BYTES_FMT(line));
    n = writer_ok(&w) ? write(fd, w.data, (unsigned)w.len) : 0;
    if (n > 0)
        size += n;
    if (size >= LOGFILE_BYTES)
        rotate();
}

bool logfile_open(const char *folder, struct err *err)
{
    if (snprintf(file, sizeof file - 8, "%s/trueboot-agent.log", folder) >= (int)sizeof file - 8)
        return err_set(err, ERR_LIMIT, "path too long: %s", folder);
    if (!reopen(err))
        return false;
    log_set_sink(put_line);
    return true;
}

void logfile_close(void)
{
    log_set_sink(NULL);
    if (fd >= 0)
        close(fd);
    fd = -1;
}
