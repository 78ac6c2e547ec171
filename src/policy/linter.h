/* policy/linter.h: what the files of lint share. */
#pragma once
#include "policy/ast.h"
#include "policy/lint.h"

/* Sets of value types. */
enum {
    LINT_BOOLEAN = 1U << POLICY_BOOLEAN,
    LINT_INTEGER = 1U << POLICY_INTEGER,
    LINT_STRING = 1U << POLICY_STRING,
    LINT_ANY = LINT_BOOLEAN | LINT_INTEGER | LINT_STRING,
};

/* A claim that a rule before this point makes. */
struct made_claim {
    struct bytes type;
    unsigned types;
    bool read_only;
    bool by_dead_rule; /* by a rule that never fires, so that there is none */
};

struct linter {
    struct arena *arena;
    const struct policy *policy;
    struct policy_warning *warnings;
    size_t n;
    bool no_memory;
    enum policy_section section;
    const struct rule *rule;
    struct made_claim *made;
    size_t n_made, made_capacity;
    bool makes_anything; /* a rule before this point computes a type */
    bool permits;        /* a rule that may fire permits */
};

/* lint_warn records a warning with its place; printf-like text, and the fix (NULL: none). */
void lint_warn(struct linter *l, size_t offset, const char *fix, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* lint_condition warns about a condition that no claim can meet, or that every claim of its type meets; true: it never holds. */
bool lint_condition(struct linter *l, const struct condition *c);
/* lint_made notes the claims that the rule makes, for the rules behind it. */
void lint_made(struct linter *l, bool dead);
/* Whether an expression of the running rule, or the claims bound to a condition of it, come from a read-only claim. */
bool lint_expression_is_read_only(const struct linter *l, const struct expression *e);
bool lint_bound_is_read_only(const struct linter *l, unsigned slot);
/* The literal that a condition's `property == literal` asks for; BYTES_NONE: none. */
struct bytes lint_wanted(const struct condition *c, enum claim_property property);

void lint_query(struct linter *l, const struct expression *call);
