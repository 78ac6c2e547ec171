/* trueboot evidence claims over recorded evidence. */
#include <unistd.h>
#include "base/file.h"
#include "json/write.h"
#include "policy/claim_list.h"
#include "run.h"
#include "support/test.h"
#include "x509/ca.h"

#define BOOTS SOURCE_ROOT "/tests/data/boots/"

static struct ran claims(struct arena *a, const char *file, const char *first, const char *second)
{
    struct command c = { .n = 0 };

    command_add(&c, "evidence", "claims", file, NULL);
    if (first)
        command_add(&c, first, second, NULL);
    return run(a, &c, NULL);
}

static const struct json *named(const struct json *list, const char *name)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++)
        if (json_is_string(json_get(list->array.items[i], "claim"), name))
            return list->array.items[i];
    return NULL;
}

static const char *text_of(struct arena *a, const struct json *v, const char *member)
{
    const struct json *found = json_get(v, member);
    return found ? json_to_string(a, found, JSON_COMPACT) : "nothing";
}

TEST(every_claim_is_there_with_the_event_that_it_rests_on)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = claims(&a, BOOTS "clean.evidence.json", "-o", "json");
    const struct json *list = run_json(&a, &r);

    CHECK_INT(r.code, 0);
    REQUIRE(list);
    for (int i = 0; i < CLAIM_COUNT; i++)
        if (service_claims[i].evidence == CLAIM_EVIDENCE_TPM) {
            const struct json *one = named(list, service_claims[i].name);
            CHECK(one && json_get(one, "value") && json_get(one, "restsOn"));
            CHECK(one && (json_get(one, "restsOn")->array.n || json_get(one, "why")->type == JSON_STRING));
            CHECK_STRING(text_of(&a, one, "type"), arena_printf(&a, "\"%s\"", service_claim_type_text(&a, &service_claims[i])));
        }
    CHECK_STRING(text_of(&a, named(list, "secureBootEnabled"), "value"), "true");
    CHECK_STRING(text_of(&a, named(list, "secureBootEnabled"), "restsOn"),
                 "[{\"event\":4,\"register\":7,\"type\":\"EV_EFI_VARIABLE_DRIVER_CONFIG\",\"says\":\"the value 1\"}]");
    CHECK_STRING(text_of(&a, named(list, "secureBootEnabled"), "why"), "null");
    CHECK_STRING(text_of(&a, named(list, "trueboot.commandLine"), "restsOn"), "[{\"event\":44,\"register\":8,\"type\":\"EV_IPL\"}]");
    CHECK_STRING(text_of(&a, named(list, "bootEvents"), "value"), "null");
    CHECK(named(list, "events") && json_get(named(list, "events"), "restsOn")->array.n == 37);
}

TEST(a_claim_that_is_false_says_why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = claims(&a, BOOTS "secureboot-off.evidence.json", "-o", "json");
    const struct json *list = run_json(&a, &r);

    REQUIRE(r.code == 0 && list);
    CHECK_STRING(text_of(&a, named(list, "secureBootEnabled"), "value"), "false");
    CHECK_STRING(text_of(&a, named(list, "secureBootEnabled"), "why"), "\"only the value 1 is on\"");
    CHECK_STRING(text_of(&a, named(list, "aikValidated"), "why"),
                 "\"no roots were named (--ak-root), so that nothing vouches for the attestation key\"");
    CHECK_STRING(text_of(&a, named(list, "bootDebuggingDisabled"), "why"), "\"no record of Windows speaks of it\"");
}

TEST(the_table_is_for_people)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = claims(&a, BOOTS "secureboot-off.evidence.json", "-o", "table");

    CHECK_INT(r.code, 0);
    CHECK(bytes_find(r.out, BYTES_LIT("event 4 in register 7, EV_EFI_VARIABLE_DRIVER_CONFIG: the value 0; only the value 1 is on")) !=
          SIZE_MAX);
    CHECK(bytes_find(r.out, BYTES_LIT(" bytes)")) != SIZE_MAX); /* long values are cut */
}

TEST(nothing_is_claimed_about_evidence_whose_quote_does_not_hold)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = claims(&a, BOOTS "clean.evidence.json", "--nonce", "00");

    CHECK_INT(r.code, 10);
    CHECK_INT(r.out.len, 0);
    CHECK(bytes_find(r.error, BYTES_LIT("nothing is claimed")) != SIZE_MAX);
    CHECK_INT(claims(&a, BOOTS "no-such.evidence.json", NULL, NULL).code, 1);
    CHECK_INT(claims(&a, BOOTS "clean.log", NULL, NULL).code, 1);
}

/* A CA that has vouched for nothing. */
static const char *other_root(struct arena *a)
{
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct err err = ERR_INIT;
    struct bytes key, pem;

    if (!ca_new("another CA", 1700000000000, &ca, &err) || !ca_save(ca, a, &key, &pem, &err) ||
        !file_write("another-ca.pem", pem, 0600, &err))
        test_note("%s", err.text);
    return "another-ca.pem";
}

/* ---- a real request of POST /attest/AzureGuest ---- */

TEST(every_claim_of_a_guest_request_is_there_whether_it_is_the_body_or_what_it_holds)
{
    static const char *const files[] = { "azureguest/request-Linux.json", "azureguest/attestationinfo-Linux.json" };

    if (!shared_data(files[0]))
        SKIP("no shared data");
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct ran r = claims(&a, shared_data(files[f]), "-o", "json");
        const struct json *list = run_json(&a, &r);

        CHECK_INT(r.code, 0);
        CHECK(bytes_find(r.error, BYTES_LIT("taken as trusted")) != SIZE_MAX);
        REQUIRE(list);
        for (int i = 0; i < CLAIM_COUNT; i++) {
            const struct json *one = named(list, service_claims[i].name);
            CHECK((one != NULL) == (service_claims[i].evidence == CLAIM_EVIDENCE_AZUREGUEST));
            CHECK(!one || json_get(one, "restsOn")->array.n || json_get(one, "why")->type == JSON_STRING);
        }
        CHECK_STRING(text_of(&a, named(list, "secureboot"), "value"), "true");
        CHECK_STRING(text_of(&a, named(list, "secureboot"), "restsOn"),
                     "[{\"event\":3,\"register\":7,\"type\":\"EV_EFI_VARIABLE_DRIVER_CONFIG\",\"says\":\"the value 1\"}]");
        CHECK_STRING(text_of(&a, named(list, "x-ms-azurevm-vmid"), "value"), "\"BE25CBE4-4816-4404-8A45-CE42B86C4294\"");
        CHECK_STRING(text_of(&a, named(list, "x-ms-azurevm-bootdebug-enabled"), "why"), "\"no record of Windows speaks of it\"");
        CHECK_STRING(text_of(&a, named(list, "x-ms-policy-hash"), "value"), "null");
    }
}

TEST(a_guest_request_is_judged_by_the_roots_that_are_named_and_claims_nothing_when_it_does_not_hold)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *shared = shared_data("azureguest/attestationinfo-Linux.json"), *changed = "changed-guest-request.json", *request;
    struct bytes text;
    struct err err = ERR_INIT;
    struct ran r;
    size_t at;

    if (!shared)
        SKIP("no shared data");
    request = arena_string(&a, bytes_of_string(shared));
    r = claims(&a, request, "--ak-root", shared_data("azureguest/aikcert-Linux.der"));
    CHECK_INT(r.code, 0); /* a pin */
    CHECK(bytes_find(r.error, BYTES_LIT("taken as trusted")) == SIZE_MAX);
    r = claims(&a, request, "--ak-root", other_root(&a));
    unlink("another-ca.pem");
    CHECK_INT(r.code, 10);
    CHECK(r.out.len == 0 && bytes_find(r.error, BYTES_LIT("nothing is claimed")) != SIZE_MAX);

    REQUIRE_OK(file_read_in(&a, request, 1 << 20, &text, &err), err);
    at = bytes_find(text, BYTES_LIT("\"PcrSignature\" : \"")) + 20;
    ((uint8_t *)(uintptr_t)text.data)[at] ^= 1; /* another letter of base64 */
    REQUIRE_OK(file_write(changed, text, 0600, &err), err);
    r = claims(&a, changed, "-o", "json");
    CHECK_INT(r.code, 10);
    CHECK_INT(r.out.len, 0);
    unlink(changed);
}
