#include "policy/lint.h"
#include <stdarg.h>
#include <stdio.h>
#include "policy/functions.h"
#include "policy/linter.h"
#include "policy/properties.h"
#include "policy/suggest.h"

void lint_warn(struct linter *l, size_t offset, const char *fix, const char *fmt, ...)
{
    struct policy_place place = { POLICY_PARSING_ERROR, l->policy->text, l->section, l->rule ? l->rule->number : 0, offset };
    struct policy_warning *w = &l->warnings[l->n];
    struct policy_error shown;
    char text[256];
    va_list args;

    if (l->n == POLICY_WARNINGS_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    *w = (struct policy_warning){ .section = l->section, .source = "", .text = arena_string(l->arena, bytes_of_string(text)), .fix = fix };
    if (l->rule && !policy_fail(&shown, place, ERR_MALFORMED, "%s", "")) {
        w->rule = l->rule->number;
        w->line = shown.line;
        w->column = shown.column;
        w->source = arena_string(l->arena, bytes_of_string(shown.source));
        w->caret = shown.caret;
    }
    l->no_memory |= !w->text || !w->source;
    l->n++;
}

static struct bytes literal_text(const struct expression *e)
{
    return e && e->kind == EXPRESSION_LITERAL && e->literal.type == POLICY_STRING ? e->literal.string : BYTES_NONE;
}

/* ---- expressions ---- */

/* A literal that a function refuses whenever it is called. */
static void look_at_arguments(struct linter *l, const struct expression *call)
{
    for (size_t i = 0; i < call->n_args; i++) {
        enum argument_kind kind = call->function->kinds[i];
        const struct expression *arg = call->args[i];
        bool fits = kind == ARGUMENT_SET || kind == ARGUMENT_ONE || arg->kind != EXPRESSION_LITERAL ||
                    (kind == ARGUMENT_BOOLEAN ? arg->literal.type == POLICY_BOOLEAN : arg->literal.type == POLICY_STRING);
        if (!fits)
            lint_warn(l, arg->offset, NULL, "%s() takes a %s here: whenever it is called the evaluation fails", call->function->name,
                      kind == ARGUMENT_BOOLEAN ? "Boolean" : "string");
    }
}

static void look_at(struct linter *l, const struct expression *e)
{
    if (!e || e->kind != EXPRESSION_CALL)
        return;
    lint_query(l, e);
    look_at_arguments(l, e);
    for (size_t i = 0; i < e->n_args; i++)
        look_at(l, e->args[i]);
}

/* ---- actions ---- */

static void look_at_property(struct linter *l, const struct action *action)
{
    static const char *const names[] = { "require_valid_aik_cert", "required_pcr_mask", "report_validity_in_minutes", "omit_x5c" };
    const struct expression *type = action->assigned[CLAIM_TYPE], *value = action->assigned[CLAIM_VALUE];
    struct bytes name = literal_text(type);
    bool for_configuration = bytes_equal_string(name, names[0]) || bytes_equal_string(name, names[1]);
    struct policy_claim claim = { .type = name };
    const char *meant, *problem;

    if (!name.len || bytes_starts_with(name, BYTES_LIT("x-ms-sgx-")))
        return;
    if (!policy_property_is_known(name)) {
        meant = suggest_nearest(name, names, ARRAY_LEN(names));
        lint_warn(l, type->offset, meant ? arena_printf(l->arena, "write %s", meant) : NULL, "this property has no effect here");
        return;
    }
    if (for_configuration != (l->section == POLICY_CONFIGURATION))
        lint_warn(l, type->offset, NULL, "this property has no effect here: it belongs into %s",
                  for_configuration ? "configurationrules" : "issuancerules");
    if (value->kind != EXPRESSION_LITERAL)
        return;
    claim.value = value->literal;
    problem = policy_property_problem(&claim);
    if (problem)
        lint_warn(l, value->offset, NULL, "%.*s %s: whenever this rule fires the evaluation fails", BYTES_FMT(name), problem);
}

static void look_at_read_only(struct linter *l, const struct action *action)
{
    static const char words[] = "this comes from a read-only claim: whenever this rule fires the evaluation fails";
    const struct expression *parts[] = { action->assigned[CLAIM_TYPE], action->assigned[CLAIM_VALUE] };

    if (action->copied.len && lint_bound_is_read_only(l, action->copied_slot))
        lint_warn(l, action->copied_offset, "add it, test it in a condition, and issue what the test says", words);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (lint_expression_is_read_only(l, parts[i]))
            lint_warn(l, parts[i]->offset, "add it, test it in a condition, and issue what the test says", words);
}

static void look_at_value_type(struct linter *l, const struct action *action)
{
    const struct expression *named = action->assigned[CLAIM_VALUE_TYPE], *value = action->assigned[CLAIM_VALUE];

    if (named && value && literal_text(named).len && value->kind == EXPRESSION_LITERAL &&
        !bytes_equal_string(literal_text(named), policy_value_type_name(value->literal.type)))
        lint_warn(l, named->offset, NULL, "the value is of type %s: whenever this rule fires the evaluation fails",
                  policy_value_type_name(value->literal.type));
}

static void look_at_action(struct linter *l)
{
    const struct action *action = &l->rule->action;
    const struct expression *type = action->assigned[CLAIM_TYPE];
    struct bytes name = literal_text(type);
    bool issues = action->verb == POLICY_ISSUE && l->section == POLICY_ISSUANCE;

    if (action->verb == POLICY_ISSUE && !issues)
        lint_warn(l, action->offset, "write add, or move the rule into issuancerules",
                  "issue among authorization rules only adds: nothing goes into the token");
    if (action->verb == POLICY_ISSUEPROPERTY)
        look_at_property(l, action);
    if (issues && bytes_starts_with(name, BYTES_LIT("x-ms-")))
        lint_warn(l, type->offset, NULL, "names beginning with x-ms- are the service's: this claim is left out of the token");
    else if (issues && name.len && policy_name_is_reserved(name))
        lint_warn(l, type->offset, NULL, "%.*s is a name of the service's: this claim is left out of the token", BYTES_FMT(name));
    if (issues || action->verb == POLICY_ISSUEPROPERTY)
        look_at_read_only(l, action);
    look_at_value_type(l, action);
    for (size_t i = 0; i < CLAIM_PROPERTY_COUNT; i++)
        look_at(l, action->assigned[i]);
}

/* ---- rules against each other ---- */

static bool same_expression(const struct expression *a, const struct expression *b)
{
    return a->kind == EXPRESSION_LITERAL && b->kind == EXPRESSION_LITERAL && policy_value_equal(a->literal, b->literal);
}

/* Every claim that meets a meets b. */
static bool implies(const struct condition *a, const struct condition *b)
{
    for (size_t i = 0; i < b->n_tests; i++) {
        bool found = false;
        for (size_t k = 0; k < a->n_tests && !found; k++)
            found = a->tests[k].property == b->tests[i].property && a->tests[k].op == b->tests[i].op &&
                    same_expression(a->tests[k].right, b->tests[i].right);
        if (!found)
            return false;
    }
    return true;
}

static bool one_forbids_another(struct linter *l, const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_conditions; i++)
        for (size_t k = 0; k < rule->n_conditions; k++)
            if (!rule->conditions[i].negated && rule->conditions[k].negated && implies(&rule->conditions[i], &rule->conditions[k])) {
                lint_warn(l, rule->conditions[i > k ? i : k].offset, NULL,
                          "another condition of this rule says the opposite: the rule never fires");
                return true;
            }
    return false;
}

/* Whenever `later` fires `earlier` does: each condition of the earlier rule follows from one of the later. */
static bool covers(const struct rule *earlier, const struct rule *later)
{
    for (size_t i = 0; i < earlier->n_conditions; i++) {
        const struct condition *c = &earlier->conditions[i];
        bool found = false;
        for (size_t k = 0; k < later->n_conditions && !found; k++) {
            const struct condition *d = &later->conditions[k];
            found = c->negated == d->negated && (c->negated ? implies(c, d) : implies(d, c));
        }
        if (!found)
            return false;
    }
    return true;
}

/* permit() or deny() where an earlier rule does that already. Claims are only ever added, so that what held still holds, but for
 * negated conditions: those may have come to hold no more, which makes the later rule the rarer one. */
static void look_for_shadow(struct linter *l, const struct rule_list *list, size_t index)
{
    enum { COMPARED = 200 };
    const struct rule *rule = &list->rules[index];

    if (rule->action.verb != POLICY_PERMIT && rule->action.verb != POLICY_DENY)
        return;
    for (size_t i = index > COMPARED ? index - COMPARED : 0; i < index; i++) {
        const struct rule *earlier = &list->rules[i];
        bool nothing_new = true;
        for (size_t k = 0; k < earlier->n_conditions; k++) /* the later rule may see claims that were added since */
            nothing_new &= earlier->conditions[k].negated;
        for (size_t k = i; k < index && !nothing_new; k++)
            if (list->rules[k].action.verb != POLICY_PERMIT && list->rules[k].action.verb != POLICY_DENY)
                break;
            else if (k + 1 == index)
                nothing_new = true;
        if (earlier->action.verb != rule->action.verb || !nothing_new || !covers(earlier, rule))
            continue;
        lint_warn(l, rule->offset, NULL, "this changes nothing: whenever it fires rule %u (line %u) has fired, and says the same",
                  earlier->number, earlier->line);
        return;
    }
}

static void look_at_rule(struct linter *l, const struct rule_list *list, size_t index)
{
    const struct rule *rule = &list->rules[index];
    bool dead = false;

    l->rule = rule;
    for (size_t c = 0; c < rule->n_conditions; c++) {
        dead |= lint_condition(l, &rule->conditions[c]);
        for (size_t t = 0; t < rule->conditions[c].n_tests; t++)
            look_at(l, rule->conditions[c].tests[t].right);
    }
    dead = dead || one_forbids_another(l, rule);
    if (!dead)
        look_for_shadow(l, list, index);
    look_at_action(l);
    if (rule->action.verb == POLICY_DENY && rule->n_conditions == 0)
        lint_warn(l, rule->offset, NULL, "this denies whatever the evidence: every attestation is refused");
    l->permits |= rule->action.verb == POLICY_PERMIT && !dead;
    lint_made(l, dead);
}

static bool has_permit(const struct policy *policy)
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
    if (!has_permit(policy))
        lint_warn(&l, 0, "write [type==\"secureBootEnabled\", value==true] => permit(); in authorizationrules",
                  "no rule permits: every attestation is refused");
    for (unsigned s = 0; s < POLICY_NO_SECTION; s++) {
        l.section = (enum policy_section)s;
        for (size_t r = 0; r < policy->sections[s].n; r++)
            look_at_rule(&l, &policy->sections[s], r);
        if (s == POLICY_CONFIGURATION) /* what they made is gone when the evidence comes */
            l.n_made = 0, l.makes_anything = false;
    }
    l.section = POLICY_NO_SECTION;
    l.rule = NULL;
    if (has_permit(policy) && !l.permits)
        lint_warn(&l, 0, NULL, "no rule that permits can fire: every attestation is refused");
    if (l.no_memory)
        return err_set(err, ERR_NO_MEMORY, "no memory for warnings");
    *ret = l.warnings;
    *ret_n = l.n;
    return true;
}
