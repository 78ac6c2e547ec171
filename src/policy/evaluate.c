/* The steps of attestation-service.md 8.4, around the runs of single sections. */
#include "policy/claim_list.h"
#include "policy/eval.h"
#include "policy/properties.h"

/* What ran before is told with the error. */
static bool failed(struct policy_run *run)
{
    run_done(run);
    run->error->trace = run->trace;
    run->error->n_trace = run->n_trace;
    return false;
}

bool policy_configure(struct arena *a, const struct policy *policy, const struct policy_limits *limits, struct policy_configuration *ret,
                      struct policy_error *error)
{
    struct policy_configuration made = { 0 };
    struct policy_run run;

    if (!run_init(&run, a, policy, limits, policy->sections[POLICY_CONFIGURATION].n, error))
        return false;
    if (!run_section(&run, POLICY_CONFIGURATION) || !run_collect(&run, &run.properties, false, &made.properties, &made.n_properties))
        return failed(&run);
    run_done(&run);
    made.require_valid_aik_cert = policy_property_boolean(&run.properties, "require_valid_aik_cert", true);
    made.required_pcr_mask = (uint32_t)policy_property_integer(&run.properties, "required_pcr_mask", 0xffffff);
    made.trace = run.trace;
    made.n_trace = run.n_trace;
    *ret = made;
    return true;
}

/* 8.1, 9.2: claims that policies older than 1.2 do not see. */
static bool is_hidden(const struct policy *policy, const struct policy_claim *claim)
{
    const struct service_claim *row;

    if (policy->version >= 12 || claim->issuer != POLICY_ISSUER_SERVICE)
        return false;
    row = service_claim_find(claim->type);
    return row && (row->marks & CLAIM_SINCE_1_2);
}

/* Every deny and permit has been heard by now: any deny wins. */
static void decide(const struct policy_run *run, struct policy_outcome *outcome)
{
    const struct policy_trace *deny = NULL, *permit = NULL;

    for (size_t i = run->n_trace; i-- > 0;) {
        if (run->trace[i].fired && run->trace[i].verb == POLICY_DENY)
            deny = &run->trace[i];
        if (run->trace[i].fired && run->trace[i].verb == POLICY_PERMIT)
            permit = &run->trace[i];
    }
    outcome->decided_by = deny ? deny : permit;
    outcome->decision = deny ? POLICY_DENIED_BY_RULE : permit ? POLICY_PERMITTED : POLICY_NO_PERMIT;
}

static bool issue(struct policy_run *run, struct policy_outcome *outcome)
{
    if (!run_section(run, POLICY_ISSUANCE) || !run_collect(run, &run->outgoing, true, &outcome->outgoing, &outcome->n_outgoing) ||
        !run_collect(run, &run->properties, false, &outcome->properties, &outcome->n_properties))
        return false;
    outcome->report_validity_minutes = policy_property_integer(&run->properties, "report_validity_in_minutes", 1440);
    outcome->omit_x5c = policy_property_boolean(&run->properties, "omit_x5c", false);
    return true;
}

bool policy_evaluate(struct arena *a, const struct policy *policy, const struct policy_claim *claims, size_t n_claims,
                     const struct policy_limits *limits, struct policy_outcome *ret, struct policy_error *error)
{
    size_t n_rules = policy->sections[POLICY_AUTHORIZATION].n + policy->sections[POLICY_ISSUANCE].n;
    struct policy_outcome outcome = { 0 };
    struct policy_run run;
    uint64_t steps;

    if (!run_init(&run, a, policy, limits, n_rules, error))
        return false;
    steps = run.steps;
    for (size_t i = 0; i < n_claims; i++)
        if (!is_hidden(policy, &claims[i]) && !run_add_incoming(&run, &claims[i]))
            return failed(&run);
    if (!run_section(&run, POLICY_AUTHORIZATION))
        return failed(&run);
    decide(&run, &outcome);
    if (outcome.decision == POLICY_PERMITTED && !issue(&run, &outcome))
        return failed(&run);
    run_done(&run);
    outcome.trace = run.trace;
    outcome.n_trace = run.n_trace;
    outcome.steps_used = steps - run.steps;
    *ret = outcome;
    return true;
}

char *policy_refusal_text(struct arena *a, const struct policy_outcome *outcome)
{
    switch (outcome->decision) {
    case POLICY_PERMITTED:
        return arena_printf(a, "The policy permits.");
    case POLICY_DENIED_BY_RULE:
        return arena_printf(a, "A Deny claim was issued, authorization failed. (authorization rule %u, line %u)", outcome->decided_by->rule,
                            outcome->decided_by->line);
    case POLICY_NO_PERMIT:
        break;
    }
    return arena_printf(a, "No Permit claim was issued, authorization failed.");
}
