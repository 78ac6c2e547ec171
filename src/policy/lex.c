#include "policy/lex.h"
#include "base/utf8.h"

const char *policy_token_text(enum policy_token_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) text,
        POLICY_TOKENS(X)
#undef X
    };

    return texts[kind];
}

/* Longer ones first: the first that matches wins. */
static const struct {
    struct bytes text;
    enum policy_token_kind kind;
} symbols[] = {
    { BYTES_LIT("=>"), POLICY_TOKEN_ARROW },   { BYTES_LIT("&&"), POLICY_TOKEN_AND },     { BYTES_LIT("=="), POLICY_TOKEN_EQ },
    { BYTES_LIT("!="), POLICY_TOKEN_NE },      { BYTES_LIT("<="), POLICY_TOKEN_LE },      { BYTES_LIT(">="), POLICY_TOKEN_GE },
    { BYTES_LIT("<"), POLICY_TOKEN_LT },       { BYTES_LIT(">"), POLICY_TOKEN_GT },       { BYTES_LIT("!"), POLICY_TOKEN_NOT },
    { BYTES_LIT("="), POLICY_TOKEN_ASSIGN },   { BYTES_LIT("{"), POLICY_TOKEN_LBRACE },   { BYTES_LIT("}"), POLICY_TOKEN_RBRACE },
    { BYTES_LIT("["), POLICY_TOKEN_LBRACKET }, { BYTES_LIT("]"), POLICY_TOKEN_RBRACKET }, { BYTES_LIT("("), POLICY_TOKEN_LPAREN },
    { BYTES_LIT(")"), POLICY_TOKEN_RPAREN },   { BYTES_LIT(","), POLICY_TOKEN_COMMA },    { BYTES_LIT(";"), POLICY_TOKEN_SEMICOLON },
    { BYTES_LIT(":"), POLICY_TOKEN_COLON },    { BYTES_LIT("."), POLICY_TOKEN_DOT },
};

static bool fail(struct policy_lexer *lx, size_t offset, const char *what)
{
    lx->place.offset = offset;
    return policy_fail(lx->error, lx->place, ERR_MALFORMED, "%s", what);
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static int hex_digit(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void skip_space_and_comments(struct policy_lexer *lx)
{
    struct bytes text = lx->place.text;
    size_t i = lx->offset;

    for (;;) {
        while (i < text.len && (text.data[i] == ' ' || text.data[i] == '\t' || text.data[i] == '\r' || text.data[i] == '\n'))
            i++;
        if (!bytes_starts_with(bytes_slice(text, i, 2), BYTES_LIT("//")))
            break;
        while (i < text.len && text.data[i] != '\n' && text.data[i] != '\r') /* where an editor shows the next line */
            i++;
    }
    lx->offset = i;
}

/* 8.2: only \" and \\ are escapes; the backslash of any other pair stays. */
static bool lex_string(struct policy_lexer *lx, struct policy_token *t)
{
    struct bytes text = lx->place.text;
    size_t end = t->offset + 1, n = 0;
    uint8_t *out;

    while (end < text.len && text.data[end] != '"')
        end += text.data[end] == '\\' && end + 1 < text.len ? 2 : 1;
    if (end >= text.len)
        return fail(lx, t->offset, "a string without its closing quote");
    out = arena_alloc(lx->arena, end - t->offset);
    if (!out)
        return policy_no_memory(lx->error, lx->place);
    for (size_t i = t->offset + 1; i < end; i++) {
        if (text.data[i] == '\\' && (text.data[i + 1] == '"' || text.data[i + 1] == '\\'))
            i++;
        else if (text.data[i] == '\\')
            out[n++] = text.data[i++];
        out[n++] = text.data[i];
    }
    t->kind = POLICY_TOKEN_STRING;
    t->text = (struct bytes){ out, n };
    lx->offset = end + 1;
    return true;
}

size_t policy_string_place(struct bytes text, size_t offset, size_t index)
{
    size_t i = offset + 1;

    while (index-- > 0 && i < text.len)
        i += text.data[i] == '\\' && i + 1 < text.len && (text.data[i + 1] == '"' || text.data[i + 1] == '\\') ? 2 : 1;
    return i;
}

static bool lex_hex(struct policy_lexer *lx, struct policy_token *t)
{
    struct bytes text = lx->place.text;
    size_t i = t->offset + 2;
    uint64_t value = 0;

    if (i == text.len || hex_digit(text.data[i]) < 0)
        return fail(lx, t->offset, "0x without hexadecimal digits");
    for (; i < text.len && hex_digit(text.data[i]) >= 0; i++) {
        if (value >> 59)
            return fail(lx, t->offset, "an integer beyond 64 bits");
        value = value << 4 | (uint64_t)hex_digit(text.data[i]);
    }
    t->kind = POLICY_TOKEN_INTEGER;
    t->integer = (int64_t)value;
    lx->offset = i;
    return true;
}

static bool lex_number(struct policy_lexer *lx, struct policy_token *t)
{
    struct bytes text = lx->place.text;
    bool negative = text.data[t->offset] == '-';
    size_t i = t->offset + negative;

    if (i == text.len || !is_digit(text.data[i]))
        return fail(lx, t->offset, "'-' without a number");
    if (!negative && i + 1 < text.len && text.data[i] == '0' && (text.data[i + 1] | 0x20) == 'x')
        return lex_hex(lx, t);
    for (; i < text.len && is_digit(text.data[i]); i++) {
        int digit = text.data[i] - '0';

        if (__builtin_mul_overflow(t->integer, 10, &t->integer) ||
            __builtin_add_overflow(t->integer, negative ? -digit : digit, &t->integer))
            return fail(lx, t->offset, "an integer beyond 64 bits");
    }
    t->kind = POLICY_TOKEN_INTEGER;
    if (i + 1 < text.len && text.data[i] == '.' && is_digit(text.data[i + 1])) {
        for (i++; i < text.len && is_digit(text.data[i]); i++)
            ;
        t->kind = POLICY_TOKEN_DECIMAL;
        t->text = bytes_slice(text, t->offset, i - t->offset);
    }
    lx->offset = i;
    return true;
}

static void lex_name(struct policy_lexer *lx, struct policy_token *t)
{
    struct bytes text = lx->place.text;
    size_t i = t->offset;

    while (i < text.len && (is_letter(text.data[i]) || is_digit(text.data[i]) || text.data[i] == '_'))
        i++;
    t->kind = POLICY_TOKEN_IDENTIFIER;
    t->text = bytes_slice(text, t->offset, i - t->offset);
    lx->offset = i;
}

static bool lex_symbol(struct policy_lexer *lx, struct policy_token *t)
{
    struct bytes rest = bytes_slice(lx->place.text, t->offset, lx->place.text.len);
    uint32_t codepoint = 0xfffd;

    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (bytes_starts_with(rest, symbols[i].text)) {
            t->kind = symbols[i].kind;
            lx->offset += symbols[i].text.len;
            return true;
        }
    }
    lx->place.offset = t->offset;
    if (rest.data[0] == '&' || rest.data[0] == '|')
        return fail(lx, t->offset, "conditions are joined by '&&' only");
    if (rest.data[0] == '\'')
        return fail(lx, t->offset, "a string stands in double quotes") || policy_suggest(lx->error, "write \"…\"");
    if (rest.data[0] == '/')
        return fail(lx, t->offset, "comments begin with '//'");
    if (rest.data[0] > 0x20 && rest.data[0] < 0x7f)
        return policy_fail(lx->error, lx->place, ERR_MALFORMED, "unexpected character '%c'", rest.data[0]);
    if (!utf8_next(&rest, &codepoint))
        return fail(lx, t->offset, "a byte that is not UTF-8");
    return policy_fail(lx->error, lx->place, ERR_MALFORMED, "unexpected character U+%04X", (unsigned)codepoint);
}

static bool lex_one(struct policy_lexer *lx, struct policy_token *t)
{
    uint8_t c = lx->place.text.data[lx->offset];

    if (is_letter(c)) {
        lex_name(lx, t);
        return true;
    }
    if (is_digit(c) || c == '-')
        return lex_number(lx, t);
    return c == '"' ? lex_string(lx, t) : lex_symbol(lx, t);
}

bool policy_next_token(struct policy_lexer *lx, struct policy_token *ret)
{
    skip_space_and_comments(lx);
    *ret = (struct policy_token){ .kind = POLICY_TOKEN_END, .offset = lx->offset, .end = lx->offset };
    if (lx->offset == lx->place.text.len)
        return true;
    if (!lex_one(lx, ret))
        return false;
    ret->end = lx->offset;
    return true;
}
