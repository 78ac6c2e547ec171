#include "audit/audit.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/parts.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signalled.h"
#include "base/uuid.h"
#include "crypto/random.h"
#include "json/write.h"

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))
enum {
    TICK_MS = 200,
    SYNC_MS = 1000,
    CHECKPOINT_MS = 60 * 1000,
    DEFAULT_FILE_BYTES = 64 * 1024 * 1024,
    DEFAULT_EVERY = 1000,
    MODE_FOLDER = 0750,
    MODE_FILE = 0640,
};

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

/* A whole line or nothing: what a full disk took of it is taken back. */
static bool write_line(struct audit *t, struct bytes line, struct err *err)
{
    size_t done = 0;

    while (done < line.len) {
        ssize_t n = write(t->fd, line.data + done, line.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err_set(err, ERR_IO, "the audit log in %s cannot be written: %s", t->folder, strerror(n < 0 ? errno : ENOSPC));
            if (done > 0 && ftruncate(t->fd, t->size) != 0)
                err_within(err, "half a line stays");
            return false;
        }
        done += (size_t)n;
    }
    t->size += (int64_t)line.len;
    return true;
}

/* With the lock held, into the open file. */
static bool put_line(struct audit *t, struct bytes members, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = 2 * AUDIT_LINE_MAX };
    char hash[AUDIT_HASH_TEXT_LEN];

    audit_line_write(&w, t->seq + 1, members, t->hash, hash);
    if (!writer_ok(&w) || w.len > AUDIT_LINE_MAX)
        return err_set(err, ERR_LIMIT, "a record of the audit log is larger than %d bytes", AUDIT_LINE_MAX);
    if (!write_line(t, writer_bytes(&w), err))
        return false;
    t->seq++;
    memcpy(t->hash, hash, sizeof t->hash);
    t->written++;
    t->since_checkpoint++;
    if (!t->dirty_since_ms)
        t->dirty_since_ms = clock_monotonic_ms();
    if (!t->unanchored_since_ms)
        t->unanchored_since_ms = clock_monotonic_ms();
    return true;
}

/* A record of the log about itself; `properties` are JSON members, or "". */
static bool put_chain_record(struct audit *t, const char *name, const char *properties, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = AUDIT_LINE_MAX };
    char time[CLOCK_TEXT_LEN];

    clock_format(t->options.now_ms(), time);
    write_printf(&w, "\"Time\":\"%s\",\"operationName\":\"%s\",\"category\":\"Chain\",\"level\":\"Informational\",\"properties\":{", time,
                 name);
    write_string(&w, properties);
    write_string(&w, "}");
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for a record of the audit log");
    return put_line(t, writer_bytes(&w), err);
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static void sync_file(struct audit *t)
{
    if (t->fd >= 0 && t->dirty_since_ms && fdatasync(t->fd) == 0)
        t->dirty_since_ms = 0;
}

static bool reach_disk(struct audit *t, struct err *err)
{
    sync_file(t);
    return !t->dirty_since_ms || err_set(err, ERR_IO, "the audit log in %s does not reach the disk: %s", t->folder, strerror(errno));
}

bool audit_open_file(struct audit *t, const char *path, bool fresh, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | (fresh ? O_CREAT : 0), MODE_FILE);

    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_IO, "the audit log %s cannot be opened: %s", path, strerror(errno));
    }
    if (t->fd >= 0) {
        sync_file(t);
        close(t->fd);
    }
    t->fd = fd;
    t->size = st.st_size;
    t->day = (st.st_size > 0 ? (int64_t)st.st_mtim.tv_sec * 1000 : t->options.now_ms()) / DAY_MS;
    if (fresh)
        sync_folder(t->folder);
    return true;
}

/* Removes files that ended more than keep_days ago, and says so; never the one that is written. */
static bool retire_files(struct audit *t, struct arena *a, struct err *err)
{
    const char *const *paths, *properties;
    int64_t before = t->options.now_ms() - (int64_t)t->keep_days * DAY_MS, through = 0;
    struct stat st;
    size_t n;

    if (t->keep_days == 0)
        return true;
    if (!audit_files(a, t->folder, &paths, &n, err))
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        const char *number = strrchr(paths[i + 1], '-');

        if (stat(paths[i], &st) != 0 || (int64_t)st.st_mtim.tv_sec * 1000 >= before || unlink(paths[i]) != 0)
            break;
        through = strtoll(number ? number + 1 : "1", NULL, 10) - 1;
    }
    if (through == 0)
        return true;
    properties = arena_printf(a, "\"removedThrough\":%lld,\"keepDays\":%u", (long long)through, t->keep_days);
    return properties ? put_chain_record(t, "AuditRetention", properties, err) : err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
}

static bool next_file(struct audit *t, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = audit_file_name(&a, t->folder, t->seq + 1);

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    if (!audit_open_file(t, path, true, err))
        return false;
    t->day = t->options.now_ms() / DAY_MS;
    return retire_files(t, &a, err);
}

static bool file_is_over(const struct audit *t)
{
    return t->fd < 0 || t->size >= t->file_bytes || (t->size > 0 && t->options.now_ms() / DAY_MS != t->day);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------- */

/* Over the newest record, which becomes the one before the newest. *ret (may be NULL) is a copy to hand out. */
static bool checkpoint(struct audit *t, char **ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct audit_checkpoint c = { .seq = t->seq, .time_ms = t->options.now_ms() };
    const char *text, *properties, *path;
    char *copy;

    *ret = NULL;
    if (!t->options.key || t->seq == 0)
        return true;
    memcpy(c.log, t->log, sizeof c.log);
    memcpy(c.hash, t->hash, sizeof c.hash);
    if (!audit_checkpoint_sign(&a, t->options.key, &c, &text, err))
        return false;
    properties = arena_printf(&a, "\"checkpoint\":\"%s\"", text);
    path = arena_printf(&a, "%s/" AUDIT_HEAD_FILE, t->folder);
    copy = strdup(text);
    /* What is signed must be on disk first, or a power cut would look like somebody's deed. */
    if (!properties || !path || !copy || !put_chain_record(t, "AuditCheckpoint", properties, err) || !reach_disk(t, err) ||
        !file_write(path, bytes_of_string(text), MODE_FILE, err)) {
        free(copy);
        return err->code != ERR_NONE ? false : err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
    }
    free(t->head);
    t->head = copy;
    t->since_checkpoint = 0;
    t->unanchored_since_ms = 0;
    *ret = strdup(copy);
    return true;
}

static void hand_out(struct audit *t, char *text)
{
    if (text && t->options.anchor)
        t->options.anchor(t->options.context, text);
    free(text);
}

/* ---- appending ------------------------------------------------------------------------------------------------------- */

/* What could not be written before is said first. */
static bool say_gap(struct audit *t, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *properties;

    if (t->lost_unsaid == 0)
        return true;
    properties = arena_printf(&a, "\"lost\":%llu", (unsigned long long)t->lost_unsaid);
    if (!properties || !put_chain_record(t, "AuditGap", properties, err))
        return err->code != ERR_NONE ? false : err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    t->lost_unsaid = 0;
    return true;
}

bool audit_append(struct audit *t, struct bytes members, bool durable, struct err *err)
{
    struct err ignored = ERR_INIT;
    char *anchor = NULL;
    bool fine;

    pthread_mutex_lock(&t->lock);
    fine = (!file_is_over(t) || next_file(t, err)) && say_gap(t, err) && put_line(t, members, err);
    if (fine && durable)
        fine = reach_disk(t, err);
    if (!fine) {
        t->lost++;
        t->lost_unsaid++;
    }
    t->failing = !fine;
    if (fine && t->since_checkpoint >= t->every && !checkpoint(t, &anchor, &ignored))
        t->unanchored_since_ms = clock_monotonic_ms(); /* again in a minute */
    pthread_mutex_unlock(&t->lock);
    hand_out(t, anchor);
    return fine;
}

static void *keep(void *context)
{
    struct audit *t = context;
    struct err ignored = ERR_INIT;

    pthread_mutex_lock(&t->lock);
    while (!t->stop) {
        int64_t now = clock_monotonic_ms();
        char *anchor = NULL;

        if (t->dirty_since_ms && now - t->dirty_since_ms >= SYNC_MS)
            sync_file(t);
        if (t->unanchored_since_ms && now - t->unanchored_since_ms >= CHECKPOINT_MS) {
            t->unanchored_since_ms = now; /* a failure is tried again in a minute */
            if (!checkpoint(t, &anchor, &ignored))
                ignored = ERR_INIT;
        }
        if (anchor) {
            pthread_mutex_unlock(&t->lock);
            hand_out(t, anchor);
            pthread_mutex_lock(&t->lock);
        }
        if (!t->stop)
            signalled_wait(&t->wake, &t->lock, clock_monotonic_ms() + TICK_MS);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static bool begin_chain(struct audit *t, struct arena *a, const struct audit_found *o, struct err *err)
{
    uint8_t id[UUID_LEN];
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *properties;

    if (!t->log[0]) {
        if (!random_bytes(id, sizeof id, err))
            return false;
        uuid_from_random(id);
        uuid_format(id, t->log);
    }
    json_put_string(&out, NULL, o->trouble ? o->trouble : "");
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    if (o->trouble) {
        properties = arena_printf(a, "\"log\":\"%s\",\"trouble\":%.*s", t->log, BYTES_FMT(writer_bytes(&w)));
        memcpy(t->hash, audit_no_hash, sizeof t->hash);
        return properties && next_file(t, err) && put_chain_record(t, "AuditBroken", properties, err);
    }
    properties = arena_printf(a, "\"log\":\"%s\"", t->log);
    if (!properties)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    if (o->begins)
        return next_file(t, err) && put_chain_record(t, "AuditBegin", properties, err);
    properties = o->cut ? arena_printf(a, "\"bytesRemoved\":%lld", (long long)o->cut) : NULL;
    return !properties || put_chain_record(t, "AuditRepaired", properties, err);
}

static bool start(struct audit *t, struct arena *a, const char **ret_note, struct err *err)
{
    struct audit_found o = { 0 };
    char *anchor = NULL;

    if (!file_make_dirs(t->folder, MODE_FOLDER, err) || !audit_resume(t, a, &o, err) || !begin_chain(t, a, &o, err))
        return false;
    /* What has just been written about this start is signed at once, so that there always is a newest checkpoint. */
    if (t->unanchored_since_ms && !checkpoint(t, &anchor, err))
        return false;
    hand_out(t, anchor);
    t->keeping = pthread_create(&t->keeper, NULL, keep, t) == 0;
    if (!t->keeping)
        return err_set(err, ERR_NO_MEMORY, "no thread can be started");
    *ret_note = o.trouble ? o.trouble
                : o.cut   ? arena_printf(a, "%lld bytes of a record that a crash cut short were removed", (long long)o.cut)
                          : NULL;
    return true;
}

bool audit_open(const struct audit_options *options, struct arena *a, struct audit **ret, const char **ret_note, struct err *err)
{
    struct audit *t = calloc(1, sizeof *t);
    const char *note = NULL;

    if (!t)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    t->options = *options;
    t->fd = -1;
    t->file_bytes = DEFAULT_FILE_BYTES;
    t->every = DEFAULT_EVERY;
    pthread_mutex_init(&t->lock, NULL);
    signalled_init(&t->wake);
    t->folder = strdup(options->folder);
    if (!t->folder || !start(t, a, &note, err)) {
        if (err->code == ERR_NONE)
            err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
        t->options.key = NULL; /* no checkpoint of what did not start */
        audit_close(t);
        return false;
    }
    if (ret_note)
        *ret_note = note;
    *ret = t;
    return true;
}

void audit_close(struct audit *t)
{
    struct err ignored = ERR_INIT;
    char *anchor = NULL;

    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    if (t->keeping)
        pthread_join(t->keeper, NULL);
    if (t->fd >= 0 && t->unanchored_since_ms && checkpoint(t, &anchor, &ignored))
        hand_out(t, anchor);
    sync_file(t);
    if (t->fd >= 0)
        close(t->fd);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->wake);
    free(t->folder);
    free(t->head);
    free(t);
}

/* ---- asking ---------------------------------------------------------------------------------------------------------- */

void audit_set(struct audit *t, int64_t file_bytes, unsigned keep_days, unsigned every)
{
    pthread_mutex_lock(&t->lock);
    t->file_bytes = file_bytes;
    t->keep_days = keep_days;
    t->every = every;
    pthread_mutex_unlock(&t->lock);
}

struct audit_state audit_state(struct audit *t)
{
    struct audit_state state;

    pthread_mutex_lock(&t->lock);
    state = (struct audit_state){ t->seq, t->written, t->lost, t->failing };
    pthread_mutex_unlock(&t->lock);
    return state;
}

bool audit_head(struct audit *t, struct arena *a, const char **ret, struct err *err)
{
    const char *copy;

    pthread_mutex_lock(&t->lock);
    copy = arena_string(a, bytes_of_string(t->head ? t->head : ""));
    pthread_mutex_unlock(&t->lock);
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
    *ret = copy;
    return true;
}
