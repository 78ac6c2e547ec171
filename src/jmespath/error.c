#include <stdarg.h>
#include <stdio.h>
#include "base/utf8.h"
#include "jmespath/lex.h"

void jmespath_record(struct jmespath_error *error, enum jmespath_error_kind kind, size_t offset, const char *fmt, ...)
{
    va_list args;

    error->kind = kind;
    error->offset = offset;
    va_start(args, fmt);
    vsnprintf(error->text, sizeof error->text, fmt, args);
    va_end(args);
}

bool jmespath_no_memory(struct jmespath_error *error, size_t offset)
{
    return jmespath_fail(error, JMESPATH_NO_MEMORY, offset, "the query needs more memory than allowed");
}

const char *jmespath_error_slug(enum jmespath_error_kind kind)
{
    static const char *const slugs[] = {
#define X(name, slug) slug,
        JMESPATH_ERRORS(X)
#undef X
    };

    return slugs[kind];
}

/* *ret_at: where in the line the offset lies. An empty line is a view without data, so that nobody may count from its start. */
static struct bytes line_around(struct bytes text, size_t offset, size_t *ret_number, size_t *ret_at)
{
    size_t start = 0, end;

    *ret_number = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text.data[i] == '\n') {
            ++*ret_number;
            start = i + 1;
        }
    }
    for (end = start; end < text.len && text.data[end] != '\n'; end++)
        ;
    *ret_at = offset - start;
    return bytes_slice(text, start, end - start);
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static size_t characters(struct bytes text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += (text.data[i] & 0xc0) != 0x80;
    return n;
}

void jmespath_error_place(struct bytes text, const struct jmespath_error *error, size_t *ret_line, size_t *ret_column)
{
    size_t offset = error->offset < text.len ? error->offset : text.len, at;
    struct bytes line = line_around(text, offset, ret_line, &at);

    *ret_column = characters(bytes_slice(line, 0, at)) + 1;
}

/* Tabs become blanks so that the caret stands right. */
static char *shown(struct arena *a, struct bytes text)
{
    char *plain = arena_string(a, text);

    for (size_t i = 0; plain && i < text.len; i++)
        if (plain[i] == '\t')
            plain[i] = ' ';
    return plain ? text_for_people(a, (struct bytes){ (const uint8_t *)plain, text.len }) : NULL;
}

/* Of a long line only what stands around the place is shown. */
char *jmespath_error_show(struct arena *a, struct bytes text, const struct jmespath_error *error)
{
    enum { BEFORE = 60, AFTER = 40 };
    size_t offset = error->offset < text.len ? error->offset : text.len, number, column, at;
    struct bytes line = line_around(text, offset, &number, &at);
    size_t from = at > BEFORE ? at - BEFORE : 0, to = line.len - at > AFTER ? at + AFTER : line.len;
    char *before, *after;

    while (from < at && (line.data[from] & 0xc0) == 0x80)
        from++;
    while (to > at && to < line.len && (line.data[to] & 0xc0) == 0x80)
        to--;
    before = shown(a, bytes_slice(line, from, at - from));
    after = shown(a, bytes_slice(line, at, to - at));

    if (!before || !after)
        return NULL;
    jmespath_error_place(text, error, &number, &column);
    return arena_printf(a, "line %zu, column %zu: %s\n  %s%s\n  %*s^", number, column, error->text, before, after,
                        (int)characters(bytes_of_string(before)), "");
}
