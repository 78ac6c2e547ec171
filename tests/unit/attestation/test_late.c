/* Wherever in a call its time is up: 503, nothing stored, and the next call has its own (attestation-service.md 13.3). */
#include <stdio.h>
#include "support/attestation_fixture.h"
#include "support/late.h"
#include "support/test.h"

enum { PLACES_MAX = 32, LOOKS_MAX = 3000 };

/* What was being done when the time was up: "given up while …". */
struct places {
    char text[PLACES_MAX][80];
    size_t n;
};

static void note_place(struct places *p, const char *message)
{
    const char *at = strstr(message, "given up while ");
    char text[80];

    if (!at)
        return;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at + 15, ";"), at + 15);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->text[i], text) == 0)
            return;
    if (p->n < PLACES_MAX)
        memcpy(p->text[p->n++], text, sizeof text);
}

static void check_places(const struct places *p, const char *const *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool found = false;

        for (size_t j = 0; j < p->n; j++)
            found = found || strcmp(p->text[j], wanted[i]) == 0;
        test_note("%s", wanted[i]);
        CHECK(found);
    }
}

static bool is_late(const struct answer *answer)
{
    return answer->status == 503 && strcmp(answer->code, "ServiceUnavailable") == 0 && strstr(answer->message, "takes too long") != NULL;
}

/* Enough work for the clock to be looked at within it, several times. */
static const char *long_policy(struct fixture *f)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_string(&w, "version=1.2; authorizationrules{ => permit(); }; issuancerules{");
    for (int i = 0; i < 60; i++)
        write_string(&w, "c:[type==\"events\"] => issue(type=\"n\", value=JsonToClaimValue(JmesPath(c.value, \"length(Events[?PcrIndex==`7`"
                         " && ProcessedData.UnicodeName=='SecureBoot'])\")));");
    write_string(&w, "};");
    return arena_printf(&f->a, "%.*s", BYTES_FMT(writer_bytes(&w)));
}

TEST(wherever_in_an_attestation_the_time_is_up_it_is_503_and_no_record_stays)
{
    static const char *const wanted[] = { "asking the database", "replaying an event log", "reading what was measured" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct places places = { .n = 0 };
    struct answer answer = { 0 };
    size_t in_doubt = 0;
    long looks = 0;

    for (; looks < LOOKS_MAX; looks++) {
        struct attestation t;
        const char *message;
        struct bytes body;

        REQUIRE(attestation_begin(&f, vm, &t));
        message = attestation_message(&t);
        body = attestation_envelope(&f.a, message, false);
        late_after(looks);
        attest_post(&f, body, &answer);
        late_end();
        if (answer.status == 200)
            break;
        if (!is_late(&answer))
            test_note("after %ld looks: %u %s", looks, answer.status, answer.message);
        REQUIRE(is_late(&answer));
        note_place(&places, answer.message);
        in_doubt += strstr(answer.message, "may be stored") != NULL; /* the commit was under way when the time was up */
        CHECK(fixture_appraisals(&f, vm->uuid, NULL) <= in_doubt);
    }
    CHECK_INT(answer.status, 200);
    CHECK(answer_token(&f, &answer).len > 0);
    check_places(&places, wanted, ARRAY_LEN(wanted));
}

TEST(a_policy_that_takes_too_long_is_503_and_not_a_refusal)
{
    static const char *const wanted[] = { "listing events for a policy" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct places places = { .n = 0 };
    struct answer answer = { 0 };
    bool query = false;

    REQUIRE(fixture_provider(&f, "slow", "original", long_policy(&f)));
    for (long looks = 0; looks < LOOKS_MAX && answer.status != 200; looks++) {
        struct attestation t;
        struct bytes body;

        REQUIRE(attestation_begin(&f, vm, &t));
        body = attestation_envelope(&f.a, attestation_message(&t), false);
        late_after(looks);
        attest_post(&f, body, &answer);
        late_end();
        REQUIRE(answer.status == 200 || is_late(&answer));
        query = query || strstr(answer.message, "given up while evaluating a query");
        note_place(&places, answer.message);
    }
    CHECK_INT(answer.status, 200);
    CHECK(query);
    check_places(&places, wanted, ARRAY_LEN(wanted));
}

TEST(trying_a_policy_on_the_whole_fleet_ends_when_its_time_is_up)
{
    FIXTURE(f);
    struct answer answer = { 0 };
    size_t late = 0;

    for (int i = 0; i < 3; i++)
        CHECK(attest_once(&f, fixture_vm(&f, arena_printf(&f.a, "web%d", i)), NULL));
    for (long looks = 0; looks < LOOKS_MAX && answer.status != 200; looks += 5) {
        late_after(looks);
        fixture_ask(&f, &answer, "POST", "/policies/Tpm:replay" FIXTURE_API, "{\"policy\":\"%s\"}",
                    "version=1.0; authorizationrules{ => permit(); };");
        late_end();
        REQUIRE(answer.status == 200 || is_late(&answer));
        late += answer.status != 200;
    }
    CHECK_INT(json_get(answer.json, "examined")->number.integer, 3);
    CHECK(late > 3);
}

/* Every route of the server that changes something: the time is up before, or while, its handler asks the database. */
TEST(a_change_whose_time_is_up_leaves_the_inventory_as_it_was)
{
    FIXTURE(f);
    struct answer answer = { 0 };
    long looks = 0;

    for (; looks < LOOKS_MAX && answer.status != 201; looks++) {
        late_after(looks);
        fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"uuid\":\"11111111-1111-4111-8111-%012ld\",\"name\":\"vm%ld\"}", looks, looks);
        late_end();
        REQUIRE(answer.status == 201 || is_late(&answer) || strstr(answer.message, "may be stored"));
        if (answer.status == 503 && !strstr(answer.message, "may be stored")) {
            fixture_ask(&f, &answer, "GET", arena_printf(&f.a, "/v1/vms/vm%ld", looks), NULL);
            CHECK_INT(answer.status, 404);
        }
    }
    CHECK(looks > 2 && answer.status == 201);
}
