/* Evidence of the boot beside the current one (attestation-service.md 6.5 step 11). */
#include "jose/jwk.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static void add_boot(struct attestation *t, const struct test_boot *boot, const struct privkey *key)
{
    t->more_tpm = arena_printf(t->a, ",\"boot_attestation\":%s", attestation_object(t, boot, key, BYTES_LIT("of then")));
}

TEST(evidence_of_this_boot_is_accepted_although_it_is_not_fresh)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    REQUIRE(vm && attestation_begin(&f, vm, &t));
    add_boot(&t, &vm->boot, vm->ak);
    attestation_send(&t, &answer);
    CHECK_STRING(answer.message, "");
    CHECK_INT(answer.status, 200);
}

static void another_reset(struct test_boot *b) { b->clock.reset_count--; }
static void a_later_clock(struct test_boot *b) { b->clock.clock_ms += 1; }
static void a_register_that_the_log_does_not_give(struct test_boot *b) { b->registers.banks[0].value[4].value[0] ^= 1; }
static void no_register_0(struct test_boot *b)
{
    for (size_t i = 0; i < b->registers.n_banks; i++)
        b->registers.banks[i].present &= ~1u;
}
static void no_log(struct test_boot *b) { b->log = BYTES_NONE; }

TEST(evidence_of_another_boot_or_that_does_not_hold_is_refused)
{
    static const struct {
        const char *inner;
        void (*change)(struct test_boot *b);
    } rows[] = {
        { "boot_attestation.other_boot", another_reset },
        { "boot_attestation.other_boot", a_later_clock },
        { "log.replay_mismatch", a_register_that_the_log_does_not_give },
        { "quote.pcr_missing", no_register_0 },
        { "log.missing", no_log },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    REQUIRE(vm);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct test_boot *boot = arena_alloc(&f.a, sizeof *boot);
        struct attestation t;
        struct answer answer;
        REQUIRE(boot && attestation_begin(&f, vm, &t));
        *boot = vm->boot;
        rows[i].change(boot);
        add_boot(&t, boot, vm->ak);
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.inner, rows[i].inner);
        CHECK(strstr(answer.message, "boot_attestation") != NULL);
    }
}

TEST(evidence_of_the_boot_by_another_key_is_refused)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct privkey *other = test_key(PRIVKEY_P256, 28);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct attestation t;
    struct answer answer;

    REQUIRE(vm && attestation_begin(&f, vm, &t));
    add_boot(&t, &vm->boot, other); /* with the VM's certificate */
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "quote.signature");

    REQUIRE(attestation_begin(&f, vm, &t));
    json_begin_object(&out, NULL);
    jwk_write_key(&out, privkey_public(other));
    json_end(&out);
    t.aik_cert = BYTES_NONE;
    t.aik_pub = arena_string(t.a, writer_bytes(&w));
    add_boot(&t, &vm->boot, other);
    t.aik_cert = vm->ak_cert;
    t.aik_pub = NULL;
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "boot_attestation.other_key");
}
