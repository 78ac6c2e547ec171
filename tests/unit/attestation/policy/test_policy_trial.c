/* Trying a policy before it is set: on evidence that is sent along, on the stored fleet's, and with an attestation. */
#include "attestation/policy/policy_trial.h"
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define PERMIT_ALL  "version=1.0; authorizationrules{ => permit(); };"
#define DENY_ALL    "version=1.0; authorizationrules{ => deny(); };"
#define SECURE_BOOT "version=1.0; authorizationrules{ [type==\\\"secureBootEnabled\\\", value==true] => permit(); };"

static const char *word(struct fixture *f, const struct json *v, const char *name)
{
    return arena_string(&f->a, json_text(json_get(v, name), BYTES_LIT("absent")));
}

static const struct json *item(const struct answer *answer, size_t i)
{
    const struct json *list = json_get(answer->json, "value");

    return list && list->type == JSON_ARRAY && i < list->array.n ? list->array.items[i] : &json_null;
}

static const char *evidence_of(struct fixture *f, const struct test_vm *vm)
{
    struct store_appraisal appraisal;
    struct err err = ERR_INIT;
    struct bytes evidence = BYTES_LIT("null");

    CHECK(attest_once(f, vm, NULL) && store_appraisal_latest(f->store, &f->a, vm->uuid, &appraisal, &err) &&
          store_evidence_get(f->store, &f->a, vm->uuid, appraisal.id, &evidence, &err));
    return arena_string(&f->a, evidence);
}

TEST(a_dry_run_says_rule_by_rule_what_a_policy_would_do_and_stores_nothing)
{
    FIXTURE(f);
    const char *evidence = evidence_of(&f, fixture_vm(&f, "web1"));
    struct answer answer;

    fixture_ask(&f, &answer, "POST", "/policies/Tpm:dryRun" FIXTURE_API, "{\"policy\":\"%s\",\"evidence\":[%s,%s]}", SECURE_BOOT, evidence,
                evidence);
    CHECK_INT(answer.status, 200);
    CHECK_INT(json_get(answer.json, "value")->array.n, 2);
    CHECK_STRING(word(&f, item(&answer, 0), "decision"), "permitted");
    CHECK_STRING(word(&f, json_get(item(&answer, 0), "rules")->array.items[0], "verb"), "permit");
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:dryRun" FIXTURE_API, "{\"policy\":\"%s\",\"evidence\":%s}", DENY_ALL, evidence);
    CHECK_STRING(word(&f, item(&answer, 0), "decision"), "denied");
    CHECK(json_get(item(&answer, 0), "reasons")->array.n == 1);
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:dryRun" FIXTURE_API, "{\"evidence\":%s}", evidence);
    CHECK_STRING(word(&f, item(&answer, 0), "decision"), "permitted"); /* the one in force */
    fixture_ask(&f, &answer, "GET", "/v1/operations", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 0);
}

TEST(a_dry_run_that_cannot_be_is_refused_by_name)
{
    static const struct {
        const char *type, *body, *words;
    } rows[] = {
        { "Tpm", "{\"policy\":\"version=1.0 authorizationrules{};\",\"evidence\":{}}", "fix: write ';'" },
        { "Tpm", "{\"policy\":7,\"evidence\":{}}", "policy" },
        { "Tpm", "{\"policy\":\"" PERMIT_ALL "\"}", "evidence" },
        { "Tpm", "{\"policy\":\"" PERMIT_ALL "\",\"evidence\":[]}", "evidence" },
        { "Tpm", "{\"policy\":\"" PERMIT_ALL "\",\"evidence\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", "1 to 16" },
        { "AzureGuest", "{\"policy\":\"" PERMIT_ALL "\",\"evidence\":{}}", "draftPolicyForAttestation" },
        { "Tpm", "[", "" },
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, "POST", arena_printf(&f.a, "/policies/%s:dryRun" FIXTURE_API, rows[i].type), "%s", rows[i].body);
        CHECK_INT(answer.status, 400);
        CHECK(strstr(answer.message, rows[i].words));
    }
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:dryRun" FIXTURE_API, "{\"policy\":\"" PERMIT_ALL "\",\"evidence\":{\"version\":1}}");
    CHECK_INT(answer.status, 200); /* of bad evidence the answer says so */
    CHECK_STRING(word(&f, item(&answer, 0), "decision"), "not decided");
    CHECK_INT(json_get(item(&answer, 0), "reasons")->array.n, 1);
    fixture_call(&f, &(struct call){ .path = "/policies/Tpm:dryRun" FIXTURE_API, .body = BYTES_LIT("{}"), .as = HTTP_ANONYMOUS }, &answer);
    CHECK_INT(answer.status, 401);
}

TEST(a_replay_over_the_fleet_names_the_machines_whose_answer_would_change)
{
    FIXTURE(f);
    struct test_vm *good = fixture_vm(&f, "a-good"), *off = fixture_vm(&f, "b-off");
    struct answer answer;
    bool changed;

    CHECK(fixture_vm(&f, "c-silent") != NULL);
    CHECK(attest_once(&f, good, NULL));
    REQUIRE(fixture_reboot(&f, off, &(struct boot_shape){ .secure_boot_off = true }));
    CHECK(!attest_once(&f, off, NULL));
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\"}", PERMIT_ALL);
    CHECK_INT(answer.status, 200);
    REQUIRE(json_get(answer.json, "value")->array.n == 2);
    CHECK_STRING(word(&f, item(&answer, 0), "name"), "a-good");
    CHECK(json_as_boolean(json_get(item(&answer, 0), "changed"), &changed) && !changed);
    CHECK(json_as_boolean(json_get(item(&answer, 1), "changed"), &changed) && changed);
    CHECK_STRING(word(&f, json_get(item(&answer, 1), "before"), "decision"), "denied");
    CHECK_STRING(word(&f, json_get(item(&answer, 1), "after"), "decision"), "permitted");
    CHECK_INT(json_get(answer.json, "withoutEvidence")->array.n, 1);
    CHECK(!json_get(answer.json, "next"));
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\",\"top\":1}", DENY_ALL);
    CHECK_STRING(word(&f, answer.json, "next"), "a-good");
    CHECK(json_as_boolean(json_get(item(&answer, 0), "changed"), &changed) && changed);
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\",\"top\":1,\"after\":\"a-good\"}", DENY_ALL);
    CHECK_STRING(word(&f, item(&answer, 0), "name"), "b-off");
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\",\"top\":101}", DENY_ALL);
    CHECK_INT(answer.status, 400);
    fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{}");
    CHECK_INT(answer.status, 400);
}

/* The answers are about every VM of the server, and a policy can be written to ask anything of their evidence. */
TEST(a_caller_for_one_provider_gets_no_answers_about_the_fleet)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct call call = { .path = "/providers/one/policies/Tpm:replay" FIXTURE_API,
                         .body = BYTES_LIT("{\"policy\":\"" PERMIT_ALL "\"}"),
                         .as = HTTP_OWNER,
                         .scope = "provider/one" };
    struct answer answer;

    CHECK(attest_once(&f, vm, NULL));
    fixture_ask(&f, &answer, "PUT", "/v1/providers/one", "{\"location\":\"x\",\"properties\":{}}");
    fixture_call(&f, &call, &answer);
    CHECK_INT(answer.status, 401);
    CHECK(!json_get(answer.json, "value"));
    call.scope = NULL;
    fixture_call(&f, &call, &answer);
    CHECK_INT(answer.status, 200);
    call.scope = "provider/one"; /* what such a caller brings along may be tried */
    call.path = "/providers/one/policies/Tpm:dryRun" FIXTURE_API;
    call.body = BYTES_LIT("{\"policy\":\"" PERMIT_ALL "\",\"evidence\":{\"version\":1}}");
    fixture_call(&f, &call, &answer);
    CHECK_INT(answer.status, 200);
}

TEST(old_evidence_is_judged_by_the_roots_in_force_and_at_its_own_time)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    CHECK(attest_once(&f, vm, NULL));
    fixture_time += INT64_C(86400000) * 800; /* its certificate has expired since */
    fixture_ask(&f, &answer, "PUT", "/v1/providers/one", "{\"location\":\"x\",\"properties\":{}}");
    fixture_ask(&f, &answer, "POST", "/providers/one/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\"}", PERMIT_ALL);
    CHECK_STRING(word(&f, json_get(item(&answer, 0), "after"), "decision"), "permitted");
    fixture_ask(&f, &answer, "PATCH", "/v1/providers/one", "{\"properties\":{\"trueboot\":{\"serverAkCa\":\"Disabled\"}}}");
    fixture_ask(&f, &answer, "POST", "/providers/one/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\"}", PERMIT_ALL);
    CHECK_STRING(word(&f, json_get(item(&answer, 0), "after"), "decision"), "not decided");
}

/* ---- with an attestation ------------------------------------------------------------------------------------------------ */

static void send_with_draft(struct fixture *f, struct attestation *t, const char *draft, enum http_role as, struct answer *ret)
{
    struct bytes body = attestation_envelope(&f->a, attestation_message(t), false);
    const char *text = arena_printf(&f->a, "%.*s,\"draftPolicyForAttestation\":%s}", BYTES_FMT(bytes_slice(body, 0, body.len - 1)), draft);

    fixture_call(f, &(struct call){ .path = "/attest/Tpm" FIXTURE_API, .body = bytes_of_string(text), .as = as }, ret);
}

TEST(a_draft_policy_with_an_attestation_wants_a_reader_makes_an_unsecured_report_and_leaves_no_record)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;
    const char *verdict;
    struct bytes token;

    REQUIRE(attestation_begin(&f, vm, &t));
    send_with_draft(&f, &t, "\"" PERMIT_ALL "\"", HTTP_ANONYMOUS, &answer);
    CHECK_INT(answer.status, 401);
    send_with_draft(&f, &t, "\"version=1.0\"", HTTP_READER, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "PolicyParsingError");
    send_with_draft(&f, &t, "7", HTTP_READER, &answer);
    CHECK_INT(answer.status, 400);
    send_with_draft(&f, &t, "\"" PERMIT_ALL "\"", HTTP_READER, &answer);
    CHECK_INT(answer.status, 200);
    token = answer_token(&f, &answer);
    CHECK(bytes_starts_with(token, BYTES_LIT("eyJhbGciOiJub25lIn0.")) && bytes_ends_with(token, BYTES_LIT(".")));
    CHECK_INT(fixture_appraisals(&f, vm->uuid, &verdict), 0);
    REQUIRE(attestation_begin(&f, vm, &t));
    send_with_draft(&f, &t, "\"" DENY_ALL "\"", HTTP_READER, &answer);
    CHECK_STRING(answer.code, "PolicyEvaluationError");
    REQUIRE(attestation_begin(&f, vm, &t));
    send_with_draft(&f, &t, "null", HTTP_ANONYMOUS, &answer); /* none: as without */
    CHECK_INT(answer.status, 200);
    CHECK(!bytes_starts_with(answer_token(&f, &answer), BYTES_LIT("eyJhbGciOiJub25lIn0.")));
}
