#include "keystore/keyring_file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "json/parse.h"
#include "json/write.h"

enum { RING_FILE_LIMIT = 64 * 1024, RING_VERSION = 1 };

static const struct {
    const char *name;
    size_t offset;
} times[] = {
    { "created", offsetof(struct ring_row, created_ms) }, { "activeFrom", offsetof(struct ring_row, active_from_ms) },
    { "revoked", offsetof(struct ring_row, revoked_ms) }, { "signedUntil", offsetof(struct ring_row, signed_until_ms) },
    { "longest", offsetof(struct ring_row, longest_ms) },
};

static bool path_of(const char *dir, enum key_use use, const char *ending, char ret[static PATH_MAX], struct err *err)
{
    return snprintf(ret, PATH_MAX, "%s/%s.%s", dir, key_use_name(use), ending) < PATH_MAX ||
           err_set(err, ERR_LIMIT, "path too long: %s", dir);
}

/* ---- which version ---- */

bool ring_version_equal(const struct ring_version *a, const struct ring_version *b)
{
    return a->inode == b->inode && a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

struct ring_version ring_version_of(const char *dir, enum key_use use)
{
    char path[PATH_MAX];
    struct err ignored = ERR_INIT;
    struct stat st;

    if (!path_of(dir, use, "ring", path, &ignored) || stat(path, &st) != 0)
        return (struct ring_version){ 0 };
    return (struct ring_version){ (int64_t)st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
}

/* ---- reading ---- */

/* Names become paths: nothing that could leave the folder. */
static bool read_name(const struct json *v, const char *member, size_t limit, bool is_path, char *ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(v, member, &text, err))
        return false;
    if (text.len == 0 || text.len >= limit)
        return err_set(err, ERR_MALFORMED, "%s has 1 to %zu characters, not %zu", member, limit - 1, text.len);
    for (size_t i = 0; i < text.len; i++) {
        bool plain = (text.data[i] >= 'a' && text.data[i] <= 'z') || (text.data[i] >= '0' && text.data[i] <= '9') || text.data[i] == '-';
        if (text.data[i] == 0 || (is_path && !plain))
            return err_set(err, ERR_MALFORMED, "%s has a character that does not belong there", member);
    }
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    return true;
}

static bool read_row(const struct json *v, struct ring_row *row, struct err *err)
{
    if (!read_name(v, "name", sizeof row->name, true, row->name, err) || !read_name(v, "kid", sizeof row->kid, false, row->kid, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        int64_t *time = (int64_t *)(void *)((char *)row + times[i].offset);
        if (!json_need_integer(v, times[i].name, time, err))
            return false;
        if (*time < 0)
            return err_set(err, ERR_MALFORMED, "%s is negative", times[i].name);
    }
    return true;
}

static bool is_doubled(const struct ring_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, rows[n].name) == 0 || strcmp(rows[i].kid, rows[n].kid) == 0)
            return true;
    return false;
}

bool ring_text_read(struct bytes text, struct ring_row ret[static KEYRING_MAX], size_t *ret_n, struct err *err)
{
    const struct json_options strict = { .max_depth = 4, .refuse_duplicates = true };
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *v, *keys;
    int64_t version;

    if (!json_parse(&a, text, &strict, &v, err) || !json_need_integer(v, "version", &version, err) ||
        !json_need_array(v, "keys", &keys, err))
        return false;
    if (version != RING_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "version %lld: this program knows %d", (long long)version, RING_VERSION);
    if (keys->array.n == 0 || keys->array.n > KEYRING_MAX)
        return err_set(err, ERR_MALFORMED, "it has %zu keys, not 1 to %d", keys->array.n, KEYRING_MAX);
    for (size_t i = 0; i < keys->array.n; i++) {
        if (!read_row(keys->array.items[i], &ret[i], err))
            return err_within(err, "key %zu", i + 1);
        if (is_doubled(ret, i))
            return err_set(err, ERR_MALFORMED, "key %zu is there twice", i + 1);
    }
    *ret_n = keys->array.n;
    return true;
}

bool ring_file_read(const char *dir, enum key_use use, struct ring_row ret[static KEYRING_MAX], size_t *ret_n, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    char path[PATH_MAX];
    struct bytes text;

    if (!path_of(dir, use, "ring", path, err) || !file_read_in(&a, path, RING_FILE_LIMIT, &text, err))
        return false;
    return ring_text_read(text, ret, ret_n, err) || err_within(err, "%s", path);
}

/* ---- writing ---- */

bool ring_file_write(const char *dir, enum key_use use, const struct ring_row *rows, size_t n, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);
    char path[PATH_MAX];

    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", RING_VERSION);
    json_begin_array(&out, "keys");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "name", rows[i].name);
        json_put_string(&out, "kid", rows[i].kid);
        for (size_t k = 0; k < ARRAY_LEN(times); k++)
            json_put_integer(&out, times[k].name, *(const int64_t *)(const void *)((const char *)&rows[i] + times[k].offset));
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    write_u8(&w, '\n');
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for a list of keys");
    return path_of(dir, use, "ring", path, err) && file_write(path, writer_bytes(&w), 0600, err);
}

bool ring_lock(const char *dir, enum key_use use, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    int fd;

    if (!path_of(dir, use, "lock", path, err))
        return false;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            close(fd);
            fd = -1;
        }
    if (fd < 0)
        return err_set(err, ERR_IO, "%s cannot be locked: %s", path, strerror(errno));
    *ret_fd = fd;
    return true;
}

void ring_unlock(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
