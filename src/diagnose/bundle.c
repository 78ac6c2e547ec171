#include "diagnose/bundle.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/file.h"
#include "diagnose/redact.h"
#include "diagnose/tar.h"

enum { LOG_MAX = 6 << 20 /* it is rotated at 5 MiB (guest-agent.md 6.12) */, FILE_MAX = 1 << 20 };

void bundle_init(struct bundle *ret, struct diagnosis *d, int64_t time_ms) { *ret = (struct bundle){ .d = d, .time_ms = time_ms }; }

void bundle_done(struct bundle *b) { writer_done(&b->tar); }

void bundle_add_public(struct bundle *b, const char *name, struct bytes content)
{
    char *full = arena_printf(b->d->arena, "trueboot-diagnose/%s", name);

    if (!content.len || b->n == BUNDLE_NAMES_MAX || !full)
        return;
    tar_add(&b->tar, full, content, b->time_ms);
    b->names[b->n] = full;
    b->sizes[b->n++] = content.len;
}

void bundle_add_text(struct bundle *b, const char *name, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    redact(text, &w);
    if (writer_ok(&w))
        bundle_add_public(b, name, writer_bytes(&w));
}

void bundle_add_file(struct bundle *b, const struct machine_places *places, const char *name, const char *path)
{
    bundle_add_text(b, name, machine_read(b->d, places, FILE_MAX, "%s", path));
}

static struct bytes last_lines(struct bytes text, unsigned lines)
{
    size_t at = text.len;

    while (at > 0 && (at == text.len || text.data[at - 1] != '\n' || --lines > 0))
        at--;
    return bytes_slice(text, at, text.len);
}

static unsigned count_lines(struct bytes text)
{
    unsigned n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    return n;
}

/* The agent's own file; just after a rotation the lines before are in the next one. */
static void add_log_file(struct bundle *b, const struct machine_places *places)
{
    struct bytes text = machine_read(b->d, places, LOG_MAX, "%s/trueboot-agent.log", places->log_dir);
    unsigned lines = count_lines(text);

    if (lines < BUNDLE_LOG_LINES)
        bundle_add_text(
            b, "trueboot-agent.log.1",
            last_lines(machine_read(b->d, places, LOG_MAX, "%s/trueboot-agent.log.1", places->log_dir), BUNDLE_LOG_LINES - lines));
    bundle_add_text(b, "trueboot-agent.log", last_lines(text, BUNDLE_LOG_LINES));
}

/* The journal's lines and the agent's own. */
static void add_logs(struct bundle *b, const struct machine_places *places)
{
    struct bytes text = machine_journal(b->d, places, LOG_MAX);

    bundle_add_text(b, "journal.log", last_lines(text, BUNDLE_LOG_LINES));
    add_log_file(b, places);
}

static int is_conf(const struct dirent *e)
{
    size_t len = strlen(e->d_name);

    return e->d_name[0] != '.' && len > 5 && len < 64 && strcmp(e->d_name + len - 5, ".conf") == 0;
}

static void add_drop_ins(struct bundle *b, const struct machine_places *places, const char *config_file)
{
    struct dirent **entries = NULL;
    char *dir = arena_printf(b->d->arena, "%s%s.d", places->root, config_file);
    int n = dir ? scandir(dir, &entries, is_conf, alphasort) : -1;

    for (int i = 0; i < n; i++) {
        char *name = arena_printf(b->d->arena, "agent.conf.d/%s", entries[i]->d_name);
        char *path = arena_printf(b->d->arena, "%s.d/%s", config_file, entries[i]->d_name);

        if (name && path)
            bundle_add_file(b, places, name, path);
        free(entries[i]);
    }
    free(entries);
}

void bundle_add_machine(struct bundle *b, const struct machine_places *places, const char *config_file)
{
    /* By name: token.jwt, spool/ and whatever else lies there stays. */
    static const char *const state[] = { "ak.json", "identity.json", "state.json", "owner" };
    struct writer text CLEANUP(writer_done) = { 0 }, json CLEANUP(writer_done) = { 0 };
    char path[400];

    diagnosis_write_text(b->d, &text);
    diagnosis_write_json(b->d, b->time_ms, &json);
    bundle_add_text(b, "diagnosis.txt", writer_bytes(&text));
    bundle_add_text(b, "diagnosis.json", writer_bytes(&json));
    bundle_add_file(b, places, "agent.conf", config_file);
    add_drop_ins(b, places, config_file);
    /* What `enable` made of a VM extension's settings, and where its folders are; secrets lie elsewhere. */
    bundle_add_file(b, places, "handler.json", places->handler_record);
    bundle_add_file(b, places, "handler.conf", places->handler_conf);
    for (size_t i = 0; i < ARRAY_LEN(state); i++) {
        snprintf(path, sizeof path, "%s/%s", places->state_dir, state[i]);
        bundle_add_file(b, places, state[i], path);
    }
    snprintf(path, sizeof path, "%s/status.json", places->run_dir);
    bundle_add_file(b, places, "status.json", path);
    snprintf(path, sizeof path, "%s/out/status.json", places->run_dir);
    bundle_add_file(b, places, "out/status.json", path);
    add_logs(b, places);
}

bool bundle_write(struct bundle *b, const char *path, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) /* a device would be replaced */
        return err_set(err, ERR_IO, "%s is there, and no file", path);
    tar_end(&b->tar);
    if (!writer_ok(&b->tar))
        return err_set(err, ERR_NO_MEMORY, "out of memory for the archive");
    return file_write(path, writer_bytes(&b->tar), 0600, err);
}
