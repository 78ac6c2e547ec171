#define _GNU_SOURCE
#include "agent/files/folder.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "crypto/random.h"

static bool refuse(struct err *err, const char *what, const char *name)
{
    enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO;

    return err_set(err, code, "cannot %s %s: %s", what, name, strerror(errno));
}

void folder_close_at(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

bool folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;

    if (!file_make_dirs(path, mode & 0777, err) || !folder_open(path, &fd, err))
        return false;
    if (geteuid() == 0 && fchown(fd, uid, gid))
        return refuse(err, "give away", path);
    return fchmod(fd, mode) == 0 || (errno == EPERM && geteuid() != 0) ? true : refuse(err, "set the mode of", path);
}

bool folder_open(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return refuse(err, "open", path);
    *ret_fd = fd;
    return true;
}

bool folder_open_ours(const char *path, int *ret_fd, struct err *err)
{
    struct stat st;
    int fd;

    if (!folder_open(path, &fd, err))
        return false;
    if (fstat(fd, &st) || st.st_uid != geteuid()) {
        close(fd);
        return err_set(err, ERR_UNTRUSTED, "%s is not ours", path);
    }
    *ret_fd = fd;
    return true;
}

static bool read_whole(int fd, const char *name, size_t limit, struct arena *a, struct bytes *ret, struct err *err)
{
    uint8_t *to = arena_alloc(a, limit + 1);
    size_t len = 0;

    if (!to)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    while (len <= limit) {
        ssize_t n = read(fd, to + len, limit + 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(err, "read", name);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len > limit)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", name, limit);
    *ret = (struct bytes){ to, len };
    return true;
}

bool folder_read(int folder, const char *name, size_t limit, struct arena *a, struct folder_file *ret, struct err *err)
{
    /* A named pipe must not stop us while it is opened, nor a device react. */
    int fd CLEANUP(folder_close_at) = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return refuse(err, "open", name);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return err_set(err, ERR_UNTRUSTED, "%s is no plain file", name);
    if (!read_whole(fd, name, limit, a, &ret->content, err))
        return false;
    ret->modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return true;
}

#define TEMPORARY ".trueboot-"

static int open_temporary(int folder, char name[static 24], struct err *err)
{
    uint32_t word;
    int fd = -1;

    for (unsigned i = 0; i < 8 && fd < 0; i++) {
        if (!random_bytes((uint8_t *)&word, sizeof word, err))
            return -1;
        snprintf(name, 24, TEMPORARY "%08x", word);
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd >= 0 || refuse(err, "create a temporary file for", "the folder") ? fd : -1;
}

static bool write_file(int folder, int through, const char *name, struct bytes content, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
    char temporary[24];
    int fd CLEANUP(folder_close_at) = open_temporary(through, temporary, err);

    if (fd < 0)
        return err_within(err, "%s", name);
    /* Giving away is a privilege: the daemon, which has none, is not to ask for it. */
    if ((geteuid() == 0 && (uid != geteuid() || gid != getegid()) && fchown(fd, uid, gid)) || fchmod(fd, mode) ||
        !fd_write_all(fd, content) || fsync(fd) || renameat(through, temporary, folder, name)) {
        int reason = errno;

        unlinkat(through, temporary, 0);
        errno = reason;
        return refuse(err, "write", name);
    }
    fsync(folder);
    return true;
}

bool folder_write(int folder, int through, const char *name, struct bytes content, mode_t mode, struct err *err)
{
    return write_file(folder, through, name, content, mode, geteuid(), getegid(), err);
}

bool folder_write_for(int folder, const char *name, struct bytes content, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
    return write_file(folder, folder, name, content, mode, uid, gid, err);
}

bool folder_put(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int fd CLEANUP(folder_close_at) = -1;
    char folder[PATH_MAX];

    if (!slash || (size_t)(slash - path) >= sizeof folder)
        return err_set(err, ERR_MALFORMED, "%s is no absolute path", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return folder_open(*folder ? folder : "/", &fd, err) && folder_write(fd, fd, slash + 1, content, mode, err);
}

bool folder_unlink(int folder, const char *name, struct err *err)
{
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT ? true : refuse(err, "remove", name);
}

bool folder_modified(int folder, const char *name, int64_t *ret_ns)
{
    struct stat st;

    if (fstatat(folder, name, &st, 0) || !S_ISREG(st.st_mode))
        return false;
    *ret_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return true;
}

static DIR *open_again(int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);

    if (!dir && copy >= 0)
        close(copy);
    return dir;
}

void folder_tidy(int folder, unsigned older_than_seconds)
{
    DIR *dir = open_again(folder);
    time_t now = time(NULL);
    struct stat st;

    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        if (strncmp(e->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0 && fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && (st.st_mtime > now || now - st.st_mtime > (time_t)older_than_seconds))
            (void)!unlinkat(folder, e->d_name, 0);
    if (dir)
        closedir(dir);
}

static int compare_names(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

bool folder_list(int folder, struct arena *a, size_t max, const char ***ret_names, size_t *ret_n, struct err *err)
{
    const char **names = ARENA_ARRAY(a, max, const char *);
    DIR *dir = open_again(folder);
    const struct dirent *entry;
    size_t n = 0;

    if (!dir)
        return refuse(err, "list", "the folder");
    while (names && n < max && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        names[n] = arena_string(a, bytes_of_string(entry->d_name));
        if (!names[n++])
            names = NULL;
    }
    closedir(dir);
    if (!names)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    qsort(names, n, sizeof *names, compare_names);
    *ret_names = names;
    *ret_n = n;
    return true;
}

enum { LEVELS = 4 }; /* of folders below a folder of ours */

static const char *next_name(DIR *dir)
{
    const struct dirent *entry;

    do
        entry = readdir(dir);
    while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

static void empty(int folder, unsigned depth)
{
    DIR *dir = open_again(folder);

    for (const char *name; dir && (name = next_name(dir)) != NULL;) {
        int below CLEANUP(folder_close_at) = -1;

        if (unlinkat(folder, name, 0) == 0)
            continue;
        below = depth ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (below >= 0)
            empty(below, depth - 1);
        unlinkat(folder, name, AT_REMOVEDIR);
    }
    if (dir)
        closedir(dir);
}

bool folder_remove(const char *path, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;

    if (!folder_open(path, &fd, err))
        return err->code == ERR_NOT_FOUND;
    empty(fd, LEVELS);
    return rmdir(path) == 0 || refuse(err, "remove", path);
}

static void give_below(int folder, unsigned depth, uid_t uid, gid_t gid)
{
    DIR *dir = open_again(folder);

    for (const char *name; dir && (name = next_name(dir)) != NULL;) {
        int fd CLEANUP(folder_close_at) = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st))
            continue;
        if ((S_ISREG(st.st_mode) && st.st_nlink == 1) || S_ISDIR(st.st_mode))
            (void)!fchown(fd, uid, gid);
        if (S_ISDIR(st.st_mode) && depth)
            give_below(fd, depth - 1, uid, gid);
    }
    if (dir)
        closedir(dir);
}

bool folder_give(const char *path, uid_t uid, gid_t gid, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;

    if (!folder_open(path, &fd, err))
        return false;
    if (geteuid() == 0)
        give_below(fd, LEVELS, uid, gid);
    return true;
}
