/* What a policy did, as JSON. */
#include "json/write.h"
#include "policy/explain.h"

static void put_text(struct json_out *out, const char *name, struct writer *text)
{
    json_put_bytes(out, name, writer_ok(text) ? writer_bytes(text) : BYTES_LIT("no memory for the words"));
    writer_reset(text);
}

/* Conditions are tried from the left until one does not hold. */
static void put_conditions(struct json_out *out, const struct policy_trace *rule)
{
    struct writer text CLEANUP(writer_done) = { 0 };
    size_t n = rule->fired ? rule->parsed->n_conditions : rule->unmet_condition;

    json_begin_array(out, "conditions");
    for (size_t i = 0; i < n; i++) {
        bool holds = explain_condition(&text, rule, i);
        json_begin_object(out, NULL);
        json_put_integer(out, "line", rule->parsed->conditions[i].line);
        json_put_bytes(out, "source", rule->parsed->conditions[i].text);
        json_put_boolean(out, "holds", holds);
        put_text(out, "because", &text);
        json_end(out);
    }
    json_end(out);
}

static void put_made(struct json_out *out, const struct policy_trace *rule)
{
    enum { SHOWN = 10 };
    struct writer text CLEANUP(writer_done) = { 0 };

    json_begin_array(out, "made");
    for (size_t i = 0; i < rule->n_claims && i < SHOWN; i++) {
        explain_claim(&text, rule->claims[rule->n_seen + i]);
        put_text(out, NULL, &text);
    }
    json_end(out);
}

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
    put_conditions(out, rule);
    put_made(out, rule);
    json_end(out);
}

void policy_error_write(struct json_out *out, const char *name, const struct policy_error *error)
{
    json_begin_object(out, name);
    json_put_string(out, "kind", policy_error_kind_name(error->kind));
    json_put_string(out, "text", error->err.text);
    json_put_string(out, "section", policy_section_name(error->section));
    json_put_integer(out, "rule", error->rule);
    json_put_integer(out, "line", error->line);
    json_put_integer(out, "column", error->column);
    json_put_string(out, "source", error->source);
    json_put_integer(out, "caret", error->caret);
    if (error->symbol[0]) {
        json_put_string(out, "symbol", error->symbol);
        json_put_string(out, "failingRule", error->failing_rule);
    }
    if (error->fix[0])
        json_put_string(out, "fix", error->fix);
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

void policy_outgoing_write(struct json_out *out, const struct policy_outcome *outcome)
{
    size_t n = outcome ? outcome->n_outgoing : 0;
    bool any = false;

    json_begin_array(out, "claims");
    for (size_t i = 0; i < n; i++) {
        bool reserved = policy_name_is_reserved(outcome->outgoing[i].type);
        any |= reserved;
        if (!reserved)
            policy_claim_write(out, &outcome->outgoing[i]);
    }
    json_end(out);
    if (!any)
        return;
    json_begin_array(out, "leftOut");
    for (size_t i = 0; i < n; i++)
        if (policy_name_is_reserved(outcome->outgoing[i].type))
            json_put_bytes(out, NULL, outcome->outgoing[i].type);
    json_end(out);
}
