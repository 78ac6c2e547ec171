/* Input: a policy, a NUL, the JSON text of a claim "events". What parses has the text it was made from, runs within its limits and
 * gives the same outcome twice; a refusal has a place in the text and can be shown. */
#include "fuzz.h"
#include "policy/policy.h"

static const struct policy_limits limits = { .steps = 50000, .claims = 500, .value_bytes = 1 << 20 };

/* Of the parser alone: a rule of a few characters becomes its nodes, and its place in the text. Evaluation is bounded by `limits`. */
enum { BYTES_PER_BYTE = 512, FIXED = 16 * 1024 };

static void check_error(struct arena *a, const struct policy_error *error)
{
    ENSURE(error->err.code != ERR_NONE && error->err.text[0]);
    ENSURE(error->line > 0 && error->column > 0 && error->caret <= strlen(error->source));
    ENSURE(policy_error_show(a, error));
}

static bool evaluate(struct arena *a, const struct policy *policy, struct bytes events, struct policy_outcome *ret)
{
    struct policy_claim claims[] = { policy_claim_string("events", events), policy_claim_boolean("a", true), policy_claim_integer("n", 7),
                                     policy_claim_string("pcrs", BYTES_LIT("{\"a\":[1,\"b\"]}")) };
    struct policy_configuration configuration;
    struct policy_error error = { 0 };

    claims[1].issuer = POLICY_ISSUER_CUSTOM;
    claims[3].read_only = true;
    if (policy_configure(a, policy, &limits, &configuration, &error) &&
        policy_evaluate(a, policy, claims, ARRAY_LEN(claims), &limits, ret, &error))
        return true;
    ENSURE(error.kind == POLICY_EVALUATION_ERROR);
    check_error(a, &error);
    return false;
}

static void check_outcome(const struct policy_outcome *outcome, const struct policy_outcome *again)
{
    ENSURE(outcome->decision == again->decision && outcome->n_outgoing == again->n_outgoing && outcome->steps_used == again->steps_used);
    ENSURE((outcome->decision == POLICY_NO_PERMIT) == !outcome->decided_by);
    ENSURE(outcome->decision == POLICY_PERMITTED || outcome->n_outgoing == 0);
    for (size_t i = 0; i < outcome->n_outgoing; i++) {
        const struct policy_claim *claim = &outcome->outgoing[i];

        ENSURE(!claim->read_only && claim->issuer == POLICY_ISSUER_POLICY);
        ENSURE(policy_value_equal(claim->value, again->outgoing[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct bytes text = { data, len }, events = nul ? (struct bytes){ nul + 1, size - len - 1 } : BYTES_LIT("{\"Events\":[{\"x\":1}]}");
    struct policy_error error = { 0 };
    struct policy_outcome outcome, again;
    const struct policy *policy;

    arena_reset(&a);
    if (!policy_parse(&a, text, &policy, &error)) {
        ENSURE(error.kind == POLICY_PARSING_ERROR);
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        check_error(&a, &error);
        return 0;
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    ENSURE(bytes_equal(policy_text(policy), text));
    if (evaluate(&a, policy, events, &outcome)) {
        ENSURE(evaluate(&a, policy, events, &again));
        check_outcome(&outcome, &again);
    }
    return 0;
}
