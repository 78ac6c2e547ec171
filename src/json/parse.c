/* RFC 8259, strictly. Recursive descent, one page per production; children wait on a stack of the parser until their
 * array or object ends, so that each gets an array of exactly its size. */
#include "json/parse.h"
#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "base/utf8.h"
#include "json/plain.h"

enum { FEW_MEMBERS = 24 }; /* that many names are compared each with each */

struct parser {
    const uint8_t *start, *p, *end;
    struct arena *arena;
    struct err *err;
    unsigned depth, max_depth;
    bool refuse_duplicates;
    struct json_member *waiting; /* elements use only `value` */
    size_t n_waiting, capacity;
};

static bool parse_value(struct parser *ps, const struct json **ret);

static bool fail_at(struct parser *ps, const uint8_t *at, enum err_code code, const char *what)
{
    size_t line = 1;
    const uint8_t *line_start = ps->start;

    for (const uint8_t *p = ps->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            line_start = p + 1;
        }
    }
    return err_set(ps->err, code, "JSON line %zu, column %zu: %s", line, (size_t)(at - line_start) + 1, what);
}

/* fail says TRUNCATED when the text ends where something had to follow. */
static bool fail(struct parser *ps, const char *what)
{
    if (ps->p >= ps->end)
        return fail_at(ps, ps->end, ERR_TRUNCATED, "the text ends too early");
    return fail_at(ps, ps->p, ERR_MALFORMED, what);
}

static bool no_memory(struct parser *ps) { return fail_at(ps, ps->p, ERR_NO_MEMORY, "the value needs more memory than allowed"); }

static void skip_space(struct parser *ps)
{
    const uint8_t *p = ps->p;

    while (p < ps->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    ps->p = p;
}

static bool push(struct parser *ps, struct bytes name, const struct json *value)
{
    if (ps->n_waiting == ps->capacity) {
        size_t capacity = ps->capacity ? ps->capacity * 2 : 64;
        struct json_member *grown = realloc(ps->waiting, capacity * sizeof *grown);

        if (!grown)
            return no_memory(ps);
        ps->waiting = grown;
        ps->capacity = capacity;
    }
    ps->waiting[ps->n_waiting++] = (struct json_member){ name, value };
    return true;
}

/* ---- strings: RFC 8259 section 7 ---- */

static bool hex4(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
    uint32_t value = 0;

    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned c = p[i], digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* `p` stands behind "\u"; returns how many characters the escape takes from there, 0 for a bad one. */
static size_t unicode_escape(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
    uint32_t high, low;

    if (!hex4(p, end, &high) || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdbff) {
        *ret = high;
        return 4;
    }
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || !hex4(p + 6, end, &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 10;
}

static const char escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};

/* An escape is never shorter than what it stands for, so the raw length is room enough. */
static bool unescape(struct parser *ps, struct bytes raw, struct bytes *ret)
{
    const uint8_t *p = raw.data, *end = raw.data + raw.len;
    char *text = arena_alloc(ps->arena, raw.len), *out = text;

    if (!text)
        return no_memory(ps);
    while (p < end) {
        const uint8_t *next = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((next ? next : end) - p), used;
        uint32_t codepoint;

        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (!next)
            break;
        if (escapes[p[1]]) { /* the scan saw to it that something follows a backslash */
            *out++ = escapes[p[1]];
            p += 2;
            continue;
        }
        used = p[1] == 'u' ? unicode_escape(p + 2, end, &codepoint) : 0;
        if (!used)
            return fail_at(ps, p, ERR_MALFORMED, p[1] == 'u' ? "bad \\u escape or half a surrogate pair" : "unknown escape");
        out += utf8_encode(codepoint, out);
        p += 2 + used;
    }
    *ret = (struct bytes){ (const uint8_t *)text, (size_t)(out - text) };
    return true;
}

/* A string with escapes or beyond ASCII; `p` is where its plain beginning ends. */
static __attribute__((noinline)) bool parse_hard_string(struct parser *ps, const uint8_t *p, struct bytes *ret)
{
    const uint8_t *first = ps->p + 1;
    bool escaped = false, not_ascii = false;
    struct bytes raw;

    for (;; p = json_skip_plain(p, ps->end, false)) {
        if (p == ps->end || (*p == '\\' && ps->end - p < 2))
            return fail_at(ps, ps->end, ERR_TRUNCATED, "the text ends inside a string");
        if (*p == '"')
            break;
        if (*p < 0x20)
            return fail_at(ps, p, ERR_MALFORMED, "a control character in a string");
        if (*p == '\\') {
            escaped = true;
            p++;
        }
        not_ascii = not_ascii || *p >= 0x80;
        p++;
    }
    raw = (struct bytes){ first, (size_t)(p - first) };
    if (not_ascii && !utf8_is_valid(raw))
        return fail_at(ps, first, ERR_MALFORMED, "a string that is not UTF-8");
    if (!escaped)
        *ret = raw;
    else if (!unescape(ps, raw, ret))
        return false;
    ps->p = p + 1;
    return true;
}

/* ps->p stands on the opening quote. Most strings are plain. */
static bool parse_string(struct parser *ps, struct bytes *ret)
{
    const uint8_t *first = ps->p + 1, *p = json_skip_plain(first, ps->end, false);

    if (p == ps->end || *p != '"')
        return parse_hard_string(ps, p, ret);
    *ret = (struct bytes){ first, (size_t)(p - first) };
    ps->p = p + 1;
    return true;
}

/* ---- numbers: RFC 8259 section 6 ---- */

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static bool fits_integer(struct bytes digits, bool negative, int64_t *ret)
{
    int64_t value = 0;

    if (digits.len > 19)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.data[i] - '0';

        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

/* strtod wants a NUL; programs leave LC_NUMERIC at "C". */
static bool parse_real(struct parser *ps, struct bytes text, double *ret)
{
    char small[64], *copy = small;

    if (text.len >= sizeof small) {
        copy = arena_string(ps->arena, text);
        if (!copy)
            return no_memory(ps);
    } else {
        memcpy(small, text.data, text.len);
        small[text.len] = 0;
    }
    *ret = strtod(copy, NULL);
    if (!__builtin_isfinite(*ret))
        return fail_at(ps, text.data, ERR_LIMIT, "a number too large for a double");
    return true;
}

static bool parse_number(struct parser *ps, struct json *v)
{
    const uint8_t *start = ps->p, *digits, *p;
    bool negative = *start == '-';
    struct bytes whole;

    digits = start + negative;
    p = skip_digits(digits, ps->end);
    whole = (struct bytes){ digits, (size_t)(p - digits) };
    ps->p = p;
    if (whole.len == 0)
        return fail(ps, "a number needs digits");
    if (whole.len > 1 && *digits == '0')
        return fail_at(ps, digits, ERR_MALFORMED, "a number with a leading zero");
    v->type = JSON_NUMBER;
    if (p == ps->end || (*p != '.' && *p != 'e' && *p != 'E')) {
        if (!fits_integer(whole, negative, &v->number.integer))
            return parse_real(ps, (struct bytes){ start, (size_t)(p - start) }, &v->number.value);
        v->number.is_integer = true;
        v->number.value = negative && v->number.integer == 0 ? -0.0 : (double)v->number.integer;
        return true;
    }
    if (*p == '.') {
        ps->p = skip_digits(p + 1, ps->end);
        if (ps->p == p + 1)
            return fail(ps, "a fraction needs digits");
        p = ps->p;
    }
    if (p < ps->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < ps->end && (*p == '+' || *p == '-'))
            p++;
        ps->p = skip_digits(p, ps->end);
        if (ps->p == p)
            return fail(ps, "an exponent needs digits");
    }
    return parse_real(ps, (struct bytes){ start, (size_t)(ps->p - start) }, &v->number.value);
}

/* ---- arrays and objects ---- */

static bool enter(struct parser *ps)
{
    if (ps->depth == ps->max_depth)
        return fail_at(ps, ps->p, ERR_LIMIT, "nested too deeply");
    ps->depth++;
    ps->p++;
    skip_space(ps);
    return true;
}

/* separator_or moves over a comma, or over `close` (then *ret_done). */
static bool separator_or(struct parser *ps, uint8_t close, bool *ret_done)
{
    skip_space(ps);
    if (ps->p == ps->end || (*ps->p != ',' && *ps->p != close))
        return fail(ps, close == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
    *ret_done = *ps->p == close;
    ps->p++;
    if (!*ret_done)
        skip_space(ps);
    return true;
}

static bool parse_array(struct parser *ps, struct json *v)
{
    size_t base = ps->n_waiting, n;
    const struct json **items = NULL;
    bool done = false;

    if (!enter(ps))
        return false;
    if (ps->p < ps->end && *ps->p == ']') {
        done = true;
        ps->p++;
    }
    while (!done) {
        const struct json *item;

        if (!parse_value(ps, &item) || !push(ps, BYTES_NONE, item) || !separator_or(ps, ']', &done))
            return false;
    }
    n = ps->n_waiting - base;
    if (n) {
        items = arena_array(ps->arena, n, sizeof *items);
        if (!items)
            return no_memory(ps);
    }
    for (size_t i = 0; i < n; i++)
        items[i] = ps->waiting[base + i].value;
    ps->n_waiting = base;
    ps->depth--;
    v->type = JSON_ARRAY;
    v->array.items = items;
    v->array.n = n;
    return true;
}

static int name_order(const struct json_member *a, const struct json_member *b)
{
    if (a->name.len != b->name.len)
        return a->name.len < b->name.len ? -1 : 1;
    return a->name.len ? memcmp(a->name.data, b->name.data, a->name.len) : 0;
}

/* Of equal names the earlier one first: not every C library sorts stably. */
static int member_order(const void *left, const void *right)
{
    const struct json_member *a = *(const struct json_member *const *)left, *b = *(const struct json_member *const *)right;
    int order = name_order(a, b);

    return order ? order : (a > b) - (a < b);
}

static bool refuse_duplicate(struct parser *ps, const struct json_member *m)
{
    char text[96];
    struct arena scratch CLEANUP(arena_done) = { 0 };
    const char *name = text_for_people(&scratch, bytes_slice(m->name, 0, 60));

    snprintf(text, sizeof text, "member \"%.70s\" appears twice", name ? name : "");
    return fail_at(ps, m->value->raw.data, ERR_MALFORMED, text);
}

/* Nearly every object: no memory is taken, and names are compared that are equally long. */
static bool check_few(struct parser *ps, const struct json_member *members, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (bytes_equal(members[i].name, members[k].name))
                return refuse_duplicate(ps, &members[i]);
    return true;
}

/* Members are sorted so that a hostile object of n members costs n log n. */
static bool check_many(struct parser *ps, const struct json_member *members, size_t n)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    const struct json_member **sorted = arena_array(&scratch, n, sizeof *sorted);

    if (!sorted)
        return no_memory(ps);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &members[i];
    qsort(sorted, n, sizeof *sorted, member_order);
    for (size_t i = 1; i < n; i++)
        if (name_order(sorted[i - 1], sorted[i]) == 0)
            return refuse_duplicate(ps, sorted[i]);
    return true;
}

static bool parse_member(struct parser *ps)
{
    struct bytes name;
    const struct json *value;

    if (ps->p == ps->end || *ps->p != '"')
        return fail(ps, "expected a member name in quotes");
    if (!parse_string(ps, &name))
        return false;
    skip_space(ps);
    if (ps->p == ps->end || *ps->p != ':')
        return fail(ps, "expected ':'");
    ps->p++;
    skip_space(ps);
    return parse_value(ps, &value) && push(ps, name, value);
}

static bool parse_object(struct parser *ps, struct json *v)
{
    size_t base = ps->n_waiting, n;
    struct json_member *members = NULL;
    bool done = false;

    if (!enter(ps))
        return false;
    if (ps->p < ps->end && *ps->p == '}') {
        done = true;
        ps->p++;
    }
    while (!done)
        if (!parse_member(ps) || !separator_or(ps, '}', &done))
            return false;
    n = ps->n_waiting - base;
    if (n) {
        members = arena_grow(ps->arena, ps->waiting + base, n, n, sizeof *members);
        if (!members)
            return no_memory(ps);
    }
    ps->n_waiting = base;
    ps->depth--;
    if (ps->refuse_duplicates && n > 1 && !(n <= FEW_MEMBERS ? check_few : check_many)(ps, members, n))
        return false;
    v->type = JSON_OBJECT;
    v->object.members = members;
    v->object.n = n;
    return true;
}

/* ---- values ---- */

static bool parse_word(struct parser *ps, struct json *v)
{
    static const struct {
        struct bytes word;
        enum json_type type;
        bool boolean;
    } words[] = { { BYTES_LIT("true"), JSON_BOOLEAN, true },
                  { BYTES_LIT("false"), JSON_BOOLEAN, false },
                  { BYTES_LIT("null"), JSON_NULL, false } };
    struct bytes rest = { ps->p, (size_t)(ps->end - ps->p) };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_starts_with(rest, words[i].word)) {
            v->type = words[i].type;
            v->boolean = words[i].boolean;
            ps->p += words[i].word.len;
            return true;
        }
        if (rest.len && bytes_starts_with(words[i].word, rest)) {
            ps->p = ps->end;
            return fail(ps, "");
        }
    }
    return fail(ps, "expected a value");
}

static bool parse_value(struct parser *ps, const struct json **ret)
{
    struct json *v = ARENA_NEW(ps->arena, struct json);
    const uint8_t *start = ps->p;
    bool ok;

    if (!v)
        return no_memory(ps);
    switch (ps->p < ps->end ? *ps->p : 0) {
    case '"':
        v->type = JSON_STRING;
        ok = parse_string(ps, &v->string);
        break;
    case '{':
        ok = parse_object(ps, v);
        break;
    case '[':
        ok = parse_array(ps, v);
        break;
    case '-':
    case '0' ... '9':
        ok = parse_number(ps, v);
        break;
    default:
        ok = parse_word(ps, v);
    }
    if (!ok)
        return false;
    v->raw = (struct bytes){ start, (size_t)(ps->p - start) };
    *ret = v;
    return true;
}

static bool parse_text(struct arena *a, struct bytes text, const struct json_options *options, bool whole, const struct json **ret,
                       size_t *ret_used, struct err *err)
{
    unsigned depth = options && options->max_depth ? options->max_depth : LIMIT_JSON_DEPTH;
    struct parser ps = {
        .start = text.data,
        .p = text.data,
        .end = text.data ? text.data + text.len : NULL,
        .arena = a,
        .err = err,
        .max_depth = depth < LIMIT_JSON_DEPTH_SUITE ? depth : LIMIT_JSON_DEPTH_SUITE,
        .refuse_duplicates = options && options->refuse_duplicates,
    };
    const struct json *v;
    bool ok;

    skip_space(&ps);
    ok = parse_value(&ps, &v);
    free(ps.waiting);
    if (!ok)
        return false;
    *ret_used = (size_t)(ps.p - ps.start);
    skip_space(&ps);
    if (whole && ps.p < ps.end)
        return fail(&ps, "something follows the value");
    *ret = v;
    return true;
}

bool json_parse(struct arena *a, struct bytes text, const struct json_options *options, const struct json **ret, struct err *err)
{
    size_t used;

    return parse_text(a, text, options, !(options && options->allow_trailing), ret, &used, err);
}

bool json_parse_prefix(struct arena *a, struct bytes text, const struct json_options *options, const struct json **ret, size_t *ret_used,
                       struct err *err)
{
    size_t used;
    const struct json *v;

    if (!parse_text(a, text, options, false, &v, &used, err))
        return false;
    *ret = v;
    *ret_used = used;
    return true;
}
