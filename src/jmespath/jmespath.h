/* jmespath/jmespath.h: JMESPath queries over JSON values, as the public specification and its compliance suite define them, and
 * one more function, equals_ignore_case(a, b) (attestation-service.md 8.6).
 *
 * An expression is parsed once and immutable from then on: any number of threads may search with it at once. Expressions come from
 * tenants and values from guests, so that everything is bounded: the text by LIMIT_JMESPATH_TEXT_BYTES, nesting by
 * LIMIT_JMESPATH_DEPTH, work by a step budget, memory by the arena's budget. Results share structure with the searched value and
 * with the expression; both must outlive them. */
#pragma once
#include "json/value.h"

/* clang-format off */
/*       name              slug                 */
#define JMESPATH_ERRORS(X)                       \
    X(SYNTAX,           "syntax")                \
    X(INVALID_TYPE,     "invalid-type")          \
    X(INVALID_VALUE,    "invalid-value")         \
    X(INVALID_ARITY,    "invalid-arity")         \
    X(UNKNOWN_FUNCTION, "unknown-function")      \
    X(LIMIT,            "limit")                 \
    X(LATE,             "late")                  \
    X(NO_MEMORY,        "no-memory")
/* clang-format on */

enum jmespath_error_kind {
#define X(name, slug) JMESPATH_##name,
    JMESPATH_ERRORS(X)
#undef X
};

struct jmespath_error {
    enum jmespath_error_kind kind;
    size_t offset;  /* in bytes, of the place in the expression's text */
    char text[256]; /* a sentence; safe to show */
};

struct jmespath_expr;

/* What one search, or several together, may still use. */
struct jmespath_budget {
    uint64_t steps; /* counts down: about one for each node visited and each element looked at */
};

/* jmespath_parse copies `text` into the arena; *ret lives as long as the arena. */
MUST_CHECK bool jmespath_parse(struct arena *a, struct bytes text, const struct jmespath_expr **ret, struct jmespath_error *error);

/* jmespath_search applies the expression. `budget` may be NULL: LIMIT_POLICY_STEPS then. A query that finds nothing gives JSON null.
 * Numbers that functions compute are integers where they are whole. */
MUST_CHECK bool jmespath_search(struct arena *a, const struct jmespath_expr *expr, const struct json *value, struct jmespath_budget *budget,
                                const struct json **ret, struct jmespath_error *error);

const char *jmespath_error_slug(enum jmespath_error_kind kind);

/* jmespath_error_place counts lines and columns (in characters) from 1. */
void jmespath_error_place(struct bytes text, const struct jmespath_error *error, size_t *ret_line, size_t *ret_column);

/* For people: the sentence, the line of the expression and a caret under the place. NULL: no memory. */
MUST_CHECK char *jmespath_error_show(struct arena *a, struct bytes text, const struct jmespath_error *error);
