#define _GNU_SOURCE
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"

static void close_at(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool refuse(struct err *err, const char *what, const char *path)
{
    enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO;
    return err_set(err, code, "cannot %s %s: %s", what, path, strerror(errno));
}

/* A pipe whose writer is not ready yet. */
static bool wait_for(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static bool read_all(int fd, const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    size_t len = 0, capacity = 64 * 1024;
    uint8_t *data = malloc(capacity);

    for (;;) {
        if (!data)
            return err_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
        ssize_t n = read(fd, data + len, capacity - len);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(fd))))
            continue;
        if (n < 0) {
            free(data);
            return refuse(err, "read", path);
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > limit) {
            free(data);
            return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
        }
        if (len == capacity) {
            uint8_t *grown = realloc(data, capacity *= 2);
            if (!grown)
                free(data);
            data = grown;
        }
    }
    *ret = (struct bytes){ data, len };
    return true;
}

bool file_read(const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    int fd CLEANUP(close_at) = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    return fd < 0 ? refuse(err, "open", path) : read_all(fd, path, limit, ret, err);
}

bool file_read_plain(const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    int fd CLEANUP(close_at) = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return refuse(err, "open", path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return err_set(err, ERR_UNTRUSTED, "%s is no plain file", path);
    return read_all(fd, path, limit, ret, err);
}

bool fd_write_all(int fd, struct bytes content)
{
    while (content.len) {
        ssize_t n = write(fd, content.data, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        content = bytes_slice(content, (size_t)n, content.len);
    }
    return true;
}

static void sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd CLEANUP(close_at) = -1;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        fsync(fd);
}

static bool put_file(const char *path, struct bytes content, mode_t mode, bool durable, struct err *err)
{
    char temporary[PATH_MAX];
    int fd CLEANUP(close_at) = -1;

    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
        return err_set(err, ERR_LIMIT, "path too long: %s", path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return refuse(err, "create", path);
    if (fchmod(fd, mode) || !fd_write_all(fd, content) || (durable && fsync(fd)) || rename(temporary, path)) {
        int reason = errno;
        unlink(temporary);
        errno = reason;
        return refuse(err, "write", path);
    }
    if (durable)
        sync_folder_of(path);
    return true;
}

bool file_write(const char *path, struct bytes content, mode_t mode, struct err *err) { return put_file(path, content, mode, true, err); }

bool file_replace(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    return put_file(path, content, mode, false, err);
}

bool file_rewrite(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    char before[PATH_MAX];
    int fd CLEANUP(close_at) = -1;

    if (snprintf(before, sizeof before, "%s.before", path) >= (int)sizeof before)
        return err_set(err, ERR_LIMIT, "path too long: %s", path);
    fd = open(before, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (fd < 0 && errno == ELOOP && unlink(before) == 0) /* a link stood at `path`, and they swapped */
        fd = open(before, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (fd < 0)
        return refuse(err, "create", path);
    if (!fd_write_all(fd, content) || ftruncate(fd, (off_t)content.len) || fdatasync(fd) ||
        (renameat2(AT_FDCWD, before, AT_FDCWD, path, RENAME_EXCHANGE) &&
         rename(before, path))) /* the first time, and where they cannot swap */
        return refuse(err, "write", path);
    sync_folder_of(path);
    return true;
}

bool file_overwrite(const char *path, struct bytes content, struct err *err)
{
    int fd CLEANUP(close_at) = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat s;

    if (fd < 0 || fstat(fd, &s))
        return refuse(err, "open", path);
    if (!S_ISREG(s.st_mode) || (size_t)s.st_size != content.len || content.len > FILE_OVERWRITE_MAX ||
        (content.len > FILE_SECTOR_BYTES && content.len % FILE_SECTOR_BYTES))
        return err_set(err, ERR_UNSUPPORTED, "%s: %zu bytes cannot take the place of %lld", path, content.len, (long long)s.st_size);
    return pwrite(fd, content.data, content.len, 0) == (ssize_t)content.len || refuse(err, "write", path);
}

bool file_put_in_place(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    int fd CLEANUP(close_at) = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    struct stat s;

    if (fd < 0 || fstat(fd, &s))
        return refuse(err, "open", path);
    if (!S_ISREG(s.st_mode) || s.st_nlink != 1)
        return err_set(err, ERR_UNTRUSTED, "%s: no plain file of this name alone", path);
    if ((s.st_mode & 07777) != mode && fchmod(fd, mode))
        return refuse(err, "set the mode of", path);
    if (pwrite(fd, content.data, content.len, 0) != (ssize_t)content.len)
        return refuse(err, "write", path);
    return (size_t)s.st_size <= content.len || ftruncate(fd, (off_t)content.len) == 0 || refuse(err, "cut", path);
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof part)
        return err_set(err, ERR_LIMIT, "path of impossible length: %s", path);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, i == len ? mode : 0755) && errno != EEXIST)
            return refuse(err, "make folder", part);
    }
    return true;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }
