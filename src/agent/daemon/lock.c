#include "agent/daemon/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written there shall not land elsewhere: a link, soft or hard, and what is no file, are taken away. */
static int open_lock(const char *path)
{
    for (int again = 0; again < 2; again++) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
        struct stat s;

        if (fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1)
            return fd;
        if (fd < 0 && errno != ELOOP)
            return -1;
        if (fd >= 0)
            close(fd);
        if (unlink(path) != 0)
            return -1;
    }
    errno = ELOOP;
    return -1;
}

enum lock_result lock_take(struct lock *ret, const char *path, char *holder, size_t size)
{
    int fd = open_lock(path);
    ssize_t n;

    ret->file = fd;
    if (fd < 0) {
        snprintf(holder, size, "%s", strerror(errno));
        return LOCK_IMPOSSIBLE;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (ftruncate(fd, 0) == 0)
            (void)!dprintf(fd, "%d " TRUEBOOT_VERSION "\n", (int)getpid());
        return LOCK_TAKEN;
    }
    n = read(fd, holder, size - 1);
    holder[n > 0 ? n : 0] = 0;
    holder[strcspn(holder, "\n")] = 0;
    return LOCK_HELD;
}

void lock_release(struct lock *lock)
{
    if (lock->file >= 0)
        close((int)lock->file);
    lock->file = -1;
}

bool lock_is_held(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return held;
}

bool lock_wait(struct lock *ret, const char *path, unsigned wait_ms)
{
    enum { POLL_MS = 100 };
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    ret->file = fd;
    for (unsigned waited = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; waited += POLL_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return true;
        if (waited >= wait_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}
