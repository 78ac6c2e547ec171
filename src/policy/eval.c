/* attestation-service.md 8.4 and 8.5. A rule's conditions each select a set of claims from left to right; the first that does not
 * hold ends the rule; else its action runs once. */
#include "policy/eval.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/deadline.h"
#include "base/limits.h"
#include "json/parse.h"
#include "policy/functions.h"
#include "policy/properties.h"

enum { BYTES_PER_STEP = 64, COMPARED_BYTES_PER_STEP = 1024, STEPS_BETWEEN_CLOCKS = 4096 };

/* ---- budgets and errors ---- */

bool run_fail(struct policy_run *run, const struct expression *where, enum err_code code, const char *fmt, ...)
{
    char text[240];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (where)
        run->place.offset = where->offset;
    return policy_fail(run->error, run->place, code, "%s", text);
}

bool run_no_memory(struct policy_run *run) { return run_fail(run, NULL, ERR_NO_MEMORY, "the evaluation needs more memory than allowed"); }

bool run_spend(struct policy_run *run, size_t steps)
{
    uint64_t before = run->steps;
    struct err err = ERR_INIT;

    if (steps > run->steps)
        return run_fail(run, NULL, ERR_LIMIT, "the evaluation takes more steps than allowed");
    run->steps -= steps;
    if ((before ^ run->steps) / STEPS_BETWEEN_CLOCKS == 0)
        return true;
    return deadline_check("evaluating a policy", &err) || run_fail(run, NULL, err.code, "%s", err.text);
}

bool run_spend_compare(struct policy_run *run, struct policy_value value, size_t times)
{
    size_t cost = value.type == POLICY_STRING ? 1 + value.string.len / COMPARED_BYTES_PER_STEP : 1;

    return run_spend(run, cost * times);
}

bool run_spend_bytes(struct policy_run *run, size_t bytes)
{
    if (bytes > run->value_bytes)
        return run_fail(run, NULL, ERR_LIMIT, "the rules make more bytes of values than allowed");
    run->value_bytes -= bytes;
    return run_spend(run, bytes / BYTES_PER_STEP);
}

/* The arena's own budget may be no bound, or be needed for more than a tenant's policy. */
static void bound_memory(struct arena *a, size_t memory)
{
    if (!a->budget || (a->budget > a->used && a->budget - a->used > memory))
        a->budget = a->used + memory;
}

void run_done(struct policy_run *run) { run->arena->budget = run->arena_budget; }

bool run_init(struct policy_run *run, struct arena *a, const struct policy *policy, const struct policy_limits *limits, size_t n_trace,
              struct policy_error *error)
{
    *run = (struct policy_run){
        .arena = a,
        .arena_budget = a->budget,
        .policy = policy,
        .error = error,
        .place = { .kind = POLICY_EVALUATION_ERROR, .text = policy->text, .section = POLICY_NO_SECTION },
        .steps = limits && limits->steps ? limits->steps : LIMIT_POLICY_STEPS,
        .claims = limits && limits->claims ? limits->claims : LIMIT_POLICY_CLAIMS,
        .value_bytes = limits && limits->value_bytes ? limits->value_bytes : LIMIT_POLICY_VALUE_BYTES,
    };
    bound_memory(a, limits && limits->memory ? limits->memory : LIMIT_POLICY_MEMORY_BYTES);
    run->bound = ARENA_ARRAY(a, LIMIT_POLICY_CONDITIONS, struct claim_list);
    run->trace = ARENA_ARRAY(a, n_trace, struct policy_trace);
    if (run->bound && run->trace)
        return true;
    run_done(run);
    return run_no_memory(run);
}

/* ---- lists ---- */

static bool append(struct policy_run *run, struct claim_list *list, const struct policy_claim *claim)
{
    return claim_list_append(run->arena, list, claim) || run_no_memory(run);
}

static bool add_claim(struct policy_run *run, struct claim_list *list, const struct policy_claim *claim)
{
    if (run->claims == 0)
        return run_fail(run, NULL, ERR_LIMIT, "more claims than allowed");
    run->claims--;
    return append(run, list, claim);
}

/* Comparing types on the way to a list of claims. */
static bool spend_finding(struct policy_run *run, struct bytes type, size_t compared)
{
    return run_spend_compare(run, (struct policy_value){ .type = POLICY_STRING, .string = type }, 1 + compared);
}

bool run_add_incoming(struct policy_run *run, const struct policy_claim *claim)
{
    size_t compared = 0;

    return add_claim(run, &run->incoming, claim) && (claim_index_add(run->arena, &run->by_type, claim, &compared) || run_no_memory(run)) &&
           spend_finding(run, claim->type, compared);
}

struct ranked {
    const struct policy_claim *claim;
    size_t index;
};

static int compare_values(struct policy_value a, struct policy_value b)
{
    if (a.type != b.type)
        return a.type < b.type ? -1 : 1;
    switch (a.type) {
    case POLICY_BOOLEAN:
        return a.boolean - b.boolean;
    case POLICY_INTEGER:
        return (a.integer > b.integer) - (a.integer < b.integer);
    case POLICY_STRING:
        break;
    }
    return bytes_compare(a.string, b.string);
}

static int same_claim_order(const struct ranked *a, const struct ranked *b)
{
    int by_type = bytes_compare(a->claim->type, b->claim->type);

    return by_type ? by_type : compare_values(a->claim->value, b->claim->value);
}

static int ranked_order(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int by_claim = same_claim_order(a, b);

    return by_claim ? by_claim : (a->index > b->index) - (a->index < b->index);
}

/* Sorting compares each claim about log n times. */
static bool spend_sorting(struct policy_run *run, const struct claim_list *list)
{
    size_t times = 1;

    while (list->n >> times)
        times++;
    for (size_t i = 0; i < list->n; i++)
        if (!run_spend_compare(run, list->items[i]->value, times))
            return false;
    return true;
}

/* Marks all but the first of equal claims; sorted, so that many claims cost n log n. */
static bool find_duplicates(struct policy_run *run, const struct claim_list *list, bool *duplicate)
{
    struct ranked *sorted = ARENA_ARRAY(run->arena, list->n, struct ranked);

    if (!sorted)
        return run_no_memory(run);
    if (!spend_sorting(run, list))
        return false;
    for (size_t i = 0; i < list->n; i++)
        sorted[i] = (struct ranked){ list->items[i], i };
    qsort(sorted, list->n, sizeof *sorted, ranked_order);
    for (size_t i = 1; i < list->n; i++)
        duplicate[sorted[i].index] = same_claim_order(&sorted[i - 1], &sorted[i]) == 0;
    return true;
}

bool run_collect(struct policy_run *run, const struct claim_list *list, bool collapse, const struct policy_claim **ret, size_t *ret_n)
{
    struct policy_claim *claims = ARENA_ARRAY(run->arena, list->n, struct policy_claim);
    bool *duplicate = ARENA_ARRAY(run->arena, list->n, bool);
    size_t n = 0;

    if (!claims || !duplicate)
        return run_no_memory(run);
    if (collapse && !find_duplicates(run, list, duplicate))
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (!duplicate[i])
            claims[n++] = *list->items[i];
    *ret = claims;
    *ret_n = n;
    return true;
}

/* ---- parsed texts ---- */

struct parsed_text {
    struct parsed_text *next;
    struct bytes text;
    const struct json *value;
};

const struct json *run_parse(struct policy_run *run, const struct cell *cell, struct err *err)
{
    struct bytes text = cell->value.string;
    struct parsed_text **bucket = &run->parsed[(uintptr_t)text.data / 16 % PARSED_TEXT_BUCKETS], *made;
    const struct json *value;

    if (cell->json)
        return cell->json;
    for (struct parsed_text *p = *bucket; p; p = p->next)
        if (p->text.data == text.data && p->text.len == text.len)
            return p->value;
    if (text.len / BYTES_PER_STEP > run->steps) {
        err_set(err, ERR_LIMIT, "the evaluation takes more steps than allowed");
        return NULL;
    }
    run->steps -= text.len / BYTES_PER_STEP;
    if (!json_parse(run->arena, text, NULL, &value, err))
        return NULL;
    made = ARENA_NEW(run->arena, struct parsed_text);
    if (made) { /* without memory for it the text is parsed again */
        *made = (struct parsed_text){ *bucket, text, value };
        *bucket = made;
    }
    return value;
}

/* ---- expressions ---- */

bool run_give(struct policy_run *run, struct cell cell, struct value_set *ret)
{
    struct cell *made = ARENA_NEW(run->arena, struct cell);

    if (!made)
        return run_no_memory(run);
    *made = cell;
    *ret = (struct value_set){ .items = made, .n = 1 };
    return true;
}

static struct cell property_of(const struct policy_claim *claim, enum claim_property property)
{
    struct bytes text = claim->type;

    if (property == CLAIM_VALUE)
        return (struct cell){ claim->value, claim->json };
    if (property == CLAIM_VALUE_TYPE)
        text = bytes_of_string(policy_value_type_name(claim->value.type));
    else if (property == CLAIM_ISSUER)
        text = bytes_of_string(policy_issuer_name(claim->issuer));
    return (struct cell){ { .type = POLICY_STRING, .string = text }, NULL };
}

static bool evaluate_property(struct policy_run *run, const struct expression *e, struct value_set *ret)
{
    const struct claim_list *bound = &run->bound[e->slot];
    struct cell *cells = ARENA_ARRAY(run->arena, bound->n, struct cell);

    if (!cells)
        return run_no_memory(run);
    *ret = (struct value_set){ .items = cells, .n = bound->n };
    for (size_t i = 0; i < bound->n; i++) {
        cells[i] = property_of(bound->items[i], e->property);
        ret->read_only = ret->read_only || bound->items[i]->read_only;
    }
    return run_spend(run, bound->n);
}

static bool evaluate_expression(struct policy_run *run, const struct expression *e, struct value_set *ret)
{
    struct value_set args[POLICY_MAX_ARGS] = { 0 };

    run->place.offset = e->offset;
    if (!run_spend(run, 1))
        return false;
    if (e->kind == EXPRESSION_LITERAL)
        return run_give(run, (struct cell){ e->literal, NULL }, ret);
    if (e->kind == EXPRESSION_PROPERTY)
        return evaluate_property(run, e, ret);
    for (size_t i = 0; i < e->n_args; i++)
        if (!evaluate_expression(run, e->args[i], &args[i]))
            return false;
    run->place.offset = e->offset;
    return policy_function_call(run, e, args, ret);
}

/* ---- conditions ---- */

static bool ordered(struct policy_value a, enum policy_token_kind op, struct policy_value b)
{
    if (a.type != POLICY_INTEGER || b.type != POLICY_INTEGER)
        return false;
    switch (op) {
    case POLICY_TOKEN_LE:
        return a.integer <= b.integer;
    case POLICY_TOKEN_LT:
        return a.integer < b.integer;
    case POLICY_TOKEN_GE:
        return a.integer >= b.integer;
    default:
        return a.integer > b.integer;
    }
}

/* Against a set: == when equal to any, != when different from all, order when for any. */
static bool test_holds(const struct property_condition *test, struct policy_value left, const struct value_set *right)
{
    bool any = false;

    for (size_t i = 0; i < right->n && !any; i++)
        any = test->op == POLICY_TOKEN_EQ || test->op == POLICY_TOKEN_NE ? policy_value_equal(left, right->items[i].value)
                                                                         : ordered(left, test->op, right->items[i].value);
    return any != (test->op == POLICY_TOKEN_NE);
}

static bool claim_meets(struct policy_run *run, const struct condition *c, const struct value_set *right, const struct policy_claim *claim,
                        bool *ret)
{
    *ret = true;
    for (size_t i = 0; i < c->n_tests && *ret; i++) {
        struct policy_value left = property_of(claim, c->tests[i].property).value;

        if (!run_spend_compare(run, left, 1 + right[i].n))
            return false;
        *ret = test_holds(&c->tests[i], left, &right[i]);
    }
    return true;
}

bool run_test_holds(const struct property_condition *test, const struct policy_claim *claim, const struct value_set *right)
{
    return test_holds(test, property_of(claim, test->property).value, right);
}

/* The claims that may meet the condition: of the one type that it names, or all. */
static bool candidates(struct policy_run *run, const struct condition *c, const struct value_set *right, const struct claim_list **ret)
{
    size_t compared = 0;

    *ret = &run->incoming;
    for (size_t i = 0; i < c->n_tests; i++) {
        const struct value_set *type = &right[i];

        if (c->tests[i].property != CLAIM_TYPE || c->tests[i].op != POLICY_TOKEN_EQ || type->n != 1 ||
            type->items[0].value.type != POLICY_STRING)
            continue;
        *ret = claim_index_find(&run->by_type, type->items[0].value.string, &compared);
        return spend_finding(run, type->items[0].value.string, compared);
    }
    return true;
}

/* Right sides are evaluated once, before any claim is looked at. */
static bool select_claims(struct policy_run *run, const struct condition *c, const struct value_set **ret_right, struct claim_list *ret)
{
    struct value_set *right = ARENA_ARRAY(run->arena, c->n_tests, struct value_set);
    const struct claim_list *among;

    if (!right)
        return run_no_memory(run);
    for (size_t i = 0; i < c->n_tests; i++)
        if (!evaluate_expression(run, c->tests[i].right, &right[i]))
            return false;
    *ret_right = right;
    run->place.offset = c->offset;
    if (!candidates(run, c, right, &among))
        return false;
    for (size_t i = 0; i < among->n; i++) {
        bool meets;

        if (!claim_meets(run, c, right, among->items[i], &meets) || (meets && !append(run, ret, among->items[i])))
            return false;
    }
    return true;
}

/* *ret_unmet is the number of the first condition that does not hold, or 0. */
static bool run_conditions(struct policy_run *run, const struct rule *rule, unsigned *ret_unmet)
{
    *ret_unmet = 0;
    run->right_sides = ARENA_ARRAY(run->arena, rule->n_conditions, const struct value_set *);
    if (!run->right_sides)
        return run_no_memory(run);
    for (unsigned i = 0; i < rule->n_conditions; i++) {
        const struct condition *c = &rule->conditions[i];

        run->bound[i] = (struct claim_list){ 0 };
        if (!select_claims(run, c, &run->right_sides[i], &run->bound[i]))
            return false;
        if ((run->bound[i].n > 0) == c->negated) {
            *ret_unmet = i + 1;
            return true;
        }
    }
    return true;
}

/* ---- actions ---- */

static bool make_claim(struct policy_run *run, const struct action *action, struct policy_claim model)
{
    bool issues = action->verb == POLICY_ISSUE && run->place.section == POLICY_ISSUANCE;
    bool is_property = action->verb == POLICY_ISSUEPROPERTY;
    struct policy_claim *claim = ARENA_NEW(run->arena, struct policy_claim);
    const char *problem;

    if (!claim)
        return run_no_memory(run);
    if (model.read_only && (issues || is_property))
        return run_fail(run, NULL, ERR_DENIED, "%s() of a value that comes from a read-only claim", policy_verb_name(action->verb));
    problem = is_property ? policy_property_problem(&model) : NULL;
    if (problem)
        return run_fail(run, NULL, ERR_MALFORMED, "%.*s %s", BYTES_FMT(bytes_slice(model.type, 0, 60)), problem);
    *claim = model;
    claim->issuer = POLICY_ISSUER_POLICY;
    run->trace[run->n_trace].n_claims++;
    return run_add_incoming(run, claim) && (!issues || add_claim(run, &run->outgoing, claim)) &&
           (!is_property || add_claim(run, &run->properties, claim));
}

static bool copy_claims(struct policy_run *run, const struct action *action)
{
    const struct claim_list *bound = &run->bound[action->copied_slot];

    run->place.offset = action->copied_offset;
    for (size_t i = 0; i < bound->n; i++)
        if (!make_claim(run, action, *bound->items[i]))
            return false;
    return true;
}

static bool check_value_type(struct policy_run *run, const struct action *action, const struct value_set *values)
{
    struct value_set wanted;

    if (!action->assigned[CLAIM_VALUE_TYPE])
        return true;
    if (!evaluate_expression(run, action->assigned[CLAIM_VALUE_TYPE], &wanted))
        return false;
    for (size_t i = 0; i < values->n; i++)
        if (wanted.n != 1 || wanted.items[0].value.type != POLICY_STRING ||
            !bytes_equal_string(wanted.items[0].value.string, policy_value_type_name(values->items[i].value.type)))
            return run_fail(run, action->assigned[CLAIM_VALUE_TYPE], ERR_MALFORMED, "the value is of type %s",
                            policy_value_type_name(values->items[i].value.type));
    return true;
}

static bool new_claims(struct policy_run *run, const struct action *action)
{
    struct value_set types, values;

    if (!evaluate_expression(run, action->assigned[CLAIM_TYPE], &types))
        return false;
    if (types.n != 1 || types.items[0].value.type != POLICY_STRING)
        return run_fail(run, action->assigned[CLAIM_TYPE], ERR_MALFORMED, "type must be one string");
    if (!evaluate_expression(run, action->assigned[CLAIM_VALUE], &values) || !check_value_type(run, action, &values))
        return false;
    run->place.offset = action->assigned[CLAIM_VALUE]->offset;
    for (size_t i = 0; i < values.n; i++) {
        struct policy_claim claim = { .type = types.items[0].value.string,
                                      .value = values.items[i].value,
                                      .json = values.items[i].json,
                                      .read_only = types.read_only || values.read_only };

        if (!make_claim(run, action, claim))
            return false;
    }
    return true;
}

static bool run_action(struct policy_run *run, const struct action *action)
{
    run->place.offset = action->offset;
    if (action->verb == POLICY_PERMIT || action->verb == POLICY_DENY)
        return true;
    return action->copied.len ? copy_claims(run, action) : new_claims(run, action);
}

/* ---- rules ---- */

static bool run_rule(struct policy_run *run, const struct rule *rule)
{
    struct policy_trace *trace = &run->trace[run->n_trace];
    unsigned unmet;

    run->place.rule = rule->number;
    run->place.offset = rule->offset;
    *trace = (struct policy_trace){ .section = run->place.section,
                                    .rule = rule->number,
                                    .line = rule->line,
                                    .verb = rule->action.verb,
                                    .parsed = rule,
                                    .n_seen = run->incoming.n,
                                    .source = bytes_trim(bytes_slice(run->policy->text, rule->offset, rule->end - rule->offset)) };
    if (!run_spend(run, 1) || !run_conditions(run, rule, &unmet))
        return false;
    trace->fired = unmet == 0;
    trace->unmet_condition = unmet;
    if (unmet)
        trace->unmet_line = rule->conditions[unmet - 1].line;
    trace->right_sides = run->right_sides;
    if (trace->fired && !run_action(run, &rule->action))
        return false;
    trace->claims = run->incoming.items;
    run->n_trace++;
    return true;
}

bool run_section(struct policy_run *run, enum policy_section section)
{
    const struct rule_list *list = &run->policy->sections[section];

    run->place.section = section;
    for (size_t i = 0; i < list->n; i++)
        if (!run_rule(run, &list->rules[i]))
            return false;
    return true;
}
