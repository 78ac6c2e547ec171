/* Which claims a policy can look at, so that costly ones need not be made for nothing. */
#include "policy/ast.h"

static bool excludes(const struct property_condition *test, struct bytes type)
{
    const struct expression *right = test->right;

    return test->property == CLAIM_TYPE && test->op == POLICY_TOKEN_EQ && right->kind == EXPRESSION_LITERAL &&
           right->literal.type == POLICY_STRING && !bytes_equal(right->literal.string, type);
}

static bool may_match(const struct condition *condition, struct bytes type)
{
    for (size_t i = 0; i < condition->n_tests; i++)
        if (excludes(&condition->tests[i], type))
            return false;
    return true;
}

bool policy_may_use(const struct policy *policy, struct bytes type)
{
    for (size_t s = 0; s < POLICY_NO_SECTION; s++)
        for (size_t r = 0; r < policy->sections[s].n; r++)
            for (size_t c = 0; c < policy->sections[s].rules[r].n_conditions; c++)
                if (may_match(&policy->sections[s].rules[r].conditions[c], type))
                    return true;
    return false;
}
