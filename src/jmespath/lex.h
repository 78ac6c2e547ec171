/* jmespath/lex.h: the tokens of JMESPath. Literals and quoted names arrive as values. */
#pragma once
#include "jmespath/jmespath.h"

/* clang-format off */
/*      name         for messages          how strongly it binds to what stands on its left */
#define TOKENS(X)                                            \
    X(END,           "the end",            0)                \
    X(IDENTIFIER,    "a name",             0)                \
    X(QUOTED,        "a quoted name",      0)                \
    X(LITERAL,       "a literal",          0)                \
    X(NUMBER,        "a number",           0)                \
    X(CURRENT,       "'@'",                0)                \
    X(EXPREF,        "'&'",                0)                \
    X(RBRACKET,      "']'",                0)                \
    X(RPAREN,        "')'",                0)                \
    X(RBRACE,        "'}'",                0)                \
    X(COMMA,         "','",                0)                \
    X(COLON,         "':'",                0)                \
    X(PIPE,          "'|'",                1)                \
    X(OR,            "'||'",               2)                \
    X(AND,           "'&&'",               3)                \
    X(EQ,            "'=='",               5)                \
    X(NE,            "'!='",               5)                \
    X(LT,            "'<'",                5)                \
    X(LE,            "'<='",               5)                \
    X(GT,            "'>'",                5)                \
    X(GE,            "'>='",               5)                \
    X(NOT,           "'!'",                8)                \
    X(FLATTEN,       "'[]'",               9)                \
    X(STAR,          "'*'",                20)               \
    X(FILTER,        "'[?'",               21)               \
    X(DOT,           "'.'",                40)               \
    X(LBRACE,        "'{'",                50)               \
    X(LBRACKET,      "'['",                55)               \
    X(LPAREN,        "'('",                60)
/* clang-format on */

enum token_kind {
#define X(name, text, power) TOKEN_##name,
    TOKENS(X)
#undef X
};

struct token {
    enum token_kind kind;
    size_t offset;
    struct bytes name;          /* IDENTIFIER, QUOTED */
    const struct json *literal; /* LITERAL */
    int64_t number;             /* NUMBER */
};

struct lexer {
    struct arena *arena;
    struct bytes text;
    size_t offset;
    struct jmespath_error *error;
};

/* jmespath_next_token reads one token and moves; at the end it gives TOKEN_END for ever. */
MUST_CHECK bool jmespath_next_token(struct lexer *lx, struct token *ret);
const char *jmespath_token_text(enum token_kind kind);
unsigned jmespath_token_power(enum token_kind kind);

/* Records the error and returns false. */
void jmespath_record(struct jmespath_error *error, enum jmespath_error_kind kind, size_t offset, const char *fmt, ...) PRINTF_LIKE(4, 5);
#define jmespath_fail(error, kind, offset, ...) (jmespath_record((error), (kind), (offset), __VA_ARGS__), err_failed())
bool jmespath_no_memory(struct jmespath_error *error, size_t offset);
