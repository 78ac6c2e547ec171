#include "agent/handler/publish.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "base/clock.h"
#include "base/file.h"
#include "extension/compose.h"
#include "extension/event.h"

enum { EVENTS_LISTED_MAX = 256, CURSOR_BYTES_MAX = 128, HOUR_MS = 3600 * 1000 };

/* The daemon's files. */

struct output {
    struct daemon_state state;
    bool has_state;
    int64_t beat_ms;
};

/* A file that is missing or broken is what a daemon that does not run looks like. */
static void read_output(const struct places *places, struct arena *a, struct output *ret)
{
    int out CLEANUP(folder_close_at) = -1;
    struct folder_file file;
    struct err err = ERR_INIT;

    *ret = (struct output){ 0 };
    if (!folder_open_ours(places->out_dir, &out, &err))
        return;
    ret->has_state =
        folder_read(out, "status.json", LIMIT_SMALL_BODY_BYTES, a, &file, &err) && daemon_state_parse(a, file.content, &ret->state, &err);
    if (folder_read(out, "heartbeat.json", LIMIT_SMALL_BODY_BYTES, a, &file, &err))
        ret->beat_ms = file.modified_ms;
}

static struct compose_facts facts_of(const struct handler_record *r, const struct output *output, int64_t now_ms)
{
    int64_t booted_ms = now_ms - clock_monotonic_ms(); /* of the boot */

    return (struct compose_facts){ .operation = r->operation ? r->operation : "Enable",
                                   .applied_ms = r->applied_ms,
                                   .enabled_ms = r->enabled_ms > booted_ms ? r->enabled_ms : booted_ms,
                                   .first_enabled_ms = r->first_enabled_ms,
                                   .strict = r->strict,
                                   .warnings = r->warnings,
                                   .n_warnings = r->n_warnings,
                                   .daemon = output->has_state ? &output->state : NULL,
                                   .beat_ms = output->beat_ms };
}

/* The VM agent's files. */

static bool split(const char *path, char folder[static PATH_MAX], const char **ret_name, struct err *err)
{
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path || !slash[1] || snprintf(folder, PATH_MAX, "%.*s", (int)(slash - path), path) >= PATH_MAX)
        return err_set(err, ERR_MALFORMED, "%s is no path of a file", path);
    *ret_name = slash + 1;
    return true;
}

static bool put_file(const char *path, const struct writer *w, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;
    char folder[PATH_MAX];
    const char *name;

    if (!writer_ok(w))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!split(path, folder, &name, err))
        return false;
    if (!folder_open(folder, &fd, err))
        return err->code == ERR_NOT_FOUND; /* the handler is gone */
    return folder_write(fd, fd, name, writer_bytes(w), 0600, err);
}

bool publish_status_file(const char *status_file, const struct handler_status *status, int64_t now_ms, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_HANDLER_STATUS_BYTES };

    handler_status_write(&w, status, now_ms);
    return put_file(status_file, &w, err);
}

static bool put_heartbeat(const char *path, const struct heartbeat *beat, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    heartbeat_write(&w, beat->ready, beat->code, beat->message);
    return put_file(path, &w, err);
}

/* Events. The cursor is the last name published, and how many there were in the running hour. */

struct cursor {
    char last[EVENT_NAME_LEN];
    long long hour;
    unsigned in_hour;
};

static void read_cursor(const struct places *places, struct cursor *ret)
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    char line[CURSOR_BYTES_MAX + 1];
    struct err err = ERR_INIT;
    char path[1024];

    *ret = (struct cursor){ 0 };
    if (snprintf(path, sizeof path, "%s/events", places->publish_dir) >= (int)sizeof path ||
        !file_read(path, CURSOR_BYTES_MAX, &text, &err))
        return;
    snprintf(line, sizeof line, "%.*s", BYTES_FMT(text));
    if (sscanf(line, "%39s %lld %u", ret->last, &ret->hour, &ret->in_hour) != 3)
        *ret = (struct cursor){ 0 };
}

static bool write_cursor(const struct places *places, const struct cursor *cursor, struct err *err)
{
    char line[CURSOR_BYTES_MAX], path[1024];

    if (snprintf(path, sizeof path, "%s/events", places->publish_dir) >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "path too long");
    snprintf(line, sizeof line, "%s %lld %u\n", *cursor->last ? cursor->last : "-", cursor->hour, cursor->in_hour);
    return folder_make(places->publish_dir, 0755, geteuid(), getegid(), err) && folder_put(path, bytes_of_string(line), 0600, err);
}

/* Names are times: longer is later, among equals the alphabet decides. */
static bool is_later(const char *name, const char *than)
{
    size_t n = strlen(name), m = strlen(than);

    return n != m ? n > m : strcmp(name, than) > 0;
}

struct event_folders {
    int from, to, through;
};

static bool pass_on(const struct event_folders *f, const char *name, struct arena *a, const char *version, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct handler_event event;
    struct folder_file file;
    struct err broken = ERR_INIT;

    if (!folder_read(f->from, name, LIMIT_EVENT_BYTES, a, &file, &broken) || !event_parse(a, file.content, &event, &broken))
        return true; /* passed over */
    event.version = version;
    event_write(&w, &event);
    return writer_ok(&w) ? folder_write(f->to, f->through, name, writer_bytes(&w), 0600, err)
                         : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool pass_events(const struct event_folders *f, struct cursor *cursor, const struct handler_record *record, int64_t now_ms,
                        struct arena *a, struct err *err)
{
    const char **names;
    size_t n;

    if (now_ms / HOUR_MS != cursor->hour) {
        cursor->hour = now_ms / HOUR_MS;
        cursor->in_hour = 0;
    }
    if (!folder_list(f->from, a, EVENTS_LISTED_MAX, &names, &n, err))
        return false;
    for (size_t i = 0; i < n && cursor->in_hour < LIMIT_EVENTS_PER_HOUR; i++) {
        if (!event_name_is_valid(names[i]) || !is_later(names[i], cursor->last))
            continue;
        if (!pass_on(f, names[i], a, record->version ? record->version : TRUEBOOT_VERSION, err))
            return false;
        snprintf(cursor->last, sizeof cursor->last, "%s", names[i]);
        cursor->in_hour++;
    }
    return true;
}

static bool publish_events(const struct places *places, const struct handler_record *record, int64_t now_ms, struct arena *a,
                           struct err *err)
{
    int out CLEANUP(folder_close_at) = -1, from CLEANUP(folder_close_at) = -1, to CLEANUP(folder_close_at) = -1,
            through CLEANUP(folder_close_at) = -1;
    char path[PATH_MAX], parent[PATH_MAX];
    struct cursor cursor;
    const char *name;

    if (!record->events_folder || snprintf(path, sizeof path, "%s/events", places->out_dir) >= (int)sizeof path)
        return true;
    /* Temporary files of ours in the events folder would be deleted, so they lie above it. */
    if (!split(record->events_folder, parent, &name, err))
        return false;
    if (!folder_open_ours(places->out_dir, &out, err) || !folder_open(path, &from, err) || !folder_open(parent, &through, err) ||
        !folder_open(record->events_folder, &to, err))
        return true;
    read_cursor(places, &cursor);
    return pass_events(&(struct event_folders){ from, to, through }, &cursor, record, now_ms, a, err) && write_cursor(places, &cursor, err);
}

bool publish_once(const struct places *places, const struct handler_record *record, int64_t now_ms, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct handler_status status;
    struct compose_facts facts;
    struct heartbeat beat;
    struct output output;

    if (record->disabled)
        return true;
    read_output(places, &a, &output);
    facts = facts_of(record, &output, now_ms);
    compose_status(&facts, now_ms, &status);
    compose_heartbeat(&facts, now_ms, &beat);
    return (!record->status_file || publish_status_file(record->status_file, &status, now_ms, err)) &&
           (!record->heartbeat_file || put_heartbeat(record->heartbeat_file, &beat, err)) &&
           publish_events(places, record, now_ms, &a, err);
}

bool publish_stopped(const struct handler_record *record, int64_t now_ms, struct err *err)
{
    const struct heartbeat beat = { .ready = false, .message = "disabled" };
    struct handler_status status = { .operation = "Disable", .applied_ms = record->applied_ms };

    handler_status_set(&status, STATUS_SUCCESS, 0, "Boot integrity monitoring is disabled.");
    if (record->status_file && !publish_status_file(record->status_file, &status, now_ms, err))
        return false;
    return !record->heartbeat_file || put_heartbeat(record->heartbeat_file, &beat, err);
}
