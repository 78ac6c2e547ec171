#include "audit/verify.h"
#include <stdlib.h>
#include "audit/checkpoint.h"
#include "audit/files.h"
#include "base/file.h"
#include "json/parse.h"

enum { FILE_MAX = 1024 * 1024 * 1024 };

struct verifier {
    struct arena *a;
    struct arena scratch; /* of one line */
    const struct audit_verify_options *options;
    struct audit_report *report;
    const char *file;
    unsigned line;
    int64_t expected;                   /* number of the next record; 0: the first one says */
    char said[AUDIT_HASH_TEXT_LEN];     /* hash of the record before, as it says */
    char computed[AUDIT_HASH_TEXT_LEN]; /* the same, as its text gives; differs only after a bad record */
    bool before_is_bad, any;
    int64_t removed_through;                              /* by retention, as the log itself says */
    char head_hash[AUDIT_HEADS_MAX][AUDIT_HASH_TEXT_LEN]; /* of the records that the heads speak of, where they were met */
    struct audit_checkpoint heads[AUDIT_HEADS_MAX];
    size_t n_heads;
    bool no_memory;
};

static void problem(struct verifier *v, int64_t seq, const char *what)
{
    struct audit_report *r = v->report;

    if (!what)
        v->no_memory = true;
    if (r->n_problems < AUDIT_PROBLEMS_MAX)
        r->problems[r->n_problems] = (struct audit_problem){ seq, v->file, v->line, what };
    r->n_problems++;
}

/* ---- records of the log about itself ---- */

static void check_checkpoint(struct verifier *v, const struct json *properties, int64_t seq)
{
    struct audit_checkpoint c;
    struct err err = ERR_INIT;

    if (!audit_checkpoint_read(&v->scratch, json_text(json_get(properties, "checkpoint"), BYTES_NONE), v->options->key, &c, &err)) {
        problem(v, seq, arena_printf(v->a, "its signature does not hold (%s)", err.text));
        return;
    }
    /* `said` and `computed` are still those of the record before. */
    if (c.seq != seq - 1 || (strcmp(c.hash, v->said) != 0 && v->any)) {
        problem(v, v->report->signed_through + 1,
                arena_printf(
                    v->a,
                    "the checkpoint in record %lld signs another content: a record from %lld to %lld was changed, and the log written anew",
                    (long long)seq, (long long)v->report->signed_through + 1, (long long)seq - 1));
        return;
    }
    v->report->checkpoints++;
    v->report->signed_through = c.seq;
}

static void read_chain_record(struct verifier *v, struct bytes line, int64_t seq)
{
    const struct json *record;
    struct err err = ERR_INIT;
    int64_t through;

    if (!json_parse(&v->scratch, line, NULL, &record, &err)) {
        problem(v, seq, arena_printf(v->a, "it is not JSON: %s", err.text));
        return;
    }
    if (!json_is_string(json_get(record, "category"), "Chain"))
        return;
    if (json_is_string(json_get(record, "operationName"), "AuditCheckpoint"))
        check_checkpoint(v, json_get(record, "properties"), seq);
    if (json_is_string(json_get(record, "operationName"), "AuditRetention") &&
        json_as_integer(json_at(record, "properties", "removedThrough", NULL), &through) && through > v->removed_through)
        v->removed_through = through;
    if (json_is_string(json_get(record, "operationName"), "AuditBroken"))
        problem(v, seq,
                arena_printf(v->a, "the server found the log broken here when it started: %.*s",
                             BYTES_FMT(json_text(json_at(record, "properties", "trouble", NULL), BYTES_LIT("?")))));
}

/* ---- lines ---- */

static void check_link(struct verifier *v, const struct audit_line *l)
{
    bool first = !v->any, follows = strcmp(l->prev, v->said) == 0 || strcmp(l->prev, v->computed) == 0;

    if (first && l->seq > 1)
        v->report->first_seq = l->seq; /* fine if retention says so: asked at the end */
    else if (first && strcmp(l->prev, audit_no_hash) != 0)
        problem(v, l->seq, "it is the first record and names one before it");
    else if (!first && l->seq > v->expected)
        problem(v, v->expected, arena_printf(v->a, "records %lld to %lld are missing", (long long)v->expected, (long long)l->seq - 1));
    else if (!first && l->seq < v->expected)
        problem(v, l->seq, arena_printf(v->a, "it stands where record %lld should", (long long)v->expected));
    else if (!first && !follows && !v->before_is_bad)
        problem(v, l->seq - 1,
                arena_printf(v->a, "it is not the one that record %lld was written after: it was replaced", (long long)l->seq));
}

static void note_heads(struct verifier *v, int64_t seq, const char *hash)
{
    for (size_t i = 0; i < v->n_heads; i++)
        if (v->heads[i].seq == seq)
            memcpy(v->head_hash[i], hash, AUDIT_HASH_TEXT_LEN);
}

static void check_line(struct verifier *v, struct bytes line, bool complete)
{
    struct audit_line l;
    struct err err = ERR_INIT;
    int64_t seq = v->expected ? v->expected : 1;

    v->line++;
    arena_reset(&v->scratch);
    if (!audit_line_read(line, &l, &err) || !complete) {
        problem(v, seq,
                complete ? arena_printf(v->a, "%s", err.text)
                         : arena_printf(v->a,
                                        "its line is not complete: a crash cut it short, it was changed, or the server is writing it now"));
        audit_line_guess(line, v->said, v->computed);
        v->before_is_bad = true;
        v->expected = seq + 1;
        v->any = true;
        v->report->last_seq = seq;
        return;
    }
    if (!v->any)
        v->report->first_seq = l.seq;
    check_link(v, &l);
    if (bytes_find(line, BYTES_LIT("\"category\":\"Chain\"")) != SIZE_MAX || v->line == 1)
        read_chain_record(v, line, l.seq);
    memcpy(v->said, l.hash, sizeof v->said);
    memcpy(v->computed, l.hash, sizeof v->computed);
    note_heads(v, l.seq, l.hash);
    v->before_is_bad = false;
    v->expected = l.seq + 1;
    v->any = true;
    v->report->last_seq = l.seq;
    v->report->records++;
}

static bool check_file(struct verifier *v, const char *path, struct err *err)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE, rest;

    if (!file_read(path, FILE_MAX, &content, err))
        return false;
    v->file = path;
    v->line = 0;
    v->report->files++;
    for (rest = content; rest.len > 0;) {
        size_t end = bytes_find(rest, BYTES_LIT("\n"));

        check_line(v, bytes_slice(rest, 0, end), end != SIZE_MAX);
        rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, end + 1, rest.len);
    }
    return true;
}

/* ---- ends ---- */

static void check_start(struct verifier *v)
{
    int64_t first = v->report->first_seq;

    v->file = NULL;
    v->line = 0;
    if (first > 1 && v->removed_through < first - 1)
        problem(v, 1,
                arena_printf(v->a,
                             "records 1 to %lld are missing at the beginning, and no record says that they were removed for their age",
                             (long long)first - 1));
}

static void check_heads(struct verifier *v)
{
    for (size_t i = 0; i < v->n_heads; i++) {
        const struct audit_checkpoint *c = &v->heads[i];

        if (c->seq > v->report->last_seq)
            problem(v, v->report->last_seq + 1,
                    arena_printf(v->a, "records %lld to %lld are missing at the end: a checkpoint was signed over record %lld",
                                 (long long)v->report->last_seq + 1, (long long)c->seq, (long long)c->seq));
        else if (c->seq >= v->report->first_seq && v->head_hash[i][0] && strcmp(v->head_hash[i], c->hash) != 0)
            problem(v, c->seq, "it is not the one that a checkpoint kept beside the log was signed over: the log was written anew");
        else if (c->seq > v->report->signed_through)
            v->report->signed_through = c->seq;
    }
}

bool audit_verify(struct arena *a, const char *const *files, size_t n, const struct audit_verify_options *options, struct audit_report *ret,
                  struct err *err)
{
    struct verifier *v = ARENA_NEW(a, struct verifier);
    bool fine = v != NULL;

    *ret = (struct audit_report){ .files = 0 };
    if (!v || options->n_heads > AUDIT_HEADS_MAX)
        return err_set(err, ERR_NO_MEMORY, "no memory to verify");
    v->a = a;
    v->options = options;
    v->report = ret;
    for (size_t i = 0; i < options->n_heads; i++) {
        struct err why = ERR_INIT;

        if (audit_checkpoint_read(a, options->heads[i], options->key, &v->heads[v->n_heads], &why))
            v->n_heads++;
        else
            problem(v, 0, arena_printf(a, "a checkpoint kept beside the log does not hold: %s", why.text));
    }
    for (size_t i = 0; i < n && fine; i++)
        fine = check_file(v, files[i], err);
    if (fine) {
        check_start(v);
        check_heads(v);
    }
    arena_done(&v->scratch);
    return fine && (!v->no_memory || err_set(err, ERR_NO_MEMORY, "no memory to verify"));
}
