#include "cli/policy/text_diff.h"

enum { CONTEXT = 3, CELLS_MAX = 4 * 1000 * 1000 };

struct lines {
    struct bytes *items;
    size_t n;
    bool ends_open; /* the last one has no line feed */
};

/* What became of one line: kept (both), dropped (of before), added (of after). */
struct edit {
    char sign;            /* ' ', '-', '+' */
    size_t before, after; /* index of the line in each text; where it would be in the other */
};

static bool split(struct arena *a, struct bytes text, struct lines *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    ret->ends_open = text.len && text.data[text.len - 1] != '\n';
    ret->items = arena_array(a, n + 1, sizeof *ret->items);
    ret->n = 0;
    while (ret->items && text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        if (end == SIZE_MAX)
            end = text.len;
        ret->items[ret->n++] = bytes_slice(text, 0, end);
        text = bytes_slice(text, end + (end < text.len), text.len);
    }
    return ret->items != NULL;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    bool last_a = i + 1 == a->n && a->ends_open, last_b = k + 1 == b->n && b->ends_open;

    return bytes_equal(a->items[i], b->items[k]) && last_a == last_b;
}

struct script {
    struct edit *edits;
    size_t n;
};

static void push(struct script *s, char sign, size_t before, size_t after) { s->edits[s->n++] = (struct edit){ sign, before, after }; }

/* The longest common subsequence of the middles, by the table of its lengths. */
static bool compare_middle(struct arena *a, const struct lines *x, const struct lines *y, size_t from, size_t n, size_t m, struct script *s)
{
    uint32_t *table = (n + 1) <= CELLS_MAX / (m + 1) ? arena_array(a, (n + 1) * (m + 1), sizeof *table) : NULL;
    size_t i = 0, k = 0;

    if (!table && (n + 1) <= CELLS_MAX / (m + 1))
        return false;
#define AT(i, k) table[(i) * (m + 1) + (k)]
    for (size_t r = n; table && r-- > 0;)
        for (size_t c = m; c-- > 0;)
            AT(r, c) = same(x, from + r, y, from + c) ? AT(r + 1, c + 1) + 1 : (AT(r + 1, c) > AT(r, c + 1) ? AT(r + 1, c) : AT(r, c + 1));
    while (i < n || k < m) {
        if (table && i < n && k < m && same(x, from + i, y, from + k)) {
            push(s, ' ', from + i, from + k);
            i++;
            k++;
        } else if (i < n && (k == m || !table || AT(i + 1, k) >= AT(i, k + 1))) {
            push(s, '-', from + i, from + k);
            i++;
        } else {
            push(s, '+', from + i, from + k);
            k++;
        }
    }
#undef AT
    return true;
}

static bool compare(struct arena *a, const struct lines *x, const struct lines *y, struct script *s)
{
    size_t head = 0, tail = 0, least = x->n < y->n ? x->n : y->n;

    s->edits = arena_array(a, x->n + y->n + 1, sizeof *s->edits);
    if (!s->edits)
        return false;
    while (head < least && same(x, head, y, head))
        head++;
    while (tail < least - head && same(x, x->n - 1 - tail, y, y->n - 1 - tail))
        tail++;
    for (size_t i = 0; i < head; i++)
        push(s, ' ', i, i);
    if (!compare_middle(a, x, y, head, x->n - head - tail, y->n - head - tail, s))
        return false;
    for (size_t i = tail; i > 0; i--)
        push(s, ' ', x->n - i, y->n - i);
    return true;
}

static void write_hunk(const struct lines *x, const struct lines *y, const struct edit *edits, size_t n, struct writer *to)
{
    size_t n_before = 0, n_after = 0, first_before = edits[0].before, first_after = edits[0].after;

    for (size_t i = 0; i < n; i++) {
        n_before += edits[i].sign != '+';
        n_after += edits[i].sign != '-';
    }
    write_printf(to, "@@ -%zu,%zu +%zu,%zu @@\n", first_before + (n_before > 0), n_before, first_after + (n_after > 0), n_after);
    for (size_t i = 0; i < n; i++) {
        const struct lines *of = edits[i].sign == '+' ? y : x;
        size_t index = edits[i].sign == '+' ? edits[i].after : edits[i].before;

        write_u8(to, (uint8_t)edits[i].sign);
        write_bytes(to, of->items[index]);
        write_u8(to, '\n');
        if (index + 1 == of->n && of->ends_open)
            write_string(to, "\\ No newline at end of file\n");
    }
}

/* Changes with at most twice the context between them share a hunk. */
static void write_hunks(const struct lines *x, const struct lines *y, const struct script *s, struct writer *to)
{
    size_t i = 0;

    while (i < s->n) {
        size_t from, last;
        while (i < s->n && s->edits[i].sign == ' ')
            i++;
        if (i == s->n)
            return;
        from = i > CONTEXT ? i - CONTEXT : 0;
        last = i;
        while (i < s->n && i - last <= 2 * CONTEXT + 1) {
            if (s->edits[i].sign != ' ')
                last = i;
            i++;
        }
        i = last + CONTEXT + 1 < s->n ? last + CONTEXT + 1 : s->n;
        write_hunk(x, y, s->edits + from, i - from, to);
    }
}

bool text_diff_unified(struct arena *a, struct bytes before, struct bytes after, const char *name_before, const char *name_after,
                       struct writer *to, bool *ret_equal)
{
    struct script script = { .n = 0 };
    struct lines x, y;

    *ret_equal = bytes_equal(before, after);
    if (*ret_equal)
        return true;
    if (!split(a, before, &x) || !split(a, after, &y) || !compare(a, &x, &y, &script))
        return false;
    write_printf(to, "--- %s\n+++ %s\n", name_before, name_after);
    write_hunks(&x, &y, &script, to);
    return writer_ok(to);
}
