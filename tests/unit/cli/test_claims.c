/* trueboot evidence claims over recorded evidence. */
#include "json/write.h"
#include "policy/claim_list.h"
#include "run.h"
#include "support/test.h"

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
