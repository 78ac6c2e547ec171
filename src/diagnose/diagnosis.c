#include "diagnose/diagnosis.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "json/write.h"

static const struct check_row rows[] = {
#define X(name, id, group, cause, title) { id, group, title, CAUSE_##cause },
    CHECKS(X)
#undef X
};

static const char *const causes[] = {
#define X(name, text) text,
    CAUSES(X)
#undef X
};

const struct check_row *check_row(enum check check) { return &rows[check]; }

const char *cause_text(enum cause cause) { return (size_t)cause < ARRAY_LEN(causes) ? causes[cause] : ""; }

const char *result_name(enum result result)
{
    static const char *const names[] = { "PASS", "WARN", "FAIL", "SKIP" };

    return (size_t)result < ARRAY_LEN(names) ? names[result] : "?";
}

void diagnosis_init(struct diagnosis *ret, struct arena *a, const char *program, unsigned seconds)
{
    *ret = (struct diagnosis){ .arena = a, .program = program, .start_ms = clock_monotonic_ms() };
    ret->deadline_ms = ret->start_ms + (int64_t)seconds * 1000;
}

unsigned diagnosis_left_ms(const struct diagnosis *d)
{
    int64_t left = d->deadline_ms - clock_monotonic_ms();

    return left > 0 ? (unsigned)left : 0;
}

bool diagnosis_has_time(const struct diagnosis *d) { return diagnosis_left_ms(d) > 0; }

/* Formatted, and safe to show; NULL: no memory. */
static const char *safe_text(struct diagnosis *d, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static const char *safe_text(struct diagnosis *d, const char *fmt, va_list args)
{
    char text[1024];
    const char *safe;

    vsnprintf(text, sizeof text, fmt, args);
    safe = text_for_people(d->arena, bytes_of_string(text));
    d->no_memory |= !safe;
    return safe;
}

struct checked *diagnosis_add(struct diagnosis *d, enum check check, enum result result, const char *fmt, ...)
{
    static struct checked spare;
    struct checked *items = arena_grow(d->arena, d->items, d->n, d->n + 1, sizeof *items);
    struct checked *added = items ? &items[d->n] : &spare;
    va_list args;

    d->no_memory |= !items;
    if (items) {
        d->items = items;
        d->n++;
    }
    va_start(args, fmt);
    *added = (struct checked){ .check = check, .result = result, .cause = rows[check].cause, .measured = safe_text(d, fmt, args) };
    va_end(args);
    if (!added->measured)
        added->measured = "out of memory";
    return added;
}

void checked_remedy(struct diagnosis *d, struct checked *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    c->remedy = safe_text(d, fmt, args);
    va_end(args);
}

void checked_fix(struct diagnosis *d, struct checked *c, const char *fmt, ...)
{
    va_list args;

    if (c->n_fixes == DIAGNOSIS_FIXES_MAX)
        return;
    va_start(args, fmt);
    c->fixes[c->n_fixes] = safe_text(d, fmt, args);
    va_end(args);
    if (c->fixes[c->n_fixes])
        c->n_fixes++;
}

static bool same_subject(const char *a, const char *b) { return !b || (a && strcmp(a, b) == 0); }

const struct checked *diagnosis_find(const struct diagnosis *d, enum check check, const char *subject)
{
    for (size_t i = d->n; i-- > 0;)
        if (d->items[i].check == check && same_subject(d->items[i].subject, subject))
            return &d->items[i];
    return NULL;
}

enum result diagnosis_worst(const struct diagnosis *d)
{
    enum result worst = RESULT_PASS;

    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].result != RESULT_SKIP && d->items[i].result > worst)
            worst = d->items[i].result;
    return worst;
}

/* A failure counts before a warning, then the order of the causes, then the order of the checks. */
static const struct checked *most_probable(const struct diagnosis *d)
{
    enum result worst = diagnosis_worst(d);
    const struct checked *best = NULL;

    for (size_t i = 0; i < d->n; i++)
        if (worst != RESULT_PASS && d->items[i].result == worst && (!best || d->items[i].cause < best->cause))
            best = &d->items[i];
    return best;
}

char *diagnosis_cause(const struct diagnosis *d, struct arena *a)
{
    const struct checked *best = most_probable(d);

    if (d->no_memory)
        return arena_printf(a, "The diagnosis ran out of memory.");
    if (!best)
        return arena_printf(a, "Everything that was checked is in order.");
    return arena_printf(a, "%s: %s [%s%s%s]: %s%s%s", best->result == RESULT_FAIL ? "Most probable cause" : "Nothing failed; worth a look",
                        cause_text(best->cause), rows[best->check].id, best->class ? " " : "", best->class ? best->class : "",
                        best->measured, best->remedy ? " — " : "", best->remedy ? best->remedy : "");
}

/* Printing. */

void diagnosis_write_text(const struct diagnosis *d, struct writer *w)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *group = "", *cause = diagnosis_cause(d, &a);

    for (size_t i = 0; i < d->n; i++) {
        const struct checked *c = &d->items[i];
        const struct check_row *row = &rows[c->check];

        if (strcmp(group, row->group) != 0)
            write_printf(w, "%s%s\n", i ? "\n" : "", row->group);
        group = row->group;
        write_printf(w, "  %s  %-7s  %s%s%s: %s", result_name(c->result), row->id, row->title, c->subject ? " " : "",
                     c->subject ? c->subject : "", c->measured);
        if (c->class)
            write_printf(w, " [%s%s%.*u]", c->class, c->number ? " " : "", c->number ? 4 : 0, c->number);
        write_string(w, "\n");
        if (c->remedy)
            write_printf(w, "           to do   %s\n", c->remedy);
        for (size_t f = 0; f < c->n_fixes; f++)
            write_printf(w, "                   %s\n", c->fixes[f]);
    }
    if (d->claims.len) {
        write_string(w, "\nClaims of the token\n  ");
        write_bytes(w, d->claims);
        write_string(w, "\n");
    }
    write_printf(w, "\n%s\n", cause ? cause : "out of memory");
}

static void write_check(struct json_out *out, const struct checked *c)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", rows[c->check].id);
    json_put_string(out, "group", rows[c->check].group);
    json_put_string(out, "name", rows[c->check].title);
    json_put_string(out, "result", result_name(c->result));
    if (c->subject)
        json_put_string(out, "subject", c->subject);
    json_put_string(out, "measured", c->measured);
    if (c->remedy)
        json_put_string(out, "remedy", c->remedy);
    if (c->class)
        json_put_string(out, "class", c->class);
    if (c->number)
        json_put_integer(out, "number", c->number);
    if (c->n_fixes) {
        json_begin_array(out, "fixes");
        for (size_t i = 0; i < c->n_fixes; i++)
            json_put_string(out, NULL, c->fixes[i]);
        json_end(out);
    }
    json_end(out);
}

void diagnosis_write_json(const struct diagnosis *d, int64_t now_ms, struct writer *w)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct json_out out = json_out_to(w, JSON_INDENTED);
    static const char *const names[] = { "pass", "warn", "fail", "skip" };
    int64_t counts[ARRAY_LEN(names)] = { 0 };

    for (size_t i = 0; i < d->n; i++)
        counts[d->items[i].result]++;
    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", 1);
    json_put_string(&out, "program", d->program);
    json_put_string(&out, "version", TRUEBOOT_VERSION);
    json_put_time(&out, "timeUtc", now_ms);
    json_put_string(&out, "result", result_name(diagnosis_worst(d)));
    json_begin_object(&out, "summary");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_put_integer(&out, names[i], counts[i]);
    json_end(&out);
    if (d->claims.len)
        json_put_raw(&out, "claims", d->claims);
    json_begin_array(&out, "checks");
    for (size_t i = 0; i < d->n; i++)
        write_check(&out, &d->items[i]);
    json_end(&out);
    json_put_string(&out, "cause", diagnosis_cause(d, &a));
    json_end(&out);
    write_string(w, "\n");
}
