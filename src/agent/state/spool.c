#include "agent/state/spool.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"

enum { NAME_LEN = 16 + 5, PATH_LEN = 512, FILE_MAX = 1 << 20, SCHEMA = 1 };

static bool is_report(const struct dirent *e)
{
    return strlen(e->d_name) == NAME_LEN && strspn(e->d_name, "0123456789abcdef") == 16 && strcmp(e->d_name + 16, ".json") == 0;
}

static int filter(const struct dirent *e) { return is_report(e); }

static bool path_of(const char *state_dir, const char *name, char out[static PATH_LEN])
{
    return state_dir && *state_dir && snprintf(out, PATH_LEN, "%s/spool%s%s", state_dir, *name ? "/" : "", name) < PATH_LEN;
}

/* Names are times, so their order is the order of the reports. *ret_names is scandir's. */
static int list(const char *state_dir, struct dirent ***ret_names)
{
    char dir[PATH_LEN];

    *ret_names = NULL;
    return path_of(state_dir, "", dir) ? scandir(dir, ret_names, filter, alphasort) : -1;
}

static void free_names(struct dirent **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static void remove_one(const char *state_dir, const char *name)
{
    char path[PATH_LEN];

    if (path_of(state_dir, name, path))
        unlink(path);
}

static int64_t size_of(const char *state_dir, const char *name)
{
    char path[PATH_LEN];
    struct stat s;

    return path_of(state_dir, name, path) && stat(path, &s) == 0 ? (int64_t)s.st_size : 0;
}

/* The oldest go until both limits hold. */
static void trim(const char *state_dir)
{
    struct dirent **names;
    int n = list(state_dir, &names), first = 0;
    int64_t total = 0;

    for (int i = 0; i < n; i++)
        total += size_of(state_dir, names[i]->d_name);
    while (first < n && (n - first > LIMIT_SPOOL_REPORTS || total > LIMIT_SPOOL_BYTES)) {
        total -= size_of(state_dir, names[first]->d_name);
        remove_one(state_dir, names[first++]->d_name);
    }
    free_names(names, n);
}

/* ---- writing ---- */

static void write_text(const char *state_dir, const char *name, struct writer *w)
{
    char path[PATH_LEN];
    struct err ignored;

    if (writer_ok(w) && path_of(state_dir, name, path))
        (void)!file_write(path, writer_bytes(w), 0600, &ignored);
}

static void put_or_null(struct json_out *out, const char *name, struct bytes text)
{
    if (text.len)
        json_put_bytes(out, name, text);
    else
        json_put_null(out, name);
}

static void write_report(const char *state_dir, const char *name, const struct spool_report *report)
{
    struct writer w CLEANUP(writer_done_secret) = { .limit = FILE_MAX };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", SCHEMA);
    json_put_time(&out, "timeUtc", report->time_ms);
    put_or_null(&out, "token", report->token);
    if (report->token.len)
        json_put_time(&out, "untilUtc", report->until_ms);
    put_or_null(&out, "appraisal", report->appraisal);
    put_or_null(&out, "eventLogSha256", bytes_of_string(report->event_log_sha256));
    if (report->failure != FAILURE_NONE) {
        json_begin_object(&out, "failure");
        json_put_string(&out, "code", failure_name(report->failure));
        json_put_string(&out, "reason", failure_reason(report->failure));
        json_put_string(&out, "message", report->message);
        json_end(&out);
    }
    json_end(&out);
    write_text(state_dir, name, &w);
}

static const struct json *read_json(const char *state_dir, struct arena *a, const char *name)
{
    char path[PATH_LEN];
    const struct json *v = NULL;
    struct bytes text;
    struct err ignored;

    return path_of(state_dir, name, path) && file_read_in(a, path, FILE_MAX, &text, &ignored) && json_parse(a, text, NULL, &v, &ignored) &&
                   v->type == JSON_OBJECT
               ? v
               : NULL;
}

static bool is_newer(const struct json *v)
{
    int64_t schema;

    return json_as_integer(json_get(v, "schema"), &schema) && schema > SCHEMA;
}

/* Counts on; the first error stays. */
static void count_on(const char *state_dir, const struct spool_report *report)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *before = read_json(state_dir, &a, "first.json");
    int64_t count = 0;

    if (is_newer(before))
        return;
    if (!json_as_integer(json_get(before, "count"), &count) || count < 0 || count >= INT32_MAX)
        count = 0;
    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", SCHEMA);
    json_put_integer(&out, "count", count + 1);
    if (before && count > 0) {
        json_put_value(&out, "timeUtc", json_get(before, "timeUtc") ? json_get(before, "timeUtc") : &json_null);
        json_put_value(&out, "code", json_get(before, "code") ? json_get(before, "code") : &json_null);
        json_put_value(&out, "message", json_get(before, "message") ? json_get(before, "message") : &json_null);
    } else {
        json_put_time(&out, "timeUtc", report->time_ms);
        json_put_string(&out, "code", report->failure != FAILURE_NONE ? failure_name(report->failure) : NULL);
        json_put_string(&out, "message", report->message);
    }
    json_end(&out);
    write_text(state_dir, "first.json", &w);
}

void spool_put(const char *state_dir, const struct spool_report *report)
{
    char dir[PATH_LEN], name[NAME_LEN + 1];
    struct err ignored;

    if (!path_of(state_dir, "", dir) || !file_make_dirs(dir, 0700, &ignored))
        return;
    snprintf(name, sizeof name, "%016llx.json", (unsigned long long)(report->time_ms > 0 ? report->time_ms : 0));
    write_report(state_dir, name, report);
    count_on(state_dir, report);
    trim(state_dir);
}

/* ---- reading ---- */

static bool read_report(const struct json *v, struct spool_report *ret)
{
    struct bytes hash = json_text(json_get(v, "eventLogSha256"), BYTES_NONE);

    *ret = (struct spool_report){ .token = json_text(json_get(v, "token"), BYTES_NONE),
                                  .appraisal = json_text(json_get(v, "appraisal"), BYTES_NONE) };
    if (!v || !clock_parse(json_text(json_get(v, "timeUtc"), BYTES_NONE), &ret->time_ms) || ret->token.len > LIMIT_TOKEN_BYTES)
        return false;
    if (ret->token.len && !clock_parse(json_text(json_get(v, "untilUtc"), BYTES_NONE), &ret->until_ms))
        return false;
    if (hash.len == 64)
        snprintf(ret->event_log_sha256, sizeof ret->event_log_sha256, "%.*s", BYTES_FMT(hash));
    return true;
}

static const char *text_of(struct arena *a, const struct json *v, const char *name)
{
    struct bytes text = json_text(json_get(v, name), BYTES_NONE);

    return text.len ? arena_string(a, bytes_slice(text, 0, 300)) : NULL;
}

void spool_look(const char *state_dir, struct arena *a, struct spool_summary *ret)
{
    const struct json *first = read_json(state_dir, a, "first.json");
    struct dirent **names;
    int n = list(state_dir, &names);
    int64_t count = 0;

    *ret = (struct spool_summary){ .first_code = text_of(a, first, "code"), .first_message = text_of(a, first, "message") };
    for (int i = n; i-- > 0 && !ret->has_newest;) {
        const struct json *v = read_json(state_dir, a, names[i]->d_name);

        ret->has_newest = !is_newer(v) && read_report(v, &ret->newest);
        if (!ret->has_newest && !is_newer(v))
            remove_one(state_dir, names[i]->d_name);
    }
    free_names(names, n);
    if (!json_as_integer(json_get(first, "count"), &count) || count < 0 || count > INT32_MAX)
        count = 0;
    if (!clock_parse(json_text(json_get(first, "timeUtc"), BYTES_NONE), &ret->first_ms))
        ret->first_ms = 0;
    ret->count = count > 0 ? (unsigned)count : n > 0 && ret->has_newest ? (unsigned)n : 0;
}

void spool_clear(const char *state_dir)
{
    struct dirent **names;
    int n = list(state_dir, &names);

    for (int i = 0; i < n; i++)
        remove_one(state_dir, names[i]->d_name);
    free_names(names, n);
    remove_one(state_dir, "first.json");
}
