/* What the grammar allows and the language does not: 8.1 (versions), 8.2, 8.4 (verbs, identifiers), 8.6 (functions). */
#include "policy/ast.h"
#include "policy/functions.h"
#include "policy/suggest.h"

struct checker {
    struct arena *arena;
    struct policy *policy;
    struct policy_error *error;
    struct policy_place place;
    const struct rule *rule;
    size_t n_bound; /* conditions of the rule whose identifiers may be used */
};

static bool fail_at(struct checker *ck, size_t offset, const char *what)
{
    ck->place.offset = offset;
    return policy_fail(ck->error, ck->place, ERR_MALFORMED, "%s", what);
}

static bool needs_1_2(struct checker *ck, size_t offset, const char *what)
{
    ck->place.offset = offset;
    if (ck->policy->version >= 12)
        return true;
    return policy_fail(ck->error, ck->place, ERR_UNSUPPORTED, "%s in a policy of version 1.%u: write version=1.2;", what,
                       ck->policy->version - 10) ||
           policy_suggest(ck->error, "write version=1.2; at the top");
}

/* ---- expressions ---- */

static bool resolve(struct checker *ck, struct bytes name, size_t offset, unsigned *ret_slot)
{
    struct bytes shown = bytes_slice(name, 0, 60);
    bool negated = false;

    ck->place.offset = offset;
    for (unsigned i = 0; i < ck->n_bound; i++) {
        const struct condition *c = &ck->rule->conditions[i];

        if (!bytes_equal(c->name, name))
            continue;
        negated |= c->negated;
        *ret_slot = i;
        if (!c->negated)
            return true;
    }
    if (negated)
        return policy_fail(ck->error, ck->place, ERR_MALFORMED, "%.*s stands for no claim: its condition is negated", BYTES_FMT(shown));
    return policy_fail(ck->error, ck->place, ERR_MALFORMED, "%.*s is not bound by a condition to the left", BYTES_FMT(shown)) ||
           policy_suggest(ck->error, "write %.*s: before the condition that selects the claim", BYTES_FMT(bytes_slice(name, 0, 30)));
}

/* A literal query is parsed now; its error is shown at its place inside of the string. */
static bool prepare_query(struct checker *ck, struct expression *call)
{
    struct jmespath_error error;
    struct expression *query;

    if (call->function != policy_function_jmespath() || call->args[1]->kind != EXPRESSION_LITERAL)
        return true;
    query = call->args[1];
    if (query->literal.type != POLICY_STRING || query->literal.string.len == 0)
        return fail_at(ck, query->offset, "JmesPath(): the query must be a string and not empty");
    if (jmespath_parse(ck->arena, query->literal.string, &call->query, &error))
        return true;
    ck->place.offset = policy_string_place(ck->policy->text, query->offset, error.offset);
    return policy_fail(ck->error, ck->place,
                       error.kind == JMESPATH_NO_MEMORY ? ERR_NO_MEMORY
                       : error.kind == JMESPATH_LIMIT   ? ERR_LIMIT
                                                        : ERR_MALFORMED,
                       "JmesPath(): in the query: %s", error.text);
}

static bool no_function(struct checker *ck, struct bytes name)
{
    static const char *const names[] = { "JmesPath", "JsonToClaimValue", "IsSubsetOf", "AppendString", "NegateBool", "ContainsOnlyValue" };
    static const struct {
        const char *other, *ours;
    } synonyms[] = { { "Not", "NegateBool()" },
                     { "Negate", "NegateBool()" },
                     { "Concat", "AppendString()" },
                     { "Append", "AppendString()" },
                     { "Query", "JmesPath()" },
                     { "FromJson", "JsonToClaimValue()" },
                     { "Contains", "ContainsOnlyValue()" } };
    const char *meant = suggest_nearest(name, names, ARRAY_LEN(names));

    if (policy_fail(ck->error, ck->place, ERR_MALFORMED, "there is no function %.*s()", BYTES_FMT(bytes_slice(name, 0, 60))))
        return false;
    if (meant)
        return policy_suggest(ck->error, "write %s()", meant);
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (bytes_equal_string(name, synonyms[i].other))
            return policy_suggest(ck->error, "write %s", synonyms[i].ours);
    return policy_suggest(ck->error, "there are JmesPath, JsonToClaimValue, IsSubsetOf, AppendString, NegateBool and ContainsOnlyValue");
}

static bool check_call(struct checker *ck, struct expression *e)
{
    const struct policy_function *f = policy_function_find(e->name);

    if (!needs_1_2(ck, e->offset, "a function call"))
        return false;
    if (!f)
        return no_function(ck, e->name);
    if (e->n_args != f->n_args)
        return policy_fail(ck->error, ck->place, ERR_MALFORMED, "%s() takes %u argument%s, found %zu", f->name, f->n_args,
                           f->n_args == 1 ? "" : "s", e->n_args);
    e->function = f;
    return prepare_query(ck, e);
}

static bool check_expression(struct checker *ck, struct expression *e)
{
    if (e->kind == EXPRESSION_PROPERTY)
        return resolve(ck, e->name, e->offset, &e->slot);
    if (e->kind == EXPRESSION_CALL && !check_call(ck, e))
        return false;
    for (size_t i = 0; i < e->n_args; i++)
        if (!check_expression(ck, e->args[i]))
            return false;
    return true;
}

/* ---- conditions ---- */

static bool check_test(struct checker *ck, const struct property_condition *test)
{
    if (test->property != CLAIM_VALUE) {
        if (test->op != POLICY_TOKEN_EQ && test->op != POLICY_TOKEN_NE)
            return fail_at(ck, test->offset, "only value has an order: compare with '==' or '!='");
        if (test->right->kind == EXPRESSION_LITERAL && test->right->literal.type != POLICY_STRING)
            return fail_at(ck, test->right->offset, "type, valueType and issuer are compared with strings");
    }
    return check_expression(ck, test->right);
}

static bool check_condition(struct checker *ck, size_t index)
{
    const struct condition *c = &ck->rule->conditions[index];

    ck->place.production = "section > rule > condition";
    if (c->negated && !needs_1_2(ck, c->offset, "a negated condition"))
        return false;
    for (size_t i = 0; c->name.len && !c->negated && i < index; i++) /* a negated condition binds nothing */
        if (!ck->rule->conditions[i].negated && bytes_equal(ck->rule->conditions[i].name, c->name))
            return fail_at(ck, c->offset, "this name is bound already in this rule");
    ck->n_bound = index;
    for (size_t i = 0; i < c->n_tests; i++)
        if (!check_test(ck, &c->tests[i]))
            return false;
    return true;
}

/* ---- actions ---- */

/* 8.4: which verbs a section knows. issue among authorization rules is tolerated and works as add. */
static const struct {
    unsigned verbs;
    const char *error, *fix;
} section_verbs[] = {
    [POLICY_CONFIGURATION] = { 1U << POLICY_ISSUEPROPERTY, "configuration rules know only issueproperty",
                               "permit, deny and add belong into authorizationrules, issue into issuancerules" },
    [POLICY_AUTHORIZATION] = { 1U << POLICY_PERMIT | 1U << POLICY_DENY | 1U << POLICY_ADD | 1U << POLICY_ISSUE,
                               "authorization rules know permit, deny and add",
                               "issueproperty belongs into configurationrules or issuancerules" },
    [POLICY_ISSUANCE] = { 1U << POLICY_ADD | 1U << POLICY_ISSUE | 1U << POLICY_ISSUEPROPERTY,
                          "issuance rules know add, issue and issueproperty", "permit() and deny() belong into authorizationrules" },
};

static bool is_literal_not_string(const struct expression *e)
{
    return e && e->kind == EXPRESSION_LITERAL && e->literal.type != POLICY_STRING;
}

static bool check_value_type(struct checker *ck, const struct expression *e)
{
    if (!e || e->kind != EXPRESSION_LITERAL)
        return true;
    for (int type = POLICY_BOOLEAN; type <= POLICY_STRING; type++)
        if (e->literal.type == POLICY_STRING && bytes_equal_string(e->literal.string, policy_value_type_name((enum policy_value_type)type)))
            return true;
    return fail_at(ck, e->offset, "valueType must be \"Boolean\", \"Integer\" or \"String\"");
}

static bool check_action(struct checker *ck, struct action *action)
{
    ck->place.production = "section > rule > action";
    if (!(section_verbs[ck->place.section].verbs & 1U << action->verb))
        return fail_at(ck, action->offset, section_verbs[ck->place.section].error) ||
               policy_suggest(ck->error, "%s", section_verbs[ck->place.section].fix);
    ck->n_bound = ck->rule->n_conditions;
    if (action->copied.len)
        return resolve(ck, action->copied, action->copied_offset, &action->copied_slot);
    if (action->verb == POLICY_PERMIT || action->verb == POLICY_DENY)
        return true;
    if (!action->assigned[CLAIM_TYPE])
        return fail_at(ck, action->offset, "a new claim needs type=");
    if (!action->assigned[CLAIM_VALUE])
        return fail_at(ck, action->offset, "a new claim needs value=");
    if (is_literal_not_string(action->assigned[CLAIM_TYPE]))
        return fail_at(ck, action->assigned[CLAIM_TYPE]->offset, "type must be a string");
    for (int i = 0; i < CLAIM_PROPERTY_COUNT; i++)
        if (action->assigned[i] && !check_expression(ck, action->assigned[i]))
            return false;
    return check_value_type(ck, action->assigned[CLAIM_VALUE_TYPE]);
}

static bool check_rule(struct checker *ck, struct rule *rule)
{
    ck->rule = rule;
    ck->place.rule = rule->number;
    for (size_t i = 0; i < rule->n_conditions; i++)
        if (!check_condition(ck, i))
            return false;
    return check_action(ck, &rule->action);
}

static bool check_section(struct checker *ck, enum policy_section section)
{
    struct rule_list *list = &ck->policy->sections[section];

    ck->place.section = section;
    ck->place.rule = 0;
    ck->place.production = "section";
    if (section == POLICY_CONFIGURATION && list->present && ck->policy->version < 11)
        return fail_at(ck, ck->policy->section_offset[section], "configurationrules in a policy of version 1.0: write version=1.1;");
    for (size_t i = 0; i < list->n; i++)
        if (!check_rule(ck, &list->rules[i]))
            return false;
    return true;
}

bool policy_check(struct arena *a, struct policy *policy, struct policy_error *error)
{
    struct checker ck = { .arena = a, .policy = policy, .error = error, .place = { .kind = POLICY_PARSING_ERROR, .text = policy->text } };

    for (int section = 0; section < POLICY_NO_SECTION; section++)
        if (!check_section(&ck, (enum policy_section)section))
            return false;
    return true;
}
