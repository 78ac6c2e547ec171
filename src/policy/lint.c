#include "policy/lint.h"
#include "policy/ast.h"
#include "policy/suggest.h"

struct linter {
    struct arena *arena;
    const struct policy *policy;
    struct policy_warning *warnings;
    size_t n;
    enum policy_section section;
    const struct rule *rule;
    bool no_memory;
};

/* Claims that the service makes, for Tpm and for AzureGuest (9, 10); others begin with one of the prefixes. */
static const char *const service_claims[] = {
    "aikValidated",
    "aikPubHash",
    "tpmVersion",
    "secureBootEnabled",
    "bootDebuggingDisabled",
    "notSafeMode",
    "notWinPE",
    "vbsEnabled",
    "iommuEnabled",
    "vbsReportPresent",
    "vsmReportPresent",
    "enclaveAuthorId",
    "enclaveImageId",
    "enclaveOwnerId",
    "enclaveFamilyId",
    "enclaveSvn",
    "enclavePlatformSvn",
    "enclaveFlags",
    "events",
    "bootEvents",
    "pcrs",
    "bootPcrs",
    "secureboot",
};
static const char *const service_prefixes[] = { "x-ms-", "trueboot.", "$", "https://" /* custom claims */ };

static void warn(struct linter *l, size_t offset, const char *text)
{
    size_t line_start;

    if (l->n == POLICY_WARNINGS_MAX)
        return;
    l->no_memory |= !text;
    l->warnings[l->n++] = (struct policy_warning){ l->section, l->rule ? l->rule->number : 0,
                                                   l->rule ? policy_line(l->policy->text, offset, &line_start) : 0, text };
}

static bool is_string(const struct expression *e) { return e && e->kind == EXPRESSION_LITERAL && e->literal.type == POLICY_STRING; }

/* ---- claims that nothing makes ---- */

static bool service_makes(struct bytes type)
{
    for (size_t i = 0; i < ARRAY_LEN(service_claims); i++)
        if (bytes_equal_string(type, service_claims[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(service_prefixes); i++)
        if (bytes_starts_with(type, bytes_of_string(service_prefixes[i])))
            return true;
    return false;
}

/* A rule whose type is computed may make anything. */
static bool policy_makes(const struct policy *policy, struct bytes type)
{
    for (size_t s = 0; s < POLICY_NO_SECTION; s++)
        for (size_t r = 0; r < policy->sections[s].n; r++) {
            const struct expression *made = policy->sections[s].rules[r].action.assigned[CLAIM_TYPE];
            if (made && (!is_string(made) || bytes_equal(made->literal.string, type)))
                return true;
        }
    return false;
}

static void look_at_type(struct linter *l, const struct property_condition *test)
{
    struct bytes type = is_string(test->right) ? test->right->literal.string : BYTES_NONE;
    const char *meant;

    if (test->property != CLAIM_TYPE || test->op != POLICY_TOKEN_EQ || !type.len || service_makes(type) || policy_makes(l->policy, type))
        return;
    meant = suggest_nearest(type, service_claims, ARRAY_LEN(service_claims));
    warn(l, test->offset,
         arena_printf(l->arena, "neither the service nor a rule makes a claim %.*s%s%s",
                      BYTES_FMT(bytes_slice(type, 0, type.len > 60 ? 60 : type.len)), meant ? ": is it " : "", meant ? meant : ""));
}

/* ---- queries that look for what is not there ---- */

static void look_at_query(struct linter *l, const struct expression *e)
{
    struct bytes query = e->n_args == 2 && is_string(e->args[1]) ? e->args[1]->literal.string : BYTES_NONE;
    const struct bytes quoted[] = { BYTES_LIT("PcrIndex == '"), BYTES_LIT("PcrIndex=='"), BYTES_LIT("EventSeq == '"),
                                    BYTES_LIT("Index == '") };

    if (!bytes_equal_string(e->name, "JmesPath"))
        return;
    if (bytes_starts_with(query, BYTES_LIT("events[")) || bytes_starts_with(query, BYTES_LIT("pcrs[")))
        warn(l, e->offset, "the members are called Events and PCRs: in small letters the query finds nothing");
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++)
        if (bytes_find(query, quoted[i]) != SIZE_MAX) {
            warn(l, e->offset, "a number in quotes is a text, and equals no register or event: write `13`");
            return;
        }
    if (bytes_find(query, BYTES_LIT("!= null")) != SIZE_MAX || bytes_find(query, BYTES_LIT("!=null")) != SIZE_MAX)
        warn(l, e->offset, "null without backquotes is a member called null: write `null`");
}

static void look_at(struct linter *l, const struct expression *e)
{
    if (!e)
        return;
    if (e->kind == EXPRESSION_CALL)
        look_at_query(l, e);
    for (size_t i = 0; i < e->n_args; i++)
        look_at(l, e->args[i]);
}

/* ---- rules ---- */

static void look_at_action(struct linter *l, const struct action *action)
{
    const struct expression *type = action->assigned[CLAIM_TYPE];
    struct bytes name = is_string(type) ? type->literal.string : BYTES_NONE;

    if (action->verb == POLICY_ISSUE && l->section == POLICY_AUTHORIZATION)
        warn(l, action->offset, "issue among authorization rules only adds: nothing goes into the token");
    if (action->verb == POLICY_ISSUEPROPERTY && name.len && !policy_property_is_known(name) &&
        !bytes_starts_with(name, BYTES_LIT("x-ms-sgx-")))
        warn(l, type->offset, "this property has no effect here");
    if (action->verb == POLICY_ISSUE && l->section == POLICY_ISSUANCE && bytes_starts_with(name, BYTES_LIT("x-ms-")))
        warn(l, type->offset, "names beginning with x-ms- are the service's: this claim is left out of the token");
    for (size_t i = 0; i < CLAIM_PROPERTY_COUNT; i++)
        look_at(l, action->assigned[i]);
}

static void look_at_rule(struct linter *l, const struct rule *rule)
{
    l->rule = rule;
    for (size_t c = 0; c < rule->n_conditions; c++)
        for (size_t t = 0; t < rule->conditions[c].n_tests; t++) {
            look_at_type(l, &rule->conditions[c].tests[t]);
            look_at(l, rule->conditions[c].tests[t].right);
        }
    look_at_action(l, &rule->action);
}

static bool permits(const struct policy *policy)
{
    const struct rule_list *list = &policy->sections[POLICY_AUTHORIZATION];

    for (size_t i = 0; i < list->n; i++)
        if (list->rules[i].action.verb == POLICY_PERMIT)
            return true;
    return false;
}

bool policy_lint(struct arena *a, const struct policy *policy, const struct policy_warning **ret, size_t *ret_n, struct err *err)
{
    struct linter l = { .arena = a, .policy = policy, .section = POLICY_NO_SECTION };

    l.warnings = ARENA_ARRAY(a, POLICY_WARNINGS_MAX, struct policy_warning);
    if (!l.warnings)
        return err_set(err, ERR_NO_MEMORY, "no memory for warnings");
    if (!permits(policy))
        warn(&l, 0, "no rule permits: every attestation is refused");
    for (unsigned s = 0; s < POLICY_NO_SECTION; s++) {
        l.section = (enum policy_section)s;
        for (size_t r = 0; r < policy->sections[s].n; r++)
            look_at_rule(&l, &policy->sections[s].rules[r]);
    }
    if (l.no_memory)
        return err_set(err, ERR_NO_MEMORY, "no memory for warnings");
    *ret = l.warnings;
    *ret_n = l.n;
    return true;
}
