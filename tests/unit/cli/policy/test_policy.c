/* trueboot policy: what can be done without a server. */
#include <stdlib.h>
#include "run.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static const char *policy_file(struct fixture *f, const char *text) { return temporary_file(&f->a, "some.policy", bytes_of_string(text)); }

/* The evidence of one sound boot as the server keeps it, and the CA of its attestation key. */
static bool saved_evidence(struct fixture *f, const char **ret_evidence, const char **ret_ca)
{
    struct test_vm *vm = fixture_vm(f, "web1");
    struct store_appraisal appraisal;
    struct err err = ERR_INIT;
    struct bytes evidence;

    if (!attest_once(f, vm, NULL) || !store_appraisal_latest(f->store, &f->a, vm->uuid, &appraisal, &err) ||
        !store_evidence_get(f->store, &f->a, vm->uuid, appraisal.id, &evidence, &err)) {
        test_note("%s", err.text);
        return false;
    }
    *ret_evidence = temporary_file(&f->a, "web1.evidence.json", evidence);
    *ret_ca = temporary_file(&f->a, "ak-ca.pem", bytes_of_string(cert_pem(ca_cert(f->ak_ca, 0), &f->a)));
    return *ret_evidence && *ret_ca;
}

static struct ran test_policy(struct fixture *f, const char *text, const char *evidence, const char *ca, const char *output)
{
    struct command c = { .n = 0 };

    command_add(&c, "policy", "test", policy_file(f, text), "--evidence", evidence, "--ak-root", ca, "--as-of", "2026-11-21T12:00:00Z",
                "-o", output, NULL);
    return run(&f->a, &c, NULL);
}

static bool says(struct bytes text, const char *words) { return bytes_find(text, bytes_of_string(words)) != SIZE_MAX; }

TEST(lint_counts_rules_or_shows_the_place_with_a_caret)
{
    FIXTURE(f);
    struct command good = { .n = 0 }, bad = { .n = 0 };
    struct ran r;

    command_add(&good, "policy", "lint", policy_file(&f, "version=1.2; authorizationrules{ => permit(); };"), "-o", "json", NULL);
    r = run(&f.a, &good, NULL);
    CHECK_INT(r.code, 0);
    CHECK(json_is_string(json_get(run_json(&f.a, &r), "version"), "1.2"));
    command_add(&bad, "policy", "lint", policy_file(&f, "version=1.2;\nauthorizationrules{ => allow(); };"), NULL);
    r = run(&f.a, &bad, NULL);
    CHECK_INT(r.code, 1);
    CHECK(says(r.error, "line 2") && says(r.error, "\n  authorizationrules{ => allow(); };\n") && says(r.error, "^"));
}

TEST(a_policy_may_come_from_standard_input_and_a_file_that_is_not_there_is_an_error_of_the_command)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct command good = { .n = 0 }, missing = { .n = 0 };
    struct ran r;

    command_add(&good, "policy", "lint", "-", "-o", "json", NULL);
    r = run(&a, &good, "version=1.1; authorizationrules{ => permit(); };");
    CHECK_INT(r.code, 0);
    CHECK(json_is_string(json_get(run_json(&a, &r), "version"), "1.1"));
    command_add(&missing, "policy", "lint", "/nowhere/a.policy", NULL);
    r = run(&a, &missing, NULL);
    CHECK_INT(r.code, 1); /* 3 means that the server knows no such thing */
    CHECK(says(r.error, "/nowhere/a.policy"));
}

TEST(lint_shows_what_is_hardly_meant_and_can_be_strict)
{
    static const char text[] = "version=1.2;\nauthorizationrules {\n\t[type==\"secureBootEnabld\"] => deny();\n\t=> permit();\n};";
    FIXTURE(f);

    for (int strict = 0; strict < 2; strict++) {
        struct command c = { .n = 0 };
        struct ran r;
        command_add(&c, "policy", "lint", policy_file(&f, text), "-o", "table", strict ? "--strict" : NULL, NULL);
        r = run(&f.a, &c, NULL);
        CHECK_INT(r.code, strict ? 10 : 0);
        CHECK_BYTES(r.out,
                    BYTES_LIT("authorizationrules rule 1, line 3, column 9: neither the service nor a rule makes a claim secureBootEnabld, "
                              "is it secureBootEnabled: the rule never fires\n"
                              "   [type==\"secureBootEnabld\"] => deny();\n"
                              "          ^\n"
                              "  fix: write secureBootEnabled\n"
                              "version 1.2, 0 configurationrules, 2 authorizationrules, 0 issuancerules, 1 warning\n"));
    }
}

TEST(evidence_may_stand_without_its_option_and_something_must_be_there)
{
    static const char policy[] = "version=1.0;authorizationrules{=>permit();};issuancerules{};";
    FIXTURE(f);
    const char *evidence, *ca;

    REQUIRE(saved_evidence(&f, &evidence, &ca));
    for (int n = 0; n < 3; n++) {
        struct command c = { .n = 0 };
        struct ran r;

        command_add(&c, "policy", "test", policy_file(&f, policy), "--as-of", "2026-11-21T12:00:00Z", "-o", "json", NULL);
        for (int i = 0; i < n; i++)
            command_add(&c, evidence, NULL);
        r = run(&f.a, &c, NULL);
        CHECK_INT(r.code, n ? 0 : 2);
        CHECK(n || bytes_find(r.error, bytes_of_string("files of evidence")) != SIZE_MAX);
    }
}

TEST(a_policy_is_tried_on_saved_evidence_rule_by_rule)
{
    static const char policy[] = "version= 1.2;\n"
                                 "authorizationrules{\n"
                                 "    [type==\"secureBootEnabled\", value==false] => deny();\n"
                                 "    [type==\"secureBootEnabled\", value==true] => permit();\n"
                                 "};\n"
                                 "issuancerules{\n"
                                 "    c:[type==\"secureBootEnabled\"] => issue(claim=c);\n"
                                 "};\n";
    FIXTURE(f);
    const char *evidence, *ca;
    const struct json *one, *rules;
    bool fired = true;
    int64_t line;
    struct ran r;

    REQUIRE(saved_evidence(&f, &evidence, &ca));
    r = test_policy(&f, policy, evidence, ca, "json");
    CHECK_INT(r.code, 0);
    one = run_json(&f.a, &r);
    REQUIRE(one && one->type == JSON_ARRAY && one->array.n == 1);
    one = one->array.items[0];
    CHECK(json_is_string(json_get(one, "decision"), "permitted"));
    rules = json_get(one, "rules");
    REQUIRE(rules && rules->array.n == 3);
    CHECK(json_as_boolean(json_get(rules->array.items[0], "fired"), &fired) && !fired);
    CHECK(json_as_integer(json_get(rules->array.items[0], "unmetLine"), &line) && line == 3);
    CHECK(json_as_boolean(json_get(rules->array.items[1], "fired"), &fired) && fired);
    CHECK_INT(json_get(one, "claims")->array.n, 1);
    r = test_policy(&f, policy, evidence, ca, "table");
    CHECK(says(r.out, ": permitted\n") && says(r.out, "authorizationrules rule 2, line 4: permit fired\n") &&
          says(r.out, "authorizationrules rule 1, line 3: deny did not fire\n"
                      "      no   [type==\"secureBootEnabled\", value==false]\n"
                      "           value==false does not hold for secureBootEnabled = true (AttestationService)\n") &&
          says(r.out, "  in the token:\n    secureBootEnabled = true\n"));
}

TEST(a_policy_that_denies_or_never_permits_exits_with_ten)
{
    static const struct {
        const char *policy, *words;
    } rows[] = {
        { "version=1.0; authorizationrules{ => deny(); };", "A Deny claim was issued, authorization failed." },
        { "version=1.0; authorizationrules{ };", "denied" },
    };
    FIXTURE(f);
    const char *evidence, *ca;

    REQUIRE(saved_evidence(&f, &evidence, &ca));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ran r = test_policy(&f, rows[i].policy, evidence, ca, "table");
        CHECK_INT(r.code, 10);
        CHECK(says(r.out, rows[i].words));
    }
}
