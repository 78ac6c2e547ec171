/* policy/lex.h: the tokens of the policy language (attestation-service.md 8.2). */
#pragma once
#include "policy/error.h"

#define POLICY_TOKENS(X)                \
    X(END, "the end of the text")       \
    X(IDENTIFIER, "a name")             \
    X(STRING, "a string")               \
    X(INTEGER, "an integer")            \
    X(DECIMAL, "a number with a point") \
    X(ARROW, "'=>'")                    \
    X(AND, "'&&'")                      \
    X(EQ, "'=='")                       \
    X(NE, "'!='")                       \
    X(LE, "'<='")                       \
    X(LT, "'<'")                        \
    X(GE, "'>='")                       \
    X(GT, "'>'")                        \
    X(NOT, "'!'")                       \
    X(ASSIGN, "'='")                    \
    X(LBRACE, "'{'")                    \
    X(RBRACE, "'}'")                    \
    X(LBRACKET, "'['")                  \
    X(RBRACKET, "']'")                  \
    X(LPAREN, "'('")                    \
    X(RPAREN, "')'")                    \
    X(COMMA, "','")                     \
    X(SEMICOLON, "';'")                 \
    X(COLON, "':'")                     \
    X(DOT, "'.'")

enum policy_token_kind {
#define X(name, text) POLICY_TOKEN_##name,
    POLICY_TOKENS(X)
#undef X
};

struct policy_token {
    enum policy_token_kind kind;
    size_t offset, end; /* in the text */
    struct bytes text;  /* IDENTIFIER and DECIMAL as written, STRING without quotes and escapes */
    int64_t integer;
};

struct policy_lexer {
    struct arena *arena;
    size_t offset;
    struct policy_place place; /* its text is what is read */
    struct policy_error *error;
};

/* policy_next_token reads one token and moves; at the end it gives POLICY_TOKEN_END for ever. */
MUST_CHECK bool policy_next_token(struct policy_lexer *lx, struct policy_token *ret);
const char *policy_token_text(enum policy_token_kind kind); /* for messages: "'=='" */

/* policy_string_place finds where byte `index` of a string stands in the text; `offset` is that of its opening quote. */
size_t policy_string_place(struct bytes text, size_t offset, size_t index);
