#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Sentences quote input: whatever could move a terminal or break a log line becomes '?'. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void err_record(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list args;

    err->code = code;
    err->target[0] = err->command[0] = '\0';
    err->doc = NULL;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    make_printable(err->text);
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char before[sizeof err->text];
    char after[sizeof err->text];
    size_t used, more;
    va_list args;

    memcpy(after, err->text, sizeof after);
    va_start(args, fmt);
    vsnprintf(before, sizeof before - 3, fmt, args);
    va_end(args);
    used = strlen(before);
    memcpy(before + used, ": ", 2);
    used += 2;
    memcpy(err->text, before, used);
    more = strlen(after); /* the joined sentence is cut at its end */
    if (more > sizeof err->text - 1 - used)
        more = sizeof err->text - 1 - used;
    memcpy(err->text + used, after, more);
    err->text[used + more] = '\0';
    make_printable(err->text);
}

static void PRINTF_LIKE(3, 0) write_whole(char *ret, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(ret, size, fmt, args);

    if (n < 0 || (size_t)n >= size)
        ret[0] = '\0';
    make_printable(ret);
}

void err_point(struct err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    write_whole(err->target, sizeof err->target, fmt, args);
    va_end(args);
}

void err_advise(struct err *err, const char *doc, const char *fmt, ...)
{
    va_list args;

    err->doc = doc;
    va_start(args, fmt);
    write_whole(err->command, sizeof err->command, fmt, args);
    va_end(args);
}

const char *err_slug(enum err_code code)
{
    static const char *const slugs[] = {
#define X(name, slug, meaning) [ERR_##name] = slug,
        ERR_CODES(X)
#undef X
    };
    return (size_t)code < ARRAY_LEN(slugs) ? slugs[code] : "internal";
}
