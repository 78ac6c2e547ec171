/* Which claims there can be when a rule runs, and whether a condition can be met by one. */
#include "policy/claim_list.h"
#include "policy/functions.h"
#include "policy/linter.h"
#include "policy/suggest.h"

enum { SHOWN = 60, CANDIDATES_MAX = 256, NAME_BYTES = 64 };

/* Claims of the published service about enclaves (attestation-service.md 9.1), which this one refuses: their names are no mistakes. */
static const struct service_claim enclave_claims[] = {
    { .name = "enclaveAuthorId", .type = CLAIM_TYPE_STRING }, { .name = "enclaveImageId", .type = CLAIM_TYPE_STRING },
    { .name = "enclaveOwnerId", .type = CLAIM_TYPE_STRING },  { .name = "enclaveFamilyId", .type = CLAIM_TYPE_STRING },
    { .name = "enclaveSvn", .type = CLAIM_TYPE_INTEGER },     { .name = "enclavePlatformSvn", .type = CLAIM_TYPE_INTEGER },
    { .name = "enclaveFlags", .type = CLAIM_TYPE_INTEGER },
};
/* Others of the service, of other types, and the clients' own. */
static const char *const open_prefixes[] = { "x-ms-", "$", "https://" };
static const char *const severities[] = { "none", "info", "low", "medium", "high", "critical" };

static struct bytes shown(struct bytes text) { return bytes_slice(text, 0, text.len > SHOWN ? SHOWN : text.len); }

/* ---- literals ---- */

static bool is_string(const struct expression *e) { return e && e->kind == EXPRESSION_LITERAL && e->literal.type == POLICY_STRING; }

struct bytes lint_wanted(const struct condition *c, enum claim_property property)
{
    for (size_t i = 0; i < c->n_tests; i++)
        if (c->tests[i].property == property && c->tests[i].op == POLICY_TOKEN_EQ && is_string(c->tests[i].right))
            return c->tests[i].right->literal.string;
    return BYTES_NONE;
}

/* ---- what there is ---- */

static const struct service_claim *service_claim(struct bytes type)
{
    for (size_t i = 0; i < ARRAY_LEN(enclave_claims); i++)
        if (bytes_equal_string(type, enclave_claims[i].name))
            return &enclave_claims[i];
    return service_claim_find(type);
}

static bool has_open_prefix(struct bytes type)
{
    for (size_t i = 0; i < ARRAY_LEN(open_prefixes); i++)
        if (bytes_starts_with(type, bytes_of_string(open_prefixes[i])))
            return true;
    return false;
}

/* What is known about the claims that a condition may select. */
struct supply {
    bool service, made, by_dead_rule, read_only;
    unsigned types; /* 0: nothing is known */
};

static struct supply supply_of(const struct linter *l, const struct condition *c)
{
    struct bytes type = lint_wanted(c, CLAIM_TYPE), issuer = lint_wanted(c, CLAIM_ISSUER);
    const struct service_claim *known = service_claim(type);
    bool by_service = !issuer.len || bytes_equal_string(issuer, "AttestationService");
    bool by_policy = !issuer.len || bytes_equal_string(issuer, "AttestationPolicy");
    bool open = !known && has_open_prefix(type);
    struct supply s = { .service = by_service && l->section != POLICY_CONFIGURATION && (known || open) };

    if (s.service && known) {
        s.types = 1U << service_claim_value_type(known);
        s.read_only = (known->marks & CLAIM_READ_ONLY) != 0;
    } else if (s.service) {
        s.types = LINT_ANY;
    }
    for (size_t i = 0; by_policy && i < l->n_made; i++) {
        if (!bytes_equal(l->made[i].type, type))
            continue;
        s.by_dead_rule |= l->made[i].by_dead_rule;
        if (l->made[i].by_dead_rule)
            continue;
        s.made = true;
        s.types |= l->made[i].types;
        s.read_only |= l->made[i].read_only;
    }
    s.made |= by_policy && l->makes_anything;
    if (l->makes_anything || !type.len || bytes_equal_string(issuer, "CustomClaim") || (!issuer.len && !known && open))
        s.types = LINT_ANY;
    return s;
}

bool lint_bound_is_read_only(const struct linter *l, unsigned slot) { return supply_of(l, &l->rule->conditions[slot]).read_only; }

bool lint_expression_is_read_only(const struct linter *l, const struct expression *e)
{
    if (!e)
        return false;
    if (e->kind == EXPRESSION_PROPERTY)
        return lint_bound_is_read_only(l, e->slot);
    if (e->kind == EXPRESSION_CALL && e->function->keeps_read_only)
        for (size_t i = 0; i < e->n_args; i++)
            if (lint_expression_is_read_only(l, e->args[i]))
                return true;
    return false;
}

static unsigned types_of(const struct linter *l, const struct expression *e)
{
    if (e->kind == EXPRESSION_LITERAL)
        return 1U << e->literal.type;
    if (e->kind == EXPRESSION_PROPERTY)
        return e->property == CLAIM_VALUE ? supply_of(l, &l->rule->conditions[e->slot]).types : LINT_STRING;
    if (bytes_equal_string(e->name, "JsonToClaimValue"))
        return LINT_ANY;
    return bytes_equal_string(e->name, "JmesPath") || bytes_equal_string(e->name, "AppendString") ? LINT_STRING : LINT_BOOLEAN;
}

void lint_made(struct linter *l, bool dead)
{
    const struct action *action = &l->rule->action;
    const struct expression *type = action->assigned[CLAIM_TYPE], *value = action->assigned[CLAIM_VALUE];
    struct made_claim claim = { .by_dead_rule = dead };

    if (action->verb == POLICY_PERMIT || action->verb == POLICY_DENY)
        return;
    if (action->copied.len) {
        struct supply s = supply_of(l, &l->rule->conditions[action->copied_slot]);
        claim.type = lint_wanted(&l->rule->conditions[action->copied_slot], CLAIM_TYPE);
        claim.types = s.types ? s.types : LINT_ANY;
        claim.read_only = s.read_only;
    } else {
        claim.type = is_string(type) ? type->literal.string : BYTES_NONE;
        claim.types = types_of(l, value);
        claim.read_only = lint_expression_is_read_only(l, type) || lint_expression_is_read_only(l, value);
    }
    if (!claim.type.data) {
        l->makes_anything |= !dead;
        return;
    }
    if (l->n_made == l->made_capacity) {
        size_t capacity = l->made_capacity ? 2 * l->made_capacity : 16;
        struct made_claim *grown = arena_grow(l->arena, l->made, l->n_made, capacity, sizeof *grown);
        l->no_memory |= !grown;
        if (!grown)
            return;
        l->made = grown;
        l->made_capacity = capacity;
    }
    l->made[l->n_made++] = claim;
}

/* ---- claims that are not there ---- */

static bool made_anywhere(const struct policy *policy, struct bytes type)
{
    for (size_t s = 0; s < POLICY_NO_SECTION; s++)
        for (size_t r = 0; r < policy->sections[s].n; r++) {
            const struct expression *made = policy->sections[s].rules[r].action.assigned[CLAIM_TYPE];
            if (made && (!is_string(made) || bytes_equal(made->literal.string, type)))
                return true;
        }
    return false;
}

/* The name that is meant, of the service's and of those made before. */
static const char *nearest(const struct linter *l, struct bytes type)
{
    const char *names[CANDIDATES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < CLAIM_COUNT; i++)
        names[n++] = service_claims[i].name;
    for (size_t i = 0; i < l->n_made && n < CANDIDATES_MAX; i++)
        if (l->made[i].type.len <= NAME_BYTES && (names[n] = arena_string(l->arena, l->made[i].type)))
            n++;
    return suggest_nearest(type, names, n);
}

static const char *consequence(const struct condition *c) { return c->negated ? "this always holds" : "the rule never fires"; }

static bool no_claim(struct linter *l, const struct condition *c, size_t offset, struct supply s)
{
    struct bytes type = lint_wanted(c, CLAIM_TYPE);
    const struct service_claim *known = service_claim(type);
    const char *meant;

    if (l->section == POLICY_CONFIGURATION && (known || has_open_prefix(type)))
        lint_warn(l, offset, NULL, "configuration rules run before there is evidence, and see no claim %.*s: %s", BYTES_FMT(shown(type)),
                  consequence(c));
    else if (s.by_dead_rule)
        lint_warn(l, offset, NULL, "only a rule that never fires makes a claim %.*s: %s", BYTES_FMT(shown(type)), consequence(c));
    else if (known)
        lint_warn(l, offset, "write issuer==\"AttestationService\"", "only the service makes a claim %.*s: %s", BYTES_FMT(shown(type)),
                  consequence(c));
    else if (made_anywhere(l->policy, type))
        lint_warn(l, offset, "put that rule before this one", "only a rule that runs later makes a claim %.*s: %s", BYTES_FMT(shown(type)),
                  consequence(c));
    else {
        meant = nearest(l, type);
        lint_warn(l, offset, meant ? arena_printf(l->arena, "write %s", meant) : NULL,
                  "neither the service nor a rule makes a claim %.*s%s%s: %s", BYTES_FMT(shown(type)), meant ? ", is it " : "",
                  meant ? meant : "", consequence(c));
    }
    return true;
}

static bool check_type(struct linter *l, const struct condition *c, struct supply s)
{
    struct bytes type = lint_wanted(c, CLAIM_TYPE), issuer = lint_wanted(c, CLAIM_ISSUER);
    const struct service_claim *known = service_claim(type);
    size_t offset = c->offset;

    if (!type.data || bytes_equal_string(issuer, "CustomClaim"))
        return false;
    for (size_t i = 0; i < c->n_tests; i++)
        if (c->tests[i].property == CLAIM_TYPE)
            offset = c->tests[i].right->offset;
    if (known && (known->marks & CLAIM_SINCE_1_2) && s.service && !s.made && l->policy->version < 12) {
        lint_warn(l, offset, "write version=1.2; at the top", "policies see the claim %s from version 1.2 on: %s", known->name,
                  consequence(c));
        return true;
    }
    if (s.service && !known && !s.made) { /* of a family that is not known name by name */
        const char *meant = bytes_starts_with(type, BYTES_LIT("x-ms-azurevm-")) ? nearest(l, type) : NULL;
        if (meant)
            lint_warn(l, offset, arena_printf(l->arena, "write %s", meant), "the service makes no claim %.*s that is known here: is it %s?",
                      BYTES_FMT(shown(type)), meant);
    }
    return !s.service && !s.made && no_claim(l, c, offset, s);
}

/* ---- tests that no claim passes ---- */

static bool never(struct linter *l, const struct condition *c, const struct property_condition *test, const char *fix, const char *why)
{
    lint_warn(l, test->right->offset, fix, "%s: %s", why, consequence(c));
    return true;
}

static bool check_name(struct linter *l, const struct condition *c, const struct property_condition *test)
{
    static const char *const issuers[] = { "AttestationService", "AttestationPolicy", "CustomClaim" };
    static const char *const types[] = { "Boolean", "Integer", "String" };
    const char *const *names = test->property == CLAIM_ISSUER ? issuers : types;
    const char *meant;

    if (test->op != POLICY_TOKEN_EQ || !is_string(test->right) || (test->property != CLAIM_ISSUER && test->property != CLAIM_VALUE_TYPE))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal_string(test->right->literal.string, names[i]))
            return false;
    meant = suggest_nearest(test->right->literal.string, names, ARRAY_LEN(types));
    return never(l, c, test, meant ? arena_printf(l->arena, "write \"%s\"", meant) : NULL,
                 test->property == CLAIM_ISSUER ? "issuers are AttestationService, AttestationPolicy and CustomClaim"
                                                : "value types are Boolean, Integer and String");
}

static const char *type_words(struct linter *l, unsigned types)
{
    return arena_printf(l->arena, "%s%s%s%s%s", types & LINT_BOOLEAN ? "Boolean" : "",
                        types & LINT_BOOLEAN && types > LINT_BOOLEAN ? " or " : "", types & LINT_INTEGER ? "Integer" : "",
                        types & LINT_INTEGER && types & LINT_STRING ? " or " : "", types & LINT_STRING ? "String" : "");
}

/* What the literal should have been, when it only has quotes too many or too few. */
static const char *unquoted(struct linter *l, const struct expression *e, unsigned types)
{
    struct bytes text = e->literal.string;

    if (e->literal.type == POLICY_STRING && types == LINT_BOOLEAN &&
        (bytes_equal_string(text, "true") || bytes_equal_string(text, "false")))
        return arena_printf(l->arena, "write %.*s without quotes", BYTES_FMT(text));
    if (e->literal.type == POLICY_STRING && types == LINT_INTEGER && text.len && text.len < SHOWN && text.data[0] >= '0' &&
        text.data[0] <= '9')
        return arena_printf(l->arena, "write %.*s without quotes", BYTES_FMT(text));
    if (e->literal.type != POLICY_STRING && types == LINT_STRING)
        return e->literal.type == POLICY_INTEGER ? arena_printf(l->arena, "write \"%lld\"", (long long)e->literal.integer)
                                                 : arena_printf(l->arena, "write \"%s\"", e->literal.boolean ? "true" : "false");
    return NULL;
}

static bool check_value(struct linter *l, const struct condition *c, const struct property_condition *test, unsigned types)
{
    struct bytes type = lint_wanted(c, CLAIM_TYPE);
    bool literal = test->right->kind == EXPRESSION_LITERAL, equal = test->op == POLICY_TOKEN_EQ, differs = test->op == POLICY_TOKEN_NE;

    if (test->property != CLAIM_VALUE || !types)
        return false;
    if (!equal && !differs && (!(types & LINT_INTEGER) || (literal && test->right->literal.type != POLICY_INTEGER)))
        return never(l, c, test, NULL, "only integers have an order");
    if (!literal)
        return false;
    if (equal && bytes_equal_string(type, "trueboot.worstFinding") && is_string(test->right)) {
        for (size_t i = 0; i < ARRAY_LEN(severities); i++)
            if (bytes_equal_string(test->right->literal.string, severities[i]))
                return false;
        return never(l, c, test, NULL, "a severity is none, info, low, medium, high or critical");
    }
    if ((equal || differs) && !(types & 1U << test->right->literal.type)) {
        const char *words = arena_printf(l->arena, "%.*s is of type %s, this is %s", BYTES_FMT(shown(type)), type_words(l, types),
                                         type_words(l, 1U << test->right->literal.type));
        if (equal)
            return never(l, c, test, unquoted(l, test->right, types), words ? words : "the types differ");
        lint_warn(l, test->right->offset, unquoted(l, test->right, types), "%s: they always differ", words ? words : "the types differ");
    }
    return false;
}

/* Two tests of one property that no value passes both. */
static bool contradict(const struct property_condition *a, const struct property_condition *b)
{
    int64_t x, y;

    if (a->property != b->property || a->right->kind != EXPRESSION_LITERAL || b->right->kind != EXPRESSION_LITERAL)
        return false;
    if (a->op == POLICY_TOKEN_EQ && b->op == POLICY_TOKEN_EQ)
        return !policy_value_equal(a->right->literal, b->right->literal);
    if ((a->op == POLICY_TOKEN_EQ && b->op == POLICY_TOKEN_NE) || (a->op == POLICY_TOKEN_NE && b->op == POLICY_TOKEN_EQ))
        return policy_value_equal(a->right->literal, b->right->literal);
    if (a->right->literal.type != POLICY_INTEGER || b->right->literal.type != POLICY_INTEGER)
        return false;
    x = a->right->literal.integer;
    y = b->right->literal.integer;
    if ((a->op == POLICY_TOKEN_GE || a->op == POLICY_TOKEN_GT || a->op == POLICY_TOKEN_EQ) &&
        (b->op == POLICY_TOKEN_LE || b->op == POLICY_TOKEN_LT || b->op == POLICY_TOKEN_EQ))
        return x > y || (x == y && (a->op == POLICY_TOKEN_GT || b->op == POLICY_TOKEN_LT));
    return false;
}

static bool check_contradiction(struct linter *l, const struct condition *c)
{
    for (size_t i = 0; i < c->n_tests; i++)
        for (size_t k = 0; k < c->n_tests; k++)
            if (i != k && contradict(&c->tests[i], &c->tests[k])) {
                size_t later = i > k ? i : k;
                return never(l, c, &c->tests[later], NULL, "no claim passes this and the test before it");
            }
    return false;
}

bool lint_condition(struct linter *l, const struct condition *c)
{
    struct supply s = supply_of(l, c);
    bool none;

    for (size_t i = 0; i < c->n_tests; i++)
        if (check_name(l, c, &c->tests[i]))
            return !c->negated;
    none = check_type(l, c, s) || check_contradiction(l, c);
    for (size_t i = 0; i < c->n_tests && !none; i++)
        none = check_value(l, c, &c->tests[i], s.types);
    return none && !c->negated;
}
