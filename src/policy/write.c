/* What a policy did, as JSON. */
#include "json/write.h"
#include "policy/policy.h"

void policy_trace_write(struct json_out *out, const struct policy_trace *rule)
{
    json_begin_object(out, NULL);
    json_put_string(out, "section", policy_section_name(rule->section));
    json_put_integer(out, "rule", rule->rule);
    json_put_integer(out, "line", rule->line);
    json_put_string(out, "verb", policy_verb_name(rule->verb));
    json_put_boolean(out, "fired", rule->fired);
    if (!rule->fired) {
        json_put_integer(out, "unmetCondition", rule->unmet_condition);
        json_put_integer(out, "unmetLine", rule->unmet_line);
    }
    json_put_integer(out, "claims", (int64_t)rule->n_claims);
    json_put_bytes(out, "source", rule->source);
    json_end(out);
}

void policy_claim_write(struct json_out *out, const struct policy_claim *claim)
{
    json_begin_object(out, NULL);
    json_put_bytes(out, "type", claim->type);
    if (claim->value.type == POLICY_BOOLEAN)
        json_put_boolean(out, "value", claim->value.boolean);
    else if (claim->value.type == POLICY_INTEGER)
        json_put_integer(out, "value", claim->value.integer);
    else
        json_put_bytes(out, "value", claim->value.string);
    json_end(out);
}
