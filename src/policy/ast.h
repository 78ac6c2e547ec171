/* policy/ast.h: a parsed policy. The parser makes it, the checker resolves names in it; then it is immutable. */
#pragma once
#include "jmespath/jmespath.h"
#include "policy/lex.h"

enum claim_property { CLAIM_TYPE, CLAIM_VALUE, CLAIM_VALUE_TYPE, CLAIM_ISSUER, CLAIM_PROPERTY_COUNT };

enum expression_kind { EXPRESSION_LITERAL, EXPRESSION_PROPERTY, EXPRESSION_CALL };

struct expression {
    enum expression_kind kind;
    size_t offset;
    struct policy_value literal;
    struct bytes name;                      /* of the identifier or of the function */
    enum claim_property property;           /* of the claims bound to the identifier */
    unsigned slot;                          /* which condition of the rule binds the identifier; set by the checker */
    const struct policy_function *function; /* set by the checker */
    struct expression **args;
    size_t n_args;
    const struct jmespath_expr *query; /* of a literal query; set by the checker */
};

struct property_condition {
    enum claim_property property;
    enum policy_token_kind op; /* EQ … GT */
    size_t offset;
    struct bytes text; /* as written */
    struct expression *right;
};

struct condition {
    bool negated;
    struct bytes text; /* as written */
    struct bytes name; /* of the identifier it binds; empty: none */
    size_t offset;
    unsigned line;
    struct property_condition *tests;
    size_t n_tests;
};

struct action {
    enum policy_verb verb;
    size_t offset;
    struct bytes copied; /* claim=identifier; empty: none */
    size_t copied_offset;
    unsigned copied_slot;                              /* set by the checker */
    struct expression *assigned[CLAIM_PROPERTY_COUNT]; /* NULL: not assigned */
};

struct rule {
    unsigned number; /* from 1 in its section */
    unsigned line;
    size_t offset, end;
    struct condition *conditions;
    size_t n_conditions;
    struct action action;
};

struct rule_list {
    struct rule *rules;
    size_t n, capacity;
    bool present;
};

struct policy {
    struct bytes text, hash_input;
    unsigned version; /* 10, 11, 12 */
    size_t version_offset;
    size_t section_offset[POLICY_NO_SECTION];
    struct rule_list sections[POLICY_NO_SECTION];
};

/* policy_check resolves identifiers, functions and literal queries, and refuses what the grammar alone allows: wrong verbs,
 * constructs of newer versions, unbound identifiers, missing assignments. */
MUST_CHECK bool policy_check(struct arena *a, struct policy *policy, struct policy_error *error);
