#include "cli/frame/table.h"
#include <string.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/frame/terminal.h"

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

static void widen(struct table *t, size_t i, const char *text)
{
    int width = text_columns(text);
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

/* ---- printing ---- */

enum { GAP = 2, PIECE_MAX = 24 /* longer words are broken anywhere */ };

static int total_width(const struct table *t, const int *widths)
{
    int total = GAP * ((int)t->n - 1);

    for (size_t i = 0; i < t->n; i++)
        total += widths[i];
    return total;
}

/* How narrow the column may become: as its longest word. */
static int narrowest(const struct table *t, size_t i)
{
    int least = text_piece_columns(t->headings[i]);

    for (const struct row *row = t->first; row; row = row->next) {
        int piece = text_piece_columns(row->values[i]);
        least = piece > least ? piece : least;
    }
    return least < PIECE_MAX ? least : PIECE_MAX;
}

/* Takes columns from the widest until the table fits. False: it does not, whatever is folded. */
static bool make_room(const struct table *t, int columns, int *widths)
{
    int least[COLUMNS_MAX];

    for (size_t i = 0; i < t->n; i++) {
        least[i] = narrowest(t, i);
        widths[i] = t->widths[i] < columns ? t->widths[i] : columns;
    }
    while (total_width(t, widths) > columns) {
        size_t widest = t->n;
        for (size_t i = 0; i < t->n; i++)
            if (widths[i] > least[i] && (widest == t->n || widths[i] > widths[widest]))
                widest = i;
        if (widest == t->n)
            return false;
        widths[widest]--;
    }
    return true;
}

/* One line for each fold of the longest value. */
static void print_row(const struct table *t, const int *widths, const char *const *values)
{
    const char *rest[COLUMNS_MAX];
    bool more = true;

    memcpy(rest, values, t->n * sizeof *rest);
    for (bool first = true; first || more; first = false) {
        int blanks = 0; /* not yet printed: none at the end of a line */
        more = false;
        for (size_t i = 0; i < t->n; i++) {
            const char *next;
            size_t n = text_fold(rest[i], widths[i], &next);
            if (n)
                printf("%*s%.*s", blanks, "", (int)n, rest[i]);
            blanks = (n ? 0 : blanks) + widths[i] - text_columns_of(rest[i], n) + GAP;
            rest[i] = next;
            more |= *next != '\0';
        }
        putchar('\n');
    }
}

/* Where the columns do not fit beside each other: a row is a few lines. */
static void print_records(const struct table *t)
{
    int width = 0;

    for (size_t i = 0; i < t->n; i++)
        width = text_columns(t->headings[i]) > width ? text_columns(t->headings[i]) : width;
    for (const struct row *row = t->first; row; row = row->next) {
        for (size_t i = 0; i < t->n; i++)
            print_named(0, width + 1, t->headings[i], row->values[i]);
        if (row->next)
            putchar('\n');
    }
}

void table_print(const struct table *t)
{
    int widths[COLUMNS_MAX], columns = terminal_columns();

    if (!t)
        return;
    memcpy(widths, t->widths, sizeof widths);
    if (columns && total_width(t, widths) > columns && !make_room(t, columns, widths)) {
        print_records(t);
        return;
    }
    print_row(t, widths, t->headings);
    for (const struct row *row = t->first; row; row = row->next)
        print_row(t, widths, row->values);
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
