/* Where the log stands when a process begins: the last whole record of the newest file, and the checkpoints that it must reach. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/parts.h"
#include "base/file.h"

/* The last AUDIT_LINE_MAX bytes of the open file. */
static bool read_end(struct audit *t, struct arena *a, struct bytes *ret, struct err *err)
{
    size_t len = t->size < 2 * AUDIT_LINE_MAX ? (size_t)t->size : 2 * (size_t)AUDIT_LINE_MAX;
    uint8_t *data = arena_alloc(a, len + 1);
    ssize_t n = data ? pread(t->fd, data, len, t->size - (int64_t)len) : -1;

    if (n != (ssize_t)len)
        return err_set(err, ERR_IO, "the audit log in %s cannot be read: %s", t->folder, strerror(errno));
    *ret = (struct bytes){ data, len };
    return true;
}

static size_t last_newline(struct bytes text)
{
    for (size_t i = text.len; i > 0; i--)
        if (text.data[i - 1] == '\n')
            return i - 1;
    return SIZE_MAX;
}

/* Takes what a crash left of a line off the end. *ret_cut: how many bytes. */
static bool repair_end(struct audit *t, struct bytes *end, int64_t *ret_cut, struct err *err)
{
    size_t newline = last_newline(*end), keep = newline == SIZE_MAX ? 0 : newline + 1;

    *ret_cut = (int64_t)(end->len - keep);
    if (*ret_cut == 0)
        return true;
    if (ftruncate(t->fd, t->size - *ret_cut) != 0)
        return err_set(err, ERR_IO, "the audit log in %s cannot be repaired: %s", t->folder, strerror(errno));
    t->size -= *ret_cut;
    *end = bytes_slice(*end, 0, keep);
    return true;
}

static bool take_last_record(struct audit *t, struct arena *a, struct bytes end, struct audit_found *o, struct err *err)
{
    struct bytes line = bytes_slice(end, 0, end.len - 1);
    size_t before = last_newline(line);
    struct audit_line last;
    struct err why = ERR_INIT;

    line = before == SIZE_MAX ? line : bytes_slice(line, before + 1, line.len);
    if (audit_line_read(line, &last, &why)) {
        t->seq = last.seq;
        memcpy(t->hash, last.hash, sizeof t->hash);
        return true;
    }
    o->trouble = arena_printf(a, "the last record does not hold: %s", why.text);
    return o->trouble || err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
}

/* The newest file that has a record; the newest is gone on with when it is empty. */
static bool read_files(struct audit *t, struct arena *a, struct audit_found *o, struct err *err)
{
    const char *const *paths;
    struct bytes end = BYTES_NONE;
    size_t n;

    if (!audit_files(a, t->folder, &paths, &n, err))
        return false;
    o->begins = true;
    for (size_t i = n; i > 0 && o->begins; i--) {
        int64_t cut = 0;

        if (!audit_open_file(t, paths[i - 1], false, err) || !read_end(t, a, &end, err) || !repair_end(t, &end, &cut, err))
            return false;
        o->cut += cut;
        o->begins = end.len == 0;
    }
    return o->begins || take_last_record(t, a, end, o, err);
}

/* The checkpoint in the folder, and the one that was kept elsewhere: the log must reach both. */
static bool compare_with(struct audit *t, struct arena *a, struct bytes text, const char *where, struct audit_found *o, struct err *err)
{
    const struct pubkey *key = t->options.key ? privkey_public(t->options.key->key) : NULL;
    struct audit_checkpoint c;
    struct err why = ERR_INIT;

    if (text.len == 0)
        return true;
    if (!audit_checkpoint_read(a, text, key, &c, &why)) {
        o->trouble = arena_printf(a, "the checkpoint %s does not hold: %s", where, why.text);
    } else {
        if (!t->log[0]) {
            memcpy(t->log, c.log, sizeof t->log);
            t->head = strndup((const char *)text.data, text.len);
        }
        if (!o->trouble && (c.seq > t->seq || (c.seq == t->seq && strcmp(c.hash, t->hash) != 0)))
            o->trouble = arena_printf(a, "the log ends with record %lld, and record %lld was signed (%s): records were removed",
                                      (long long)t->seq, (long long)c.seq, where);
        if (c.seq > t->seq)
            t->seq = c.seq; /* numbers are not used twice */
    }
    return o->trouble || why.code == ERR_NONE || err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
}

static bool read_heads(struct audit *t, struct arena *a, struct audit_found *o, struct err *err)
{
    const char *path = arena_printf(a, "%s/" AUDIT_HEAD_FILE, t->folder);
    struct bytes text = BYTES_NONE;
    struct err why = ERR_INIT;

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    if (!file_read_in(a, path, AUDIT_LINE_MAX, &text, &why) && why.code != ERR_NOT_FOUND)
        return err_set(err, why.code, "%s", why.text);
    return compare_with(t, a, text, "in the log's folder", o, err) && compare_with(t, a, t->options.kept, "kept in the database", o, err);
}

bool audit_resume(struct audit *t, struct arena *a, struct audit_found *ret, struct err *err)
{
    memcpy(t->hash, audit_no_hash, sizeof t->hash);
    return read_files(t, a, ret, err) && read_heads(t, a, ret, err);
}
