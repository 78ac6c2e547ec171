#include "policy/error.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/utf8.h"

const char *policy_section_name(enum policy_section section)
{
    static const char *const names[] = { "configurationrules", "authorizationrules", "issuancerules", "" };

    return names[section];
}

const char *policy_error_kind_name(enum policy_error_kind kind)
{
    return kind == POLICY_PARSING_ERROR ? "PolicyParsingError" : "PolicyEvaluationError";
}

unsigned policy_line(struct bytes text, size_t offset, size_t *ret_line_start)
{
    unsigned line = 1;

    *ret_line_start = bytes_starts_with(text, BYTES_LIT("\xef\xbb\xbf")) ? 3 : 0; /* an editor shows no byte order mark */
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n' || (text.data[i] == '\r' && (i + 1 == text.len || text.data[i + 1] != '\n'))) {
            line++;
            *ret_line_start = i + 1;
        }
    }
    return line;
}

static bool continues_character(uint8_t c) { return (c & 0xc0) == 0x80; }

static unsigned characters(struct bytes text)
{
    unsigned n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += !continues_character(text.data[i]);
    return n;
}

unsigned policy_column(struct bytes text, size_t line_start, size_t offset)
{
    return offset < line_start ? 1 : characters(bytes_slice(text, line_start, offset - line_start)) + 1;
}

/* Appends text made safe to show, as far as whole characters fit. Tabs become blanks so that the caret stands right. */
static void append_shown(char *out, size_t size, struct bytes text)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    size_t at = strlen(out), len;
    char *plain = arena_string(&scratch, text), *shown;

    for (size_t i = 0; plain && i < text.len; i++)
        if (plain[i] == '\t')
            plain[i] = ' ';
    shown = plain ? text_for_people(&scratch, (struct bytes){ (uint8_t *)plain, text.len }) : NULL;
    if (!shown)
        return;
    len = strlen(shown);
    if (len > size - 1 - at) {
        len = size - 1 - at;
        while (len && continues_character((uint8_t)shown[len]))
            len--;
    }
    memcpy(out + at, shown, len);
    out[at + len] = 0;
}

/* Of a long line only what stands around the place is kept. */
static void show_source(struct policy_error *error, struct bytes text, size_t line_start, size_t offset)
{
    enum { BEFORE = 60, AFTER = 40 };
    size_t from, to;

    offset = offset < line_start ? line_start : offset;
    from = offset - line_start > BEFORE ? offset - BEFORE : line_start;
    to = offset;
    while (from < offset && continues_character(text.data[from]))
        from++;
    while (to < text.len && to - offset < AFTER && text.data[to] != '\n' && text.data[to] != '\r')
        to++;
    while (to > offset && to < text.len && continues_character(text.data[to]))
        to--;
    append_shown(error->source, sizeof error->source, bytes_slice(text, from, offset - from));
    error->caret = characters(bytes_of_string(error->source));
    append_shown(error->source, sizeof error->source, bytes_slice(text, offset, to - offset));
}

static bool is_word(uint8_t c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

/* What stands at a place, as one would point at it: a word, a string, an operator, else one character. It need not be a token. */
static struct bytes symbol_at(struct bytes text, size_t offset)
{
    static const char *const operators[] = { "==", "!=", "<=", ">=", "&&", "=>", "//" };
    struct bytes rest = bytes_slice(text, offset, SIZE_MAX);
    size_t end = 0;

    while (end < rest.len && is_word(rest.data[end]))
        end++;
    if (end || !rest.len)
        return bytes_slice(rest, 0, end);
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (bytes_starts_with(rest, bytes_of_string(operators[i])))
            return bytes_slice(rest, 0, 2);
    end = 1;
    if (rest.data[0] == '"') {
        while (end < rest.len && rest.data[end] != '"' && rest.data[end] != '\n' && rest.data[end] != '\r')
            end += 1 + (rest.data[end] == '\\' && end + 1 < rest.len);
        end += end < rest.len && rest.data[end] == '"';
    }
    while (end < rest.len && continues_character(rest.data[end]))
        end++;
    return bytes_slice(rest, 0, end);
}

static void show_symbol(struct policy_error *error, struct policy_place place, size_t offset)
{
    enum { SHOWN = 40 };
    struct bytes symbol = symbol_at(place.text, offset);
    bool cut = symbol.len > SHOWN;

    if (cut)
        for (symbol.len = SHOWN; symbol.len && continues_character(symbol.data[symbol.len]);)
            symbol.len--;
    error->symbol[0] = '\'';
    error->symbol[1] = 0;
    append_shown(error->symbol, sizeof error->symbol - 5, symbol.len ? symbol : BYTES_LIT("<EOF>"));
    strcat(error->symbol, cut ? "…'" : "'");
    snprintf(error->failing_rule, sizeof error->failing_rule, "policy%s%s", place.production ? " > " : "",
             place.production ? place.production : "");
}

bool policy_fail(struct policy_error *error, struct policy_place place, enum err_code code, const char *fmt, ...)
{
    static const char *const sections[] = { "configuration", "authorization", "issuance" };
    size_t offset = place.offset < place.text.len ? place.offset : place.text.len, line_start;
    bool in_rule = place.section != POLICY_NO_SECTION && place.rule != 0;
    char text[200], rule[48] = "";
    va_list args;

    *error = (struct policy_error){ .kind = place.kind, .section = place.section, .rule = place.rule };
    error->line = policy_line(place.text, offset, &line_start);
    error->column = policy_column(place.text, line_start, offset);
    show_source(error, place.text, line_start, offset);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (in_rule)
        snprintf(rule, sizeof rule, "%s rule %u", sections[place.section], place.rule);
    if (place.kind == POLICY_EVALUATION_ERROR)
        return err_set(&error->err, code, "%s%sline %u, column %u: %s", rule, in_rule ? ", " : "", error->line, error->column, text);
    /* attestation-service.md 2.5: in this order. */
    show_symbol(error, place, offset);
    return err_set(&error->err, code, "offending symbol %s, line %u, column %u%s%s: %s (%s)", error->symbol, error->line, error->column,
                   in_rule ? ", " : "", rule, text, error->failing_rule);
}

bool policy_suggest(struct policy_error *error, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(error->fix, sizeof error->fix, fmt, args);
    va_end(args);
    return false;
}

bool policy_no_memory(struct policy_error *error, struct policy_place place)
{
    return policy_fail(error, place, ERR_NO_MEMORY, "out of memory");
}

char *policy_error_show(struct arena *a, const struct policy_error *error)
{
    if (error->line == 0)
        return arena_printf(a, "%s: %s", policy_error_kind_name(error->kind), error->err.text);
    return arena_printf(a, "%s: %s\n  %s\n  %*s^%s%s", policy_error_kind_name(error->kind), error->err.text, error->source,
                        (int)error->caret, "", error->fix[0] ? "\n  fix: " : "", error->fix);
}
