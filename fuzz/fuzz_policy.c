/* Input: a policy, a NUL, the JSON text of a claim "events". What parses has the text it was made from, runs within its limits and
 * gives the same outcome twice; a refusal has a place in the text and can be shown; every rule can be explained; and a rule of which lint
 * says that it never fires does not, over claims as the service makes them. */
#include "fuzz.h"
#include "json/parse.h"
#include "json/write.h"
#include "policy/lint.h"
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

static void check_explained(struct arena *a, const struct policy_trace *trace, size_t n)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *v;
    struct err err = ERR_INIT;

    json_begin_array(&out, NULL);
    for (size_t i = 0; i < n; i++)
        policy_trace_write(&out, &trace[i]);
    json_end(&out);
    ENSURE(writer_ok(&w) && json_parse(a, writer_bytes(&w), NULL, &v, &err) && v->array.n == n);
    for (size_t i = 0; i < n; i++) {
        const struct json *conditions = json_get(v->array.items[i], "conditions");
        for (size_t k = 0; k < conditions->array.n; k++) { /* the last one tells why it did not fire, the others held */
            bool holds = false;
            ENSURE(json_as_boolean(json_get(conditions->array.items[k], "holds"), &holds));
            ENSURE(holds == (trace[i].fired || k + 1 < conditions->array.n));
        }
    }
}

static void check_lint(struct arena *a, const struct policy *policy, struct bytes events)
{
    struct policy_claim claims[] = { policy_claim_string("events", events), policy_claim_boolean("secureBootEnabled", true),
                                     policy_claim_integer("tpmVersion", 2), policy_claim_string("pcrs", BYTES_LIT("{\"a\":[1,\"b\"]}")) };
    const struct policy_warning *warnings;
    struct policy_outcome outcome;
    struct policy_error error;
    struct err err = ERR_INIT;
    bool ran;
    size_t n;

    claims[3].read_only = true;
    ENSURE(policy_lint(a, policy, &warnings, &n, &err) && n <= POLICY_WARNINGS_MAX);
    ran = policy_evaluate(a, policy, claims, ARRAY_LEN(claims), &limits, &outcome, &error);
    for (size_t i = 0; i < n; i++) {
        ENSURE(warnings[i].text[0] && warnings[i].caret <= strlen(warnings[i].source) && (warnings[i].line > 0) == (warnings[i].rule > 0));
        for (size_t k = 0; ran && strstr(warnings[i].text, "the rule never fires") && k < outcome.n_trace; k++)
            ENSURE(outcome.trace[k].section != warnings[i].section || outcome.trace[k].rule != warnings[i].rule || !outcome.trace[k].fired);
    }
    if (ran)
        check_explained(a, outcome.trace, outcome.n_trace);
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
    check_lint(&a, policy, events);
    return 0;
}
