/* What a policy hardly means. */
#include "base/limits.h"
#include "base/writer.h"
#include "policy/lint.h"
#include "support/test.h"

static struct arena arena;

/* clang-format off */
static const struct {
    const char *text;
    struct { unsigned line, column; const char *words, *fix; } want[2]; /* words NULL: no more */
} rows[] = {
    { "version=1.0; authorizationrules { => add(type=\"a\", value=1); };",
      { { 0, 0, "no rule permits", "permit()" } } },
    { "version=1.2; authorizationrules {\n[type==\"secureBootEnable\", value==true] => permit(); };",
      { { 2, 8, "is it secureBootEnabled: the rule never fires", "write secureBootEnabled" }, { 0, 0, "no rule that permits can fire", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"boolProperties\"] => issue(claim=c); };",
      { { 2, 10, "neither the service nor a rule makes a claim boolProperties", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n![type==\"nowhere\"] => issue(type=\"a\", value=1); };",
      { { 2, 9, "nowhere: this always holds", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n[type==\"mine\"] => issue(type=\"x\", value=1);\n=> add(type=\"mine\", value=1); };",
      { { 2, 8, "only a rule that runs later makes a claim mine", "before this one" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n[type==\"tpmVersion\", value==1, value==2] => add(type=\"z\", value=1);\n[type==\"z\"] => issue(type=\"y\", value=1); };",
      { { 2, 39, "no claim passes this", "" }, { 3, 8, "only a rule that never fires makes a claim z", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", value>3, value<=3] => deny(); };",
      { { 2, 38, "no claim passes this", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", value>=3, value<=3, value!=4] => deny(); };", { { 0 } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"secureBootEnabled\", value==\"false\"] => deny(); };",
      { { 2, 36, "secureBootEnabled is of type Boolean, this is String", "write false without quotes" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", value==\"2\"] => deny(); };",
      { { 2, 29, "of type Integer", "write 2 without quotes" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"aikPubHash\", value==2] => deny(); };",
      { { 2, 29, "of type String", "write \"2\"" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", value!=\"2\"] => deny(); };",
      { { 2, 29, "they always differ", "write 2 without quotes" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"secureBootEnabled\", value>=1] => deny(); };",
      { { 2, 36, "only integers have an order", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"x-ms-azurevm-dbvalidatd\", value==false] => deny(); };",
      { { 2, 8, "is it x-ms-azurevm-dbvalidated", "write x-ms-azurevm-dbvalidated" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"x-ms-azurevm-dbvalidated\", value==0] => deny(); };",
      { { 2, 43, "of type Boolean", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"x-ms-isolation-tee\", value==0] => deny(); };", { { 0 } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"trueboot.worstFinding\", value==\"hihg\"] => deny(); };",
      { { 2, 40, "a severity is", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"site\", issuer==\"CustomClaims\"] => deny(); };",
      { { 2, 24, "issuers are", "write \"CustomClaim\"" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"site\", issuer==\"CustomClaim\", value==\"x\"] => deny(); };", { { 0 } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", issuer==\"AttestationPolicy\"] => deny(); };",
      { { 2, 8, "only the service makes a claim tpmVersion", "AttestationService" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"tpmVersion\", valueType==\"Int\"] => deny(); };",
      { { 2, 33, "value types are", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"notWinPE\", value==true, issuer==\"AttestationService\"] && ![type==\"notWinPE\"] => deny(); };",
      { { 2, 66, "the opposite", "" } } },
    { "version=1.2; authorizationrules { => permit();\n[type==\"vbsEnabled\"] => permit(); };",
      { { 2, 1, "rule 1 (line 1) has fired", "" } } },
    { "version=1.2; authorizationrules {\n[type==\"vbsEnabled\"] => permit();\n[type==\"vbsEnabled\", value==true] && ![type==\"a\", issuer==\"CustomClaim\"] => permit();\n[type==\"vbsEnabled\", value==true] => deny();\n[type==\"iommuEnabled\"] => permit(); };",
      { { 3, 1, "rule 1 (line 2) has fired", "" } } },
    { "version=1.2; authorizationrules {\n[type==\"a\"] => permit();\n=> add(type=\"a\", value=1);\n[type==\"a\"] => permit(); };",
      { { 2, 8, "later", "" } } },
    { "version=1.0; authorizationrules { => permit();\n=> deny(); };",
      { { 2, 1, "every attestation is refused", "" } } },
    { "version=1.1; authorizationrules { => permit();\n[type==\"events\"] => deny(); };",
      { { 2, 8, "from version 1.2 on", "version=1.2" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"pcrs\"] => issue(claim=c); };",
      { { 2, 33, "read-only claim", "add it" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"pcrs\"] => add(type=\"p\", value=JmesPath(c.value, \"PCRs\"));\nc:[type==\"p\"] => issue(type=\"x\", value=AppendString(\"\", c.value)); };",
      { { 3, 40, "read-only claim", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"pcrs\"] => add(type=\"p\", value=JsonToClaimValue(JmesPath(c.value, \"PCRs[*].Index\")));\nc:[type==\"p\"] => issue(type=\"x\", value=ContainsOnlyValue(c.value, 1)); };", { { 0 } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"pcrs\"] => issueproperty(type=\"omit_x5c\", value=JsonToClaimValue(c.value)); };",
      { { 2, 58, "read-only claim", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"events\"] => issue(type=\"x\", value=JmesPath(c.value, \"events[0]\")); };",
      { { 2, 64, "Events", "write Events" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"events\"] => issue(type=\"x\", value=JmesPath(c.value, \"Events[? PcrIndex == '13']\")); };",
      { { 2, 73, "quotes", "`13`" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"events\"] => issue(type=\"x\", value=JmesPath(c.value, \"Events[? a !=null]\")); };",
      { { 2, 75, "null", "`null`" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issue(type=\"x\", value=NegateBool(1)); };",
      { { 2, 37, "takes a Boolean", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issue(type=\"x\", value=AppendString(\"a\", 1)); };",
      { { 2, 44, "takes a string", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issue(type=\"x\", value=1, valueType=\"String\"); };",
      { { 2, 39, "the value is of type Integer", "" } } },
    { "version=1.2; authorizationrules { => permit();\n=> issue(type=\"a\", value=1); };",
      { { 2, 4, "only adds", "write add" } } },
    { "version=1.2; configurationrules {\n=> issueproperty(type=\"required_pcr_masks\", value=1); }; authorizationrules { => permit(); };",
      { { 2, 23, "no effect", "write required_pcr_mask" } } },
    { "version=1.2; configurationrules {\n=> issueproperty(type=\"omit_x5c\", value=true); }; authorizationrules { => permit(); };",
      { { 2, 23, "belongs into issuancerules", "" } } },
    { "version=1.2; configurationrules {\n=> issueproperty(type=\"required_pcr_mask\", value=\"15\"); }; authorizationrules { => permit(); };",
      { { 2, 50, "must be an Integer", "" } } },
    { "version=1.2; configurationrules {\n=> issueproperty(type=\"x-ms-sgx-tcbidentifier\", value=\"a\"); }; authorizationrules { => permit(); };", { { 0 } } },
    { "version=1.2; configurationrules {\n[type==\"tpmVersion\"] => issueproperty(type=\"required_pcr_mask\", value=1); }; authorizationrules { => permit(); };",
      { { 2, 8, "before there is evidence", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issueproperty(type=\"required_pcr_mask\", value=1); };",
      { { 2, 23, "belongs into configurationrules", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issueproperty(type=\"report_validity_in_minutes\", value=0); };",
      { { 2, 59, "out of range", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issue(type=\"iss\", value=1); };",
      { { 2, 15, "iss is a name of the service's", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\n=> issue(type=\"x-ms-mine\", value=1); };",
      { { 2, 15, "left out", "" } } },
    { "version=1.2; authorizationrules { => permit(); }; issuancerules {\nc:[type==\"site\", issuer==\"CustomClaim\"] => add(type=c.value, value=1);\n[type==\"anything\"] => issue(type=\"a\", value=1); };", { { 0 } } },
    { "version=1.2; authorizationrules { => add(type=\"mine\", value=1); [type==\"aikValidated\"] && [type==\"x-ms-azurevm-vmid\"] && [type==\"mine\"] => permit(); }; issuancerules { c:[type==\"pcrs\"] && d:[type==\"https://x/custom/a\"] => issue(claim=d); };", { { 0 } } },
};
/* clang-format on */

TEST(what_a_policy_hardly_means_is_a_warning_with_its_place_and_fix)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct policy_warning *warnings;
        struct policy_error error = { .line = 0 };
        const struct policy *policy;
        struct err err = ERR_INIT;
        size_t n, expected = 0;

        test_note("%s", rows[i].text);
        REQUIRE(policy_parse(&arena, bytes_of_string(rows[i].text), &policy, &error));
        REQUIRE_OK(policy_lint(&arena, policy, &warnings, &n, &err), err);
        while (expected < ARRAY_LEN(rows[i].want) && rows[i].want[expected].words)
            expected++;
        CHECK_INT(n, expected);
        for (size_t k = 0; k < n; k++)
            test_note("  %u:%u %s (%s)", warnings[k].line, warnings[k].column, warnings[k].text, warnings[k].fix ? warnings[k].fix : "");
        for (size_t k = 0; k < n && k < expected; k++) {
            CHECK(strstr(warnings[k].text, rows[i].want[k].words));
            CHECK(strstr(warnings[k].fix ? warnings[k].fix : "", rows[i].want[k].fix));
            CHECK_INT(warnings[k].line, rows[i].want[k].line);
            CHECK_INT(warnings[k].column, rows[i].want[k].column);
            CHECK_INT(strlen(warnings[k].source) > warnings[k].caret, warnings[k].line > 0);
        }
        arena_done(&arena);
    }
}

TEST(warnings_are_bounded)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    const struct policy_warning *warnings;
    struct policy_error error;
    const struct policy *policy;
    struct err err = ERR_INIT;
    size_t n;

    write_string(&w, "version=1.2; authorizationrules {\n");
    for (size_t i = 0; i < LIMIT_POLICY_RULES; i++)
        write_printf(&w, "[type==\"nowhere%zu\", value==NegateBool(1)] => add(type=\"t%zu\", value=1);\n", i, i);
    write_string(&w, "};");
    REQUIRE(policy_parse(&arena, writer_bytes(&w), &policy, &error));
    REQUIRE_OK(policy_lint(&arena, policy, &warnings, &n, &err), err);
    CHECK_INT(n, POLICY_WARNINGS_MAX);
    arena_done(&arena);
}
