/* policy/lint.h: what a policy says that its author hardly means: allowed by the language, and without effect, or with another one, or
 * an error whenever it happens (attestation-service.md 14.3 lists published samples that do so).
 *
 * lint.c goes through the rules in the order in which they run; lint_claims.c knows which claims there can be at that point, and of what
 * type; lint_query.c looks at literal queries. */
#pragma once
#include "policy/policy.h"

struct policy_warning {
    enum policy_section section; /* POLICY_NO_SECTION: about the whole */
    unsigned rule, line, column; /* 0: about the whole */
    const char *text;
    const char *source; /* the line, or the part of it around the place; "" for a warning about the whole */
    unsigned caret;     /* characters of `source` before the place */
    const char *fix;    /* what to write instead; NULL when that cannot be guessed */
};

enum { POLICY_WARNINGS_MAX = 100 };

/* At most POLICY_WARNINGS_MAX, in the order in which the rules run. False: no memory. */
MUST_CHECK bool policy_lint(struct arena *a, const struct policy *policy, const struct policy_warning **ret, size_t *ret_n,
                            struct err *err);
