#include "jmespath/lex.h"
#include "base/utf8.h"
#include "json/parse.h"

static const struct {
    const char *text;
    unsigned power;
} tokens[] = {
#define X(name, text, power) { text, power },
    TOKENS(X)
#undef X
};

const char *jmespath_token_text(enum token_kind kind) { return tokens[kind].text; }

unsigned jmespath_token_power(enum token_kind kind) { return tokens[kind].power; }

/* Longer ones first: the first that matches wins. */
static const struct {
    struct bytes text;
    enum token_kind kind;
} symbols[] = {
    { BYTES_LIT("||"), TOKEN_OR },      { BYTES_LIT("&&"), TOKEN_AND },     { BYTES_LIT("=="), TOKEN_EQ },
    { BYTES_LIT("!="), TOKEN_NE },      { BYTES_LIT("<="), TOKEN_LE },      { BYTES_LIT(">="), TOKEN_GE },
    { BYTES_LIT("[]"), TOKEN_FLATTEN }, { BYTES_LIT("[?"), TOKEN_FILTER },  { BYTES_LIT("."), TOKEN_DOT },
    { BYTES_LIT("["), TOKEN_LBRACKET }, { BYTES_LIT("]"), TOKEN_RBRACKET }, { BYTES_LIT("("), TOKEN_LPAREN },
    { BYTES_LIT(")"), TOKEN_RPAREN },   { BYTES_LIT("{"), TOKEN_LBRACE },   { BYTES_LIT("}"), TOKEN_RBRACE },
    { BYTES_LIT(","), TOKEN_COMMA },    { BYTES_LIT(":"), TOKEN_COLON },    { BYTES_LIT("|"), TOKEN_PIPE },
    { BYTES_LIT("<"), TOKEN_LT },       { BYTES_LIT(">"), TOKEN_GT },       { BYTES_LIT("*"), TOKEN_STAR },
    { BYTES_LIT("@"), TOKEN_CURRENT },  { BYTES_LIT("&"), TOKEN_EXPREF },   { BYTES_LIT("!"), TOKEN_NOT },
};

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static bool is_name_start(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* `from` is behind the opening delimiter; a backslash hides the character behind it. */
static bool find_closing(struct lexer *lx, size_t from, uint8_t delimiter, struct bytes *ret)
{
    for (size_t i = from; i < lx->text.len; i++) {
        if (lx->text.data[i] == delimiter) {
            *ret = bytes_slice(lx->text, from, i - from);
            return true;
        }
        i += lx->text.data[i] == '\\';
    }
    return jmespath_fail(lx->error, JMESPATH_SYNTAX, from - 1, "%c without its partner", delimiter);
}

/* Drops the backslash before each escaped delimiter; other backslashes stay. */
static bool without_escapes(struct lexer *lx, struct bytes raw, uint8_t delimiter, struct bytes *ret)
{
    uint8_t *out = arena_alloc(lx->arena, raw.len);
    size_t n = 0;

    if (!out)
        return jmespath_no_memory(lx->error, lx->offset);
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] == '\\' && i + 1 < raw.len) {
            if (raw.data[i + 1] != delimiter)
                out[n++] = raw.data[i];
            i++;
        }
        out[n++] = raw.data[i];
    }
    *ret = (struct bytes){ out, n };
    return true;
}

static bool lex_raw_string(struct lexer *lx, struct token *t)
{
    struct bytes raw, text;

    if (!find_closing(lx, lx->offset + 1, '\'', &raw) || !without_escapes(lx, raw, '\'', &text))
        return false;
    t->kind = TOKEN_LITERAL;
    t->literal = json_string(lx->arena, text);
    lx->offset += raw.len + 2;
    return t->literal || jmespath_no_memory(lx->error, t->offset);
}

static bool lex_literal(struct lexer *lx, struct token *t)
{
    struct bytes raw, text;
    struct err err = ERR_INIT;

    if (!find_closing(lx, lx->offset + 1, '`', &raw) || !without_escapes(lx, raw, '`', &text))
        return false;
    if (!json_parse(lx->arena, text, NULL, &t->literal, &err)) {
        if (err.code == ERR_NO_MEMORY)
            return jmespath_no_memory(lx->error, t->offset);
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, t->offset, "the literal is not JSON: %.200s", err.text);
    }
    t->kind = TOKEN_LITERAL;
    lx->offset += raw.len + 2;
    return true;
}

static bool lex_quoted_name(struct lexer *lx, struct token *t)
{
    struct bytes raw;
    struct err err = ERR_INIT;
    const struct json *v;

    if (!find_closing(lx, lx->offset + 1, '"', &raw))
        return false;
    if (!json_parse(lx->arena, bytes_slice(lx->text, lx->offset, raw.len + 2), NULL, &v, &err)) {
        if (err.code == ERR_NO_MEMORY)
            return jmespath_no_memory(lx->error, t->offset);
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, t->offset, "the quoted name is not a JSON string: %.200s", err.text);
    }
    t->kind = TOKEN_QUOTED;
    t->name = v->string;
    lx->offset += raw.len + 2;
    return true;
}

static void lex_name(struct lexer *lx, struct token *t)
{
    size_t end = lx->offset;

    while (end < lx->text.len && (is_name_start(lx->text.data[end]) || is_digit(lx->text.data[end])))
        end++;
    t->kind = TOKEN_IDENTIFIER;
    t->name = bytes_slice(lx->text, lx->offset, end - lx->offset);
    lx->offset = end;
}

static bool lex_number(struct lexer *lx, struct token *t)
{
    bool negative = lx->text.data[lx->offset] == '-';
    size_t i = lx->offset + negative;
    int64_t value = 0;

    if (i == lx->text.len || !is_digit(lx->text.data[i]))
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, lx->offset, "'-' without a number");
    for (; i < lx->text.len && is_digit(lx->text.data[i]); i++) {
        int digit = lx->text.data[i] - '0';

        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, negative ? -digit : digit, &value))
            value = negative ? INT64_MIN : INT64_MAX; /* the grammar knows no largest number, and no array is as long */
    }
    t->kind = TOKEN_NUMBER;
    t->number = value;
    lx->offset = i;
    return true;
}

static bool lex_symbol(struct lexer *lx, struct token *t)
{
    struct bytes rest = bytes_slice(lx->text, lx->offset, lx->text.len);
    uint32_t codepoint;

    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (bytes_starts_with(rest, symbols[i].text)) {
            t->kind = symbols[i].kind;
            lx->offset += symbols[i].text.len;
            return true;
        }
    }
    if (rest.data[0] == '=')
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, lx->offset, "a single '='; comparison is written '=='");
    if (rest.data[0] > 0x20 && rest.data[0] < 0x7f)
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, lx->offset, "unexpected character '%c'", rest.data[0]);
    if (utf8_next(&rest, &codepoint))
        return jmespath_fail(lx->error, JMESPATH_SYNTAX, lx->offset, "unexpected character U+%04X", (unsigned)codepoint);
    return jmespath_fail(lx->error, JMESPATH_SYNTAX, lx->offset, "the text is not UTF-8");
}

bool jmespath_next_token(struct lexer *lx, struct token *ret)
{
    uint8_t c;

    while (lx->offset < lx->text.len && memchr(" \t\r\n", lx->text.data[lx->offset], 4))
        lx->offset++;
    *ret = (struct token){ .kind = TOKEN_END, .offset = lx->offset };
    if (lx->offset == lx->text.len)
        return true;
    c = lx->text.data[lx->offset];
    if (is_name_start(c)) {
        lex_name(lx, ret);
        return true;
    }
    if (is_digit(c) || c == '-')
        return lex_number(lx, ret);
    if (c == '"')
        return lex_quoted_name(lx, ret);
    if (c == '\'')
        return lex_raw_string(lx, ret);
    if (c == '`')
        return lex_literal(lx, ret);
    return lex_symbol(lx, ret);
}
