/* One attestation, from message to token and record (attestation-service.md 6.1 to 6.6). */
#include "attestation/protocol/record.h"
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static void show(const struct answer *answer)
{
    if (answer->status != 200)
        test_note("%u %s %s: %s", answer->status, answer->code, answer->inner, answer->message);
}

TEST(a_sound_boot_gets_a_token_and_a_healthy_record)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;
    const char *verdict;

    REQUIRE(attestation_begin(&f, vm, &t));
    attestation_send(&t, &answer);
    show(&answer);
    REQUIRE(answer.status == 200);
    CHECK(answer_token(&f, &answer).len > 0);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, &verdict), 1);
    CHECK_STRING(verdict, "Healthy");
}

#define KERNEL_HEAD \
    ",\"trueboot\":{\"kernel\":{\"schema\":1,\"lockdown\":\"none\",\"sigEnforce\":false,\"modulesDisabled\":false,\"taint\":8192,"
#define KERNEL_WORDS                                                                                                               \
    KERNEL_HEAD "\"tainting\":[{\"module\":\"evil\",\"flags\":\"E\"}],\"refused\":[{\"module\":\"worse\",\"reason\":\"unsigned\"," \
                "\"times\":1}],\"more\":false}}"

TEST(a_guests_own_words_about_its_kernel_are_noted_as_such_and_decide_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;
    const struct json *state;
    const char *verdict, *text;
    static const char *const ids[] = { "os.module_unsigned", "os.module_refused", "os.lockdown_off", "os.module_signatures_not_enforced" };

    REQUIRE(vm && attestation_begin(&f, vm, &t));
    t.more_att = KERNEL_WORDS;
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(fixture_appraisals(&f, vm->uuid, &verdict) == 1 && strcmp(verdict, "Healthy") == 0);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK_INT(answer.status, 200);
    state = json_at(answer.json, "properties", "trueboot", "lastVerdict", "kernelState", NULL);
    CHECK(json_is_string(json_at(state, "lockdown", "is", NULL), "none") && json_at(state, "lockdown", "proved", NULL)->boolean == false);
    CHECK(json_is_string(json_at(state, "moduleSignatures", "is", NULL), "not enforced"));
    CHECK(json_is_string(json_at(state, "taint", "is", NULL), "an unsigned module was loaded"));
    text = json_to_string(&f.a, answer.json, JSON_COMPACT);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        CHECK(text && strstr(text, ids[i]) != NULL);
}

TEST(only_an_agent_that_asks_is_told_what_is_ours)
{
    FIXTURE(f);
    static const struct {
        const char *envelope;
        bool offered;
    } rows[] = {
        { "{\"payload\":{\"type\":\"aikcert\"}}", false },
        { "{\"payload\":{\"type\":\"aikcert\"},\"metadata\":{\"agent\":\"x\"}}", false },
        { "{\"payload\":{\"type\":\"aikcert\"},\"metadata\":{\"trueboot\":1}}", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct bytes text;
        struct err err = ERR_INIT;
        struct answer answer;
        write_string(&w, "{\"data\":\"");
        base64_write(&w, BASE64_URL, bytes_of_string(rows[i].envelope));
        write_string(&w, "\"}");
        attest_post(&f, writer_bytes(&w), &answer);
        CHECK_INT(answer.status, 200);
        REQUIRE(base64_decode_any(&f.a, json_text(json_get(answer.json, "data"), BYTES_NONE), &text, &err));
        CHECK((bytes_find(text, BYTES_LIT("\"trueboot\":{\"kernel\":true")) != SIZE_MAX) == rows[i].offered);
        CHECK((bytes_find(text, BYTES_LIT("trueboot")) != SIZE_MAX) == rows[i].offered);
        for (const char *const *name = (const char *const[]){ "RS256", "PS256", "ES256", "ES384", "ES512", NULL }; *name; name++)
            CHECK((bytes_find(text, bytes_of_string(arena_printf(&f.a, "\"%s\"", *name))) != SIZE_MAX) == rows[i].offered);
        for (const char *const *name = (const char *const[]){ "none", "HS256", "PS384", "RS512", NULL }; *name; name++)
            CHECK(bytes_find(text, bytes_of_string(arena_printf(&f.a, "\"%s\"", *name))) ==
                  SIZE_MAX); /* a challenge may have the letters */
    }
}

TEST(words_that_break_their_form_are_refused_with_their_place)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    static const char *const rows[][2] = {
        { ",\"trueboot\":[]", "trueboot is not an object" },
        { ",\"trueboot\":{\"kernel\":{\"schema\":1,\"tainting\":7}}", "trueboot.kernel: \"tainting\"" },
    };
    struct attestation t;
    struct answer answer;

    REQUIRE(vm);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        REQUIRE(attestation_begin(&f, vm, &t));
        t.more_att = rows[i][0];
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, 400);
        if (!strstr(answer.message, rows[i][1]))
            test_note("%s", answer.message);
        CHECK(strstr(answer.message, rows[i][1]) != NULL);
    }
    REQUIRE(attestation_begin(&f, vm, &t));
    t.more_att = ",\"trueboot\":{\"kernel\":{\"schema\":2,\"mood\":7}}"; /* of a later agent */
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 200);
}

/* What a tenant's own policy says must neither help nor harm a VM. */
TEST(only_the_shared_providers_attestations_leave_a_record)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    static const char *const at[] = { "/providers/myprov", "" };
    struct attestation t;
    struct answer answer;

    REQUIRE(vm && fixture_provider(&f, "myprov", "original", "version=1.0; authorizationrules { => permit(); }; issuancerules {};"));
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        f.at = at[i];
        REQUIRE(attestation_begin(&f, vm, &t));
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, 200);
        CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), i);
    }
}
