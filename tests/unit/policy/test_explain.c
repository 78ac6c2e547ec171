/* What an author is told about each condition that was tried. */
#include "policy/explain.h"
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

static struct arena arena;

static bool evaluated(const char *conditions, const struct policy_claim *claims, size_t n, struct policy_outcome *ret)
{
    const char *text =
        arena_printf(&arena, "version=1.2; authorizationrules { => add(type=\"made\", value=7); %s => permit(); };", conditions);
    struct policy_error error;
    const struct policy *policy;
    bool ok = policy_parse(&arena, bytes_of_string(text), &policy, &error) && policy_evaluate(&arena, policy, claims, n, NULL, ret, &error);

    CHECK(ok);
    if (!ok)
        test_note("%s", policy_error_show(&arena, &error));
    return ok;
}

/* The sentence about the last condition that was tried. */
static const char *sentence(const struct policy_trace *rule, bool *ret_holds)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    *ret_holds = explain_condition(&w, rule, (rule->fired ? rule->parsed->n_conditions : rule->unmet_condition) - 1);
    return arena_string(&arena, writer_bytes(&w));
}

TEST(a_condition_is_explained_by_the_claims_that_met_it_or_nearly_did)
{
    /* clang-format off */
    static const struct { const char *conditions; bool holds; const char *words; } rows[] = {
        { "[type==\"tpmVersion\", value==2]", true, "tpmVersion = 2 (AttestationService)" },
        { "[type==\"made\"]", true, "made = 7 (AttestationPolicy)" },
        { "[type==\"site\"]", true, "site = \"lab-1\" (CustomClaim), site = \"lab-2\" (CustomClaim), site = \"lab-3\" (CustomClaim) and 1 more" },
        { "[type==\"pcrs\"]", true, "pcrs = '{\"PCRs\":[]}' (AttestationService, read-only)" },
        { "![type==\"nowhere\"]", true, "no claim meets it" },
        { "![type==\"tpmVersion\"]", false, "there is tpmVersion = 2 (AttestationService)" },
        { "[type==\"tpmVersion\", value>=3]", false, "value>=3 does not hold for tpmVersion = 2 (AttestationService)" },
        { "[type==\"tpmVersion\", value==\"2\"]", false,
          "value==\"2\" does not hold for tpmVersion = 2 (AttestationService): the value is of type Integer, not String" },
        { "[type==\"tpmVersion\", issuer==\"CustomClaim\"]", false,
          "issuer==\"CustomClaim\" does not hold for tpmVersion = 2 (AttestationService)" },
        { "[type==\"tpmVersoin\"]", false, "there is no claim tpmVersoin: is tpmVersion meant?" },
        { "[type==\"nowhere\"]", false, "there is no claim nowhere at this point" },
        { "[type==\"site\", value == \"x\"]", false,
          "value == \"x\" does not hold for site = \"lab-1\" (CustomClaim); value == \"x\" does not hold for site = \"lab-2\" (CustomClaim); "
          "value == \"x\" does not hold for site = \"lab-3\" (CustomClaim); nor for 1 more" },
        { "[issuer==\"CustomClaim\", value==0]", false, "none of the 8 claims meets it" },
        { "s:[type==\"site\"] && [type==\"tpmVersion\", value==s.value]", false,
          "value==s.value does not hold for tpmVersion = 2 (AttestationService): the right side is \"lab-1\", \"lab-2\", \"lab-3\" and 1 more" },
        { "[type==\"tpmVersion\", value==JsonToClaimValue(\"null\")]", false,
          "value==JsonToClaimValue(\"null\") does not hold for tpmVersion = 2 (AttestationService): the right side is empty" },
        { "[type==\"long\", value==\"y\"]", false,
          "value==\"y\" does not hold for long = \"\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
          "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fcx\"… (63 bytes) (AttestationService)" },
    };
    /* clang-format on */
    struct policy_claim claims[] = {
        policy_claim_integer("tpmVersion", 2),
        policy_claim_string("pcrs", BYTES_LIT("{\"PCRs\":[]}")),
        policy_claim_string("long",
                            BYTES_LIT("\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
                                      "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fcx\u00fc\u00fc")),
        policy_claim_string("site", BYTES_LIT("lab-1")),
        policy_claim_string("site", BYTES_LIT("lab-2")),
        policy_claim_string("site", BYTES_LIT("lab-3")),
        policy_claim_string("site", BYTES_LIT("lab-4")),
    };

    claims[1].read_only = true;
    for (size_t i = 3; i < ARRAY_LEN(claims); i++)
        claims[i].issuer = POLICY_ISSUER_CUSTOM;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_outcome outcome;
        bool holds;
        test_note("%s", rows[i].conditions);
        REQUIRE(evaluated(rows[i].conditions, claims, ARRAY_LEN(claims), &outcome));
        CHECK_STRING(sentence(&outcome.trace[1], &holds), rows[i].words);
        CHECK_INT(holds, rows[i].holds);
    }
    arena_done(&arena);
}

TEST(a_rule_is_written_with_its_conditions_and_what_it_made)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct policy_claim claims[] = { policy_claim_integer("a", 1), policy_claim_string("b", BYTES_LIT("\x1b[2J\"")) };
    const char *text = "version=1.2; authorizationrules { => permit(); }; issuancerules {\n"
                       "c:[type==\"b\"] &&\n![type==\"x\"] => issue(type=\"t\", value=c.value);\n};";
    struct policy_outcome outcome;
    struct policy_error error;
    const struct policy *policy;
    const struct json *v, *conditions;
    struct err err = ERR_INIT;

    REQUIRE(policy_parse(&arena, bytes_of_string(text), &policy, &error) &&
            policy_evaluate(&arena, policy, claims, ARRAY_LEN(claims), NULL, &outcome, &error) && outcome.n_trace == 2);
    policy_trace_write(&out, &outcome.trace[1]);
    REQUIRE(json_parse(&arena, writer_bytes(&w), NULL, &v, &err));
    conditions = json_get(v, "conditions");
    REQUIRE(conditions && conditions->array.n == 2 && json_get(v, "made")->array.n == 1);
    CHECK(json_is_string(json_get(conditions->array.items[0], "source"), "c:[type==\"b\"]"));
    CHECK(json_is_string(json_get(conditions->array.items[0], "because"), "b = '\\u001b[2J\"' (AttestationService)"));
    CHECK(json_is_string(json_get(conditions->array.items[1], "source"), "![type==\"x\"]"));
    CHECK(json_is_string(json_get(conditions->array.items[1], "because"), "no claim meets it"));
    CHECK_BYTES(json_get(conditions->array.items[1], "line")->raw, BYTES_LIT("3"));
    CHECK(json_is_string(json_get(v, "made")->array.items[0], "t = '\\u001b[2J\"' (AttestationPolicy)"));
    arena_done(&arena);
}

TEST(the_rules_before_a_fault_are_told_with_it)
{
    const char *text = "version=1.2; authorizationrules { => permit(); [type==\"a\"] => deny();\n"
                       "=> add(type=\"x\", value=JsonToClaimValue(\"{}\")); => permit(); };";
    struct policy_outcome outcome;
    struct policy_error error;
    const struct policy *policy;

    REQUIRE(policy_parse(&arena, bytes_of_string(text), &policy, &error));
    CHECK(!policy_evaluate(&arena, policy, NULL, 0, NULL, &outcome, &error));
    CHECK_INT(error.rule, 3);
    REQUIRE(error.n_trace == 2);
    CHECK(error.trace[0].fired && !error.trace[1].fired);
    arena_done(&arena);
}
