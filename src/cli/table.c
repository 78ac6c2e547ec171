#include <string.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/cli.h"

enum { COLUMNS_MAX = 16 };

struct row {
    struct row *next;
    const char *values[COLUMNS_MAX];
};

struct table {
    struct arena *arena;
    size_t n;
    const char *headings[COLUMNS_MAX];
    int widths[COLUMNS_MAX];
    struct row *first, **end;
};

/* Characters on a terminal, near enough: code points. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void widen(struct table *t, size_t i, const char *text)
{
    int width = width_of(text);
    if (width > t->widths[i])
        t->widths[i] = width;
}

struct table *table_new(struct arena *a, const char *const *headings, size_t n)
{
    struct table *t = ARENA_NEW(a, struct table);

    if (!t || n > COLUMNS_MAX)
        return NULL;
    t->arena = a;
    t->n = n;
    t->end = &t->first;
    for (size_t i = 0; i < n; i++) {
        t->headings[i] = headings[i];
        widen(t, i, headings[i]);
    }
    return t;
}

void table_row(struct table *t, const char *const *values)
{
    struct row *row = t ? ARENA_NEW(t->arena, struct row) : NULL;

    if (!row)
        return;
    for (size_t i = 0; i < t->n; i++) {
        const char *safe = values[i] ? text_for_people(t->arena, bytes_of_string(values[i])) : "-";
        row->values[i] = safe && *safe ? safe : "-";
        widen(t, i, row->values[i]);
    }
    *t->end = row;
    t->end = &row->next;
}

static void print_row(const struct table *t, const char *const *values, FILE *to)
{
    for (size_t i = 0; i < t->n; i++)
        fprintf(to, "%s%*s", values[i], i + 1 < t->n ? t->widths[i] - width_of(values[i]) + 2 : 0, "");
    fputc('\n', to);
}

void table_print(const struct table *t, FILE *to)
{
    if (!t)
        return;
    print_row(t, t->headings, to);
    for (const struct row *row = t->first; row; row = row->next)
        print_row(t, row->values, to);
}

const char *relative_time(struct arena *a, int64_t time_ms, int64_t now_ms)
{
    int64_t seconds = (now_ms - time_ms) / 1000, n = seconds < 0 ? -seconds : seconds;
    const char *unit = n < 120 ? "s" : n < 7200 ? "min" : n < 172800 ? "h" : "days";
    int64_t value = n < 120 ? n : n < 7200 ? n / 60 : n < 172800 ? n / 3600 : n / 86400;
    const char *text = arena_printf(a, seconds < 0 ? "in %lld %s" : "%lld %s ago", (long long)value, unit);

    return text ? text : "-";
}

const char *show_member(struct cli *cli, const struct json *v, const char *name)
{
    const struct json *member = json_get(v, name);
    return member && member->type == JSON_STRING ? text_for_people(&cli->arena, member->string) : NULL;
}
