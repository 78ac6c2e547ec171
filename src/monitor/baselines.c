#include "monitor/baselines.h"
#include <string.h>
#include "appraise/verdict.h"
#include "base/clock.h"
#include "json/parse.h"

static const int64_t older_boot_ms = LIMIT_OLDER_BOOT_DAYS * INT64_C(24) * 3600 * 1000;

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for the accepted boots of a VM"); }

static bool read_row(struct arena *a, const struct store_baseline *row, struct baseline *ret, struct err *err)
{
    const struct json *v;

    return (json_parse(a, bytes_of_string(row->components), NULL, &v, err) && baseline_read(a, v, ret, err)) ||
           err_within(err, "baseline %lld of VM %s", (long long)row->version, row->vm);
}

/* ---- judging ---- */

/* A boot under one of the rows. */
struct trial {
    const struct store_baseline *row; /* NULL: under none */
    struct baseline baseline;
    struct findings findings;
    enum verdict verdict;
    size_t n_against, n_said; /* findings of medium or worse, of low or worse */
};

static size_t count_from(const struct findings *findings, enum severity least)
{
    size_t n = 0;

    for (size_t i = 0; i < findings->n; i++)
        n += findings->items[i].severity >= least;
    return n;
}

static bool try_row(const struct boot_reference *reference, struct arena *a, const struct appraisal *appraisal,
                    const struct store_baseline *row, struct trial *ret, struct err *err)
{
    *ret = (struct trial){ .row = row, .findings = { .arena = a } };
    if ((row && !read_row(a, row, &ret->baseline, err)) ||
        !judge(a, appraisal, NULL, row ? &ret->baseline : NULL, reference, &ret->findings, &ret->verdict, err))
        return false;
    ret->n_against = count_from(&ret->findings, SEVERITY_MEDIUM);
    ret->n_said = count_from(&ret->findings, SEVERITY_LOW);
    return true;
}

static bool is_nearer(const struct trial *one, const struct trial *other)
{
    if ((one->verdict == VERDICT_HEALTHY) != (other->verdict == VERDICT_HEALTHY))
        return one->verdict == VERDICT_HEALTHY;
    return one->n_against != other->n_against ? one->n_against < other->n_against : one->n_said < other->n_said;
}

static bool is_own(const struct finding *f, const struct appraisal *appraisal)
{
    for (size_t i = 0; i < appraisal->findings.n; i++) {
        const struct finding *own = &appraisal->findings.items[i];

        if (own->id == f->id && own->pcr == f->pcr && own->event == f->event && strcmp(own->text, f->text) == 0)
            return true;
    }
    return false;
}

/* Nothing deviates: what is said is said of the boot by itself. */
static bool is_same(const struct trial *trial, const struct appraisal *appraisal)
{
    if (!appraisal->quote_verified || trial->findings.overflow)
        return false;
    for (size_t i = 0; i < trial->findings.n; i++)
        if (trial->findings.items[i].severity >= SEVERITY_LOW && !is_own(&trial->findings.items[i], appraisal))
            return false;
    return true;
}

static const char *day(struct arena *a, int64_t ms)
{
    char text[CLOCK_TEXT_LEN];

    clock_format(ms, text);
    return arena_printf(a, "%.10s", text) ?: "?";
}

static void note_older(struct arena *a, struct trial *best, const struct store_baseline *newest)
{
    const struct store_baseline *row = best->row;
    const char *how_long = row->pinned     ? "it is pinned"
                           : row->until_ms ? arena_printf(a, "it is accepted until %s", day(a, row->until_ms))
                                           : "it has no end";

    findings_add(&best->findings, FINDING_BASELINE_OLDER_BOOT, FINDING_NO_PCR, FINDING_NO_EVENT,
                 "This boot is accepted as version %lld (%s, by %s); version %lld was approved since, on %s; %s.", (long long)row->version,
                 day(a, row->created_ms), row->by, (long long)newest->version, day(a, newest->created_ms), how_long ? how_long : "")
        ->severity = row->pinned ? SEVERITY_INFO : SEVERITY_LOW;
}

/* What was revoked in boots that were accepted after the one that matches stays revoked. */
static bool note_what_went_back(struct arena *a, const struct appraisal *appraisal, struct trial *best, const struct store_baseline *rows,
                                struct err *err)
{
    for (const struct store_baseline *newer = rows; newer < best->row; newer++) {
        struct baseline *baseline = ARENA_NEW(a, struct baseline);

        if (!baseline)
            return no_memory(err);
        if (!read_row(a, newer, baseline, err))
            return false;
        bootchain_went_back(a, &baseline->boot, newer->version, &appraisal->boot, &best->findings);
    }
    return true;
}

/* What a withdrawn boot deviates in is what it is. */
static void mark_deviations(struct findings *findings, const struct appraisal *appraisal)
{
    for (size_t i = 0; i < findings->n; i++)
        if (findings->items[i].severity == SEVERITY_MEDIUM && !is_own(&findings->items[i], appraisal))
            findings->items[i].follows = finding_kind(FINDING_BASELINE_WITHDRAWN);
}

/* A boot that was accepted once is called so: what it deviates in from those that are is its consequence. */
static bool note_withdrawn(const struct monitor *monitor, struct arena *a, const char *vm, const struct appraisal *appraisal,
                           struct findings *findings, bool none_accepted, struct err *err)
{
    const struct store_baseline *rows;
    struct trial *t = ARENA_NEW(a, struct trial);
    size_t n;

    if (!t)
        return no_memory(err);
    if (!store_baseline_list(monitor->store, a, vm, 0, LIMIT_ENDED_BOOTS_KNOWN + LIMIT_ACCEPTED_BOOTS, &rows, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].ended_ms)
            continue;
        if (!try_row(monitor->reference, a, appraisal, &rows[i], t, err))
            return false;
        if (t->verdict != VERDICT_HEALTHY)
            continue;
        mark_deviations(findings, appraisal);
        findings_add(findings, FINDING_BASELINE_WITHDRAWN, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "This boot was accepted as version %lld (%s, by %s) until %s: %s (%s).", (long long)rows[i].version,
                     day(a, rows[i].created_ms), rows[i].by, day(a, rows[i].ended_ms), rows[i].end_reason, rows[i].ended_by);
        return true;
    }
    if (none_accepted)
        findings_add(findings, FINDING_BASELINE_WITHDRAWN, FINDING_NO_PCR, FINDING_NO_EVENT, "No boot of this VM is accepted any more.");
    return true;
}

static bool find_nearest(const struct monitor *monitor, struct arena *a, const struct appraisal *appraisal,
                         const struct store_baseline *rows, size_t n, struct trial *best, struct trial *next, struct err *err)
{
    if (!try_row(monitor->reference, a, appraisal, n ? &rows[0] : NULL, best, err))
        return false;
    for (size_t i = 1; i < n && appraisal->quote_verified && !is_same(best, appraisal); i++) {
        if (!try_row(monitor->reference, a, appraisal, &rows[i], next, err))
            return false;
        if (is_nearer(next, best))
            *best = *next;
    }
    return true;
}

bool baselines_judge(const struct monitor *monitor, struct arena *a, const char *vm, const struct appraisal *appraisal,
                     struct findings *ret_findings, enum verdict *ret_verdict, int64_t *ret_version, struct err *err)
{
    struct trial *best = ARENA_NEW(a, struct trial), *next = ARENA_NEW(a, struct trial); /* large: not on the stack */
    const struct store_baseline *rows;
    int64_t changes;
    size_t n;

    if (!best || !next)
        return no_memory(err);
    if (!store_baseline_changes(monitor->store, vm, &changes, err) ||
        !store_baseline_accepted(monitor->store, a, vm, LIMIT_ACCEPTED_BOOTS, &rows, &n, err) ||
        !find_nearest(monitor, a, appraisal, rows, n, best, next, err))
        return false;
    if (appraisal->quote_verified && changes && (!n || best->verdict != VERDICT_HEALTHY)) {
        if (!note_withdrawn(monitor, a, vm, appraisal, &best->findings, n == 0, err))
            return false;
    } else if (appraisal->quote_verified && best->row && best->row != rows) {
        if (!note_what_went_back(a, appraisal, best, rows, err))
            return false;
        note_older(a, best, &rows[0]);
    }
    *ret_verdict = verdict_settle(&best->findings);
    *ret_findings = best->findings;
    *ret_version = best->row ? best->row->version : 0;
    return true;
}

/* ---- changing ---- */

static bool end_row(struct store *store, struct store_baseline row, const char *by, const char *reason, int64_t now_ms, struct err *err)
{
    row.ended_ms = now_ms > 0 ? now_ms : 1;
    row.ended_by = by;
    row.end_reason = reason;
    return reason ? store_baseline_change(store, &row, err) : no_memory(err);
}

/* The newest that is accepted has no end: whatever ended in front of it. */
static bool lift_newest(struct store *store, struct arena *a, const char *vm, struct err *err)
{
    const struct store_baseline *rows;
    struct store_baseline newest;
    size_t n;

    if (!store_baseline_accepted(store, a, vm, 1, &rows, &n, err))
        return false;
    if (!n || !rows[0].until_ms)
        return true;
    newest = rows[0];
    newest.until_ms = 0;
    return store_baseline_change(store, &newest, err);
}

bool baselines_expire(struct store *store, struct arena *a, const char *vm, int64_t now_ms, struct err *err)
{
    const struct store_baseline *rows;
    int64_t next_end;
    size_t n;

    if (!store_baseline_next_end(store, vm, &next_end, err))
        return false;
    if (!next_end || next_end > now_ms)
        return true;
    if (!store_baseline_accepted(store, a, vm, LIMIT_ACCEPTED_BOOTS, &rows, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (rows[i].until_ms && rows[i].until_ms <= now_ms &&
            !end_row(store, rows[i], "trueboot", "its time was over, a newer boot had been approved", now_ms, err))
            return false;
    return true;
}

/* Where there is no room for one more, the oldest that nobody pinned makes it. */
static bool make_room(struct store *store, struct arena *a, struct store_baseline *rows, size_t n, int64_t version,
                      const struct baselines_word *word, struct err *err)
{
    if (n < LIMIT_ACCEPTED_BOOTS)
        return true;
    for (size_t i = n; i-- > 0;)
        if (!rows[i].pinned) {
            rows[i].ended_ms = word->now_ms; /* as stored: nothing else is to be done with it */
            return end_row(store, rows[i], "trueboot", arena_printf(a, "it made room for version %lld", (long long)version), word->now_ms,
                           err);
        }
    return err_set(err, ERR_CONFLICT, "%u boots of this VM are accepted, and all of them are pinned", LIMIT_ACCEPTED_BOOTS) ||
           err_remedy(err, "docs/operations.md", "trueboot baseline list NAME; trueboot baseline reject NAME VERSION");
}

/* Those that the new one replaces end; *ret_n others stay, in front of `rows`. */
static bool end_replaced(struct store *store, struct arena *a, const struct appraisal *appraisal, struct approve_how how,
                         struct store_baseline *rows, size_t n, struct store_baseline *added, size_t *ret_n,
                         const struct baselines_word *word, struct err *err)
{
    struct trial *t = ARENA_NEW(a, struct trial);
    size_t kept = 0;

    if (!t)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        bool same;

        if (!try_row(NULL, a, appraisal, &rows[i], t, err))
            return false;
        same = is_same(t, appraisal);
        if (!same && !how.replace) {
            rows[kept++] = rows[i];
            continue;
        }
        added->pinned = added->pinned || (same && rows[i].pinned);
        if (!end_row(store, rows[i], word->by,
                     arena_printf(a, same ? "approved again as version %lld" : "replaced by version %lld", (long long)added->version),
                     word->now_ms, err))
            return false;
    }
    *ret_n = kept;
    return true;
}

static bool limit_older(struct store *store, struct store_baseline *rows, size_t n, int64_t now_ms, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].pinned || rows[i].until_ms || rows[i].ended_ms)
            continue;
        rows[i].until_ms = now_ms + older_boot_ms;
        if (!store_baseline_change(store, &rows[i], err))
            return false;
    }
    return true;
}

static bool write_learned(struct arena *a, const struct appraisal *appraisal, bool accept_findings, const char **ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct baseline *learned = ARENA_NEW(a, struct baseline);

    if (!learned)
        return no_memory(err);
    if (!baseline_learn(a, appraisal, accept_findings, learned, err))
        return false;
    json_begin_object(&out, NULL);
    baseline_write(&out, learned);
    json_end(&out);
    *ret = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    return *ret ? true : no_memory(err);
}

static bool next_version(struct store *store, struct arena *a, const char *vm, int64_t *ret, struct err *err)
{
    struct store_baseline latest = { .version = 0 };

    if (!store_baseline_latest(store, a, vm, &latest, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
    }
    *ret = latest.version + 1;
    return true;
}

bool baselines_add(struct store *store, struct arena *a, const char *vm, const struct appraisal *appraisal, bool accept_findings,
                   struct approve_how how, const struct baselines_word *word, struct err *err)
{
    struct store_baseline row = { .vm = vm, .created_ms = word->now_ms, .by = word->by, .reason = word->reason, .pinned = how.pin };
    const struct store_baseline *accepted;
    struct store_baseline *rows;
    size_t n;

    if (!write_learned(a, appraisal, accept_findings, &row.components, err) || !next_version(store, a, vm, &row.version, err) ||
        !baselines_expire(store, a, vm, word->now_ms, err) ||
        !store_baseline_accepted(store, a, vm, LIMIT_ACCEPTED_BOOTS, &accepted, &n, err))
        return false;
    rows = ARENA_ARRAY(a, n ? n : 1, struct store_baseline);
    if (!rows)
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        rows[i] = accepted[i];
    return end_replaced(store, a, appraisal, how, rows, n, &row, &n, word, err) && make_room(store, a, rows, n, row.version, word, err) &&
           limit_older(store, rows, n, word->now_ms, err) && store_baseline_add(store, &row, err);
}

static bool get_accepted(struct store *store, struct arena *a, const char *vm, int64_t version, struct store_baseline *ret, struct err *err)
{
    if (!store_baseline_get(store, a, vm, version, ret, err))
        return err->code == ERR_NOT_FOUND
                   ? err_set(err, ERR_NOT_FOUND, "no boot of this VM was ever accepted as version %lld", (long long)version) ||
                         err_remedy(err, "docs/operations.md", "trueboot baseline list NAME")
                   : false;
    return !ret->ended_ms || err_set(err, ERR_CONFLICT, "version %lld is not accepted any more, since %s: %s", (long long)version,
                                     day(a, ret->ended_ms), ret->end_reason);
}

bool baselines_reject(struct store *store, struct arena *a, const char *vm, int64_t version, const struct baselines_word *word,
                      struct err *err)
{
    struct store_baseline row;

    return baselines_expire(store, a, vm, word->now_ms, err) && get_accepted(store, a, vm, version, &row, err) &&
           end_row(store, row, word->by, word->reason, word->now_ms, err) && lift_newest(store, a, vm, err);
}

bool baselines_pin(struct store *store, struct arena *a, const char *vm, int64_t version, bool pinned, int64_t now_ms, struct err *err)
{
    struct store_baseline row;

    if (!baselines_expire(store, a, vm, now_ms, err) || !get_accepted(store, a, vm, version, &row, err))
        return false;
    if (!pinned && !row.pinned)
        return true; /* its end stays where it is: who takes away nothing prolongs nothing */
    row.pinned = pinned;
    row.until_ms = pinned ? 0 : now_ms + older_boot_ms;
    return store_baseline_change(store, &row, err) && lift_newest(store, a, vm, err);
}
