#define _GNU_SOURCE
#include "audit/page.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/files.h"

enum { NEAR_BYTES = 64 * 1024 /* looking for a record's place ends when it is so near */ };

/* {"seq":17,… */
static bool seq_of(const char *line, int64_t *ret)
{
    static const char head[] = "{\"seq\":";
    char *end;

    if (strncmp(line, head, sizeof head - 1) != 0)
        return false;
    errno = 0;
    *ret = strtoll(line + sizeof head - 1, &end, 10);
    return errno == 0 && *end == ',' && *ret > 0;
}

struct reading {
    FILE *file;
    char *line;
    size_t room;
};

static void reading_done(struct reading *r)
{
    if (r->file)
        fclose(r->file);
    free(r->line);
}

/* The next whole line, without its end; one that is being written is none yet. */
static bool next_line(struct reading *r, size_t *ret_len)
{
    ssize_t n = getline(&r->line, &r->room, r->file);

    if (n <= 0 || r->line[n - 1] != '\n')
        return false;
    r->line[n - 1] = '\0';
    *ret_len = (size_t)n - 1;
    return true;
}

/* Goes to the beginning of a line at or before the record behind `after`: numbers grow along a file, so that halving it finds the place. */
static bool seek_near(struct reading *r, int64_t after)
{
    long from = 0, to;

    if (fseek(r->file, 0, SEEK_END) != 0 || (to = ftell(r->file)) < 0)
        return false;
    while (to - from > NEAR_BYTES) {
        long middle = from + (to - from) / 2, at;
        int64_t seq;
        size_t len;

        if (fseek(r->file, middle, SEEK_SET) != 0)
            return false;
        if (!next_line(r, &len) || (at = ftell(r->file)) < 0 || !next_line(r, &len) || !seq_of(r->line, &seq) || seq > after)
            to = middle;
        else
            from = at;
    }
    return fseek(r->file, from, SEEK_SET) == 0;
}

struct wanted {
    int64_t after;
    size_t limit, max_bytes;
    const char *between;
};

static bool read_file(const char *path, const struct wanted *wanted, struct writer *w, struct audit_page *page, struct err *err)
{
    struct reading r CLEANUP(reading_done) = { .file = fopen(path, "re") };
    size_t len;

    if (!r.file) /* retention may have removed it just now */
        return errno == ENOENT || err_set(err, ERR_IO, "the audit log cannot be read: %s", strerror(errno));
    if (!seek_near(&r, wanted->after))
        return err_set(err, ERR_IO, "the audit log cannot be read: %s", strerror(errno));
    while (next_line(&r, &len)) {
        int64_t seq;

        if (!seq_of(r.line, &seq) || seq <= page->last_seq)
            continue;
        if (page->n == wanted->limit || (page->n > 0 && w->len + len > wanted->max_bytes)) {
            page->more = true;
            return true;
        }
        write_string(w, page->n ? wanted->between : "");
        write_bytes(w, (struct bytes){ (const uint8_t *)r.line, len });
        page->last_seq = seq;
        page->n++;
    }
    return !ferror(r.file) || err_set(err, ERR_IO, "the audit log cannot be read");
}

/* The first record of a file is its name's number. */
static bool first_of(const char *path, int64_t *ret)
{
    const char *dash = strrchr(path, '-');
    char *end;

    if (!dash)
        return false;
    errno = 0;
    *ret = strtoll(dash + 1, &end, 10);
    return errno == 0 && *end == '.';
}

bool audit_page(struct arena *a, const char *folder, int64_t after, size_t limit, size_t max_bytes, const char *between, struct writer *w,
                struct audit_page *ret, struct err *err)
{
    const struct wanted wanted = { after, limit, max_bytes, between };
    struct audit_page page = { .last_seq = after };
    const char *const *files;
    size_t n;

    if (!audit_files(a, folder, &files, &n, err))
        return false;
    for (size_t i = 0; i < n && !page.more; i++) {
        int64_t next = 0;

        if (i + 1 < n && first_of(files[i + 1], &next) && next <= after + 1)
            continue; /* all of this one are before */
        if (!read_file(files[i], &wanted, w, &page, err))
            return false;
    }
    *ret = page;
    return true;
}
