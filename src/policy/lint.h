/* policy/lint.h: what a policy says that its author hardly means: allowed by the language, and without effect or with another one
 * (attestation-service.md 14.3 lists published samples that do so). */
#pragma once
#include "policy/policy.h"

struct policy_warning {
    enum policy_section section; /* POLICY_NO_SECTION: about the whole */
    unsigned rule, line;         /* 0: about the whole */
    const char *text;
};

enum { POLICY_WARNINGS_MAX = 100 };

/* At most POLICY_WARNINGS_MAX, in the order of the text. False: no memory. */
MUST_CHECK bool policy_lint(struct arena *a, const struct policy *policy, const struct policy_warning **ret, size_t *ret_n,
                            struct err *err);
