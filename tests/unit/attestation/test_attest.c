/* One attestation, from message to token and record (attestation-service.md 6.1 to 6.6). */
#include "attestation/record.h"
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
