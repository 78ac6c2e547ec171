/* policy/eval.h: one run of a policy's rules over claims. */
#pragma once
#include "policy/ast.h"
#include "policy/claim_index.h"

/* A value, and what its text says as JSON where that is known already. */
struct cell {
    struct policy_value value;
    const struct json *json;
};

/* What an expression gives: any number of values. */
struct value_set {
    const struct cell *items;
    size_t n;
    bool read_only; /* 8.5: made from a read-only claim */
};

struct parsed_text;

enum { PARSED_TEXT_BUCKETS = 64 };

struct policy_run {
    struct arena *arena;
    size_t arena_budget; /* as it was before this evaluation */
    const struct policy *policy;
    struct policy_error *error;
    struct policy_place place; /* of what is being evaluated */
    uint64_t steps;            /* these three count down */
    size_t claims, value_bytes;
    struct claim_list incoming, outgoing, properties;
    struct claim_index by_type; /* of incoming */
    struct claim_list *bound;   /* of the running rule, by condition */
    const struct value_set **right_sides;
    struct policy_trace *trace;
    size_t n_trace;
    struct parsed_text *parsed[PARSED_TEXT_BUCKETS]; /* by the text's address: a big claim is parsed once */
};

MUST_CHECK bool run_init(struct policy_run *run, struct arena *a, const struct policy *policy, const struct policy_limits *limits,
                         size_t n_trace, struct policy_error *error);
/* run_done gives the arena back the budget that it had before run_init. */
void run_done(struct policy_run *run);
MUST_CHECK bool run_add_incoming(struct policy_run *run, const struct policy_claim *claim);
/* run_section runs all rules of a section in text order. */
MUST_CHECK bool run_section(struct policy_run *run, enum policy_section section);
/* A list as one array, exact duplicates (type and value) left out when asked. */
MUST_CHECK bool run_collect(struct policy_run *run, const struct claim_list *list, bool collapse, const struct policy_claim **ret,
                            size_t *ret_n);

/* Whether one test of a condition holds for a claim, against what its right side gave. */
bool run_test_holds(const struct property_condition *test, const struct policy_claim *claim, const struct value_set *right);

/* For functions. */
MUST_CHECK bool run_spend(struct policy_run *run, size_t steps);
/* run_spend_compare pays for comparing a value `times` times. */
MUST_CHECK bool run_spend_compare(struct policy_run *run, struct policy_value value, size_t times);
/* run_spend_bytes pays for a string that a rule makes. */
MUST_CHECK bool run_spend_bytes(struct policy_run *run, size_t bytes);
/* run_parse gives the JSON value of a cell's text, or NULL and the reason in *err. */
const struct json *run_parse(struct policy_run *run, const struct cell *cell, struct err *err);
bool run_fail(struct policy_run *run, const struct expression *where, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool run_no_memory(struct policy_run *run);
MUST_CHECK bool run_give(struct policy_run *run, struct cell cell, struct value_set *ret);
