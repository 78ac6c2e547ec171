/* policy/functions.h: the functions of version 1.2, as rows (attestation-service.md 8.6). */
#pragma once
#include "policy/eval.h"

enum { POLICY_MAX_ARGS = 2 };

enum argument_kind { ARGUMENT_STRING, ARGUMENT_TEXT /* a string, not empty */, ARGUMENT_BOOLEAN, ARGUMENT_ONE, ARGUMENT_SET };

struct policy_function {
    const char *name;
    unsigned n_args;
    enum argument_kind kinds[POLICY_MAX_ARGS];
    bool keeps_read_only; /* 8.5: the result is read-only when an argument is */
    bool (*call)(struct policy_run *run, const struct expression *call, const struct value_set *args, struct value_set *ret);
};

const struct policy_function *policy_function_find(struct bytes name); /* NULL: none */
const struct policy_function *policy_function_jmespath(void);          /* the row whose second argument is a query */
/* policy_function_call checks the arguments against the row, then calls. */
MUST_CHECK bool policy_function_call(struct policy_run *run, const struct expression *call, const struct value_set *args,
                                     struct value_set *ret);
