/* Attack suite 4.1: quotes. */
#include "attack.h"
#include <stdlib.h>
#include "tpm/public.h"

/* Nothing behind a refused quote may be looked at: no boot chain, no claims, no registers. */
static bool nothing_believed(const struct attack *x)
{
    return !x->out.appraisal.quote_verified && !x->out.quote && !x->out.chain && !x->out.outcome &&
           x->out.appraisal.boot.registers.n_banks == 0 && x->out.appraisal.boot.components.n == 0 &&
           x->out.appraisal.facts.secure_boot == SECURE_BOOT_UNKNOWN;
}

#define CHECK_QUOTE_REFUSED(x, id)   \
    do {                             \
        CHECK_NEVER_HEALTHY(x, id);  \
        CHECK(nothing_believed(&x)); \
    } while (0)

TEST(Q0_sound_evidence_of_a_sound_boot_is_healthy)
{
    ATTACK(x);
    struct baseline baseline;

    CHECK_HEALTHY(x);
    REQUIRE_OK(attack_learn(&x, &baseline), x.err);
    x.baseline = &baseline;
    CHECK_HEALTHY(x);
}

TEST(Q1_a_signed_structure_that_does_not_begin_with_the_tpms_magic_is_refused)
{
    static const uint32_t magics[] = { 0, 1, 0xff544346, 0x474354ff, 0x00000000, 0xffffffff };

    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        ATTACK(x);
        x.quote.attest.magic = magics[i];
        CHECK_QUOTE_REFUSED(x, QUOTE_MAGIC);
    }
}

TEST(Q2_another_attestation_signed_by_the_key_is_not_a_quote)
{
    static const uint16_t types[] = { TPM_ST_ATTEST_NV,   TPM_ST_ATTEST_COMMAND_AUDIT, TPM_ST_ATTEST_SESSION_AUDIT, TPM_ST_ATTEST_CERTIFY,
                                      TPM_ST_ATTEST_TIME, TPM_ST_ATTEST_CREATION,      TPM_ST_ATTEST_NV_DIGEST,     0x8000 };
    uint8_t body[64] = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        ATTACK(x);
        x.quote.attest.type = types[i];
        x.quote.attest.other = BYTES_OF(body); /* whatever the type holds */
        if (types[i] == TPM_ST_ATTEST_CERTIFY)
            quote_builder_init_certify(&x.quote, x.key,
                                       BYTES_LIT("\0\x0b"
                                                 "12345678901234567890123456789012"),
                                       x.nonce);
        CHECK_QUOTE_REFUSED(x, QUOTE_TYPE);
    }
}

TEST(Q3_a_quote_over_other_registers_or_another_bank_than_shown_is_refused)
{
    static const uint32_t masks[] = { 0x7fffff, 0xfffffe, 0xffff7f, 0x000001, 0x00ffff };

    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        ATTACK(x);
        struct pcr_set shown = x.quoted;
        x.shown = &shown;
        attack_select(&x, masks[i]); /* fewer are signed than shown */
        CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    }
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        ATTACK(x);
        struct pcr_set shown = x.quoted;
        shown.banks[0].present = masks[i]; /* fewer are shown than signed */
        x.shown = &shown;
        CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    }
    {
        ATTACK(x);
        struct pcr_set shown = x.quoted;
        shown.banks[0].algorithm = DIGEST_SHA384; /* values of another bank than the quote's */
        x.shown = &shown;
        CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    }
    {
        static const enum digest_algorithm banks[] = { DIGEST_SHA256, DIGEST_SHA384 };
        ATTACK(x);
        struct pcr_set shown;
        REQUIRE_OK(attack_use_banks(&x, banks, 2), x.err);
        shown = x.quoted;
        shown.n_banks = 1; /* a bank left out */
        x.shown = &shown;
        CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    }
}

TEST(Q4_only_registers_that_the_quote_covers_are_believed)
{
    ATTACK(x);
    struct pcr_set shown = x.quoted;
    const struct pcr_bank *bank;

    /* Values of a register beyond the quote's. */
    attack_select(&x, 0x7fffff);
    x.shown = &shown;
    CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);

    /* An empty selection, with and without values. */
    attack_select(&x, 0);
    CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    x.shown = NULL;
    CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);
    x.quoted.n_banks = 0;
    quote_builder_init(&x.quote, x.key, &x.quoted, x.nonce);
    CHECK_QUOTE_REFUSED(x, QUOTE_SELECTION);

    /* Consistent, but without a register that the policy requires. */
    REQUIRE_OK(attack_measure(&x), x.err);
    attack_select(&x, 0xffff7f);
    CHECK_QUOTE_REFUSED(x, QUOTE_PCR_MISSING);

    /* Where the policy requires less, what is not covered is not there. */
    x.policy = "version= 1.2;\nconfigurationrules{\n => issueproperty(type=\"required_pcr_mask\", value=127);\n};\n"
               "authorizationrules{ => permit(); };\nissuancerules{};\n";
    attack_select(&x, 0x7f);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(x.out.appraisal.quote_verified);
    bank = pcr_bank_find(&x.out.appraisal.boot.registers, DIGEST_SHA256);
    CHECK(bank && bank->present == 0x7f);
    CHECK_INT(x.out.appraisal.facts.secure_boot, SECURE_BOOT_UNKNOWN); /* register 7 proves nothing any more */
    CHECK(x.verdict != VERDICT_HEALTHY && findings_have(&x.findings, FINDING_SECUREBOOT_UNPROVED));
}

/* One change for each check of a quote: none may be a line in a log only. */
static void break_magic(struct attack *x) { x->quote.attest.magic++; }
static void break_type(struct attack *x) { x->quote.attest.type = TPM_ST_ATTEST_CREATION; }
static void break_trailing(struct attack *x) { x->quote.trailing = BYTES_LIT("\0"); }
static void break_key(struct attack *x) { x->key = attack_other_key(); }
static void break_scheme(struct attack *x) { x->signature = BYTES_LIT("\x00\x14\x00\x0b\x00\x01\x01"); }
static void break_signature(struct attack *x) { x->signature = BYTES_LIT("garbage"); }
static void break_attest(struct attack *x) { x->attest = BYTES_LIT("\xff\x54\x43\x47\x80\x18"); }
static void break_nonce(struct attack *x) { x->quote.attest.extra_data = BYTES_LIT("recorded before"); }
static void break_selection(struct attack *x) { x->quote.attest.selection.banks[0].mask = 1; }
static void break_bank(struct attack *x) { x->quote.attest.selection.banks[0].hash_id = 0x0004; }
static void break_digest(struct attack *x) { x->quote.attest.pcr_digest = BYTES_LIT("12345678901234567890123456789012"); }

TEST(Q5_every_check_of_a_quote_that_fails_fails_the_verdict)
{
    static const struct {
        const char *what;
        void (*change)(struct attack *x);
        enum finding_id id;
    } cases[] = {
        { "magic", break_magic, FINDING_QUOTE_MAGIC },
        { "type", break_type, FINDING_QUOTE_TYPE },
        { "trailing byte", break_trailing, FINDING_QUOTE_MALFORMED },
        { "another key", break_key, FINDING_QUOTE_SIGNATURE },
        { "another scheme", break_scheme, FINDING_QUOTE_ALGORITHM },
        { "no signature", break_signature, FINDING_QUOTE_SIGNATURE },
        { "cut structure", break_attest, FINDING_QUOTE_MALFORMED },
        { "nonce", break_nonce, FINDING_QUOTE_NONCE },
        { "selection", break_selection, FINDING_QUOTE_SELECTION },
        { "bank", break_bank, FINDING_QUOTE_BANK },
        { "register digest", break_digest, FINDING_QUOTE_DIGEST },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ATTACK(x);
        cases[i].change(&x);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) && nothing_believed(&x) && findings_have(&x.findings, cases[i].id));
        CHECK(x.verdict == (cases[i].id == FINDING_QUOTE_DIGEST ? VERDICT_UNKNOWN : VERDICT_UNHEALTHY)); /* Q12 */
        if (test_failed()) {
            test_note("%s", cases[i].what);
            attack_show(&x);
        }
    }
    {
        ATTACK(x);
        x.ak_untrusted = true; /* a good signature of a key that nobody vouches for */
        CHECK_NEVER_HEALTHY(x, AK_UNTRUSTED);
    }
}

TEST(Q7_qualifying_data_of_another_length_is_refused)
{
    static const uint8_t padded[65] = { 0xc0, 0xff, 0xee };
    static const size_t lengths[] = { 0, 1, 3, 31, 33, 64, 65 };
    uint8_t longer[4096];

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        ATTACK(x);
        x.quote.attest.extra_data = (struct bytes){ padded, lengths[i] };
        CHECK_QUOTE_REFUSED(x, QUOTE_NONCE);
    }
    for (size_t i = 66; i <= sizeof longer; i *= 2) { /* beyond what a TPM can hold */
        ATTACK(x);
        memset(longer, 0, sizeof longer);
        x.quote.attest.extra_data = (struct bytes){ longer, i };
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) && nothing_believed(&x));
    }
    {
        ATTACK(x);
        x.nonce = BYTES_NONE; /* and an empty challenge does not mean any */
        CHECK_QUOTE_REFUSED(x, QUOTE_NONCE);
    }
}

static void check_keys_that_are_too_weak(void)
{
    uint8_t modulus[512];
    struct pubkey *key = NULL;
    struct tpm_public pub = { .type = TPM_ALG_ECC, .name_algorithm = DIGEST_SHA256, .ecc_x = { modulus, 24 }, .ecc_y = { modulus, 24 } };
    struct err err = ERR_INIT;

    memset(modulus, 0xd5, sizeof modulus);
    for (size_t len = 64; len < 256; len += 64) /* RSA-512 to RSA-1536 */
        CHECK(!pubkey_from_rsa((struct bytes){ modulus, len }, BYTES_LIT("\1\0\1"), &key, &err) && !key);
    CHECK(!pubkey_from_rsa((struct bytes){ modulus, 256 }, BYTES_LIT("\3"), &key, &err) && !key);
    CHECK(!pubkey_from_rsa((struct bytes){ modulus, 256 }, BYTES_LIT("\1"), &key, &err) && !key);
    for (uint16_t curve = 0; curve < 0x30; curve++) { /* 1: P-192, 2: P-224, 0x10: BN, 0x20: SM2 */
        pub.curve_id = curve;
        CHECK(!tpm_public_key(&pub, &key, &err) && !key);
    }
}

TEST(Q9_weak_keys_and_signatures_are_refused)
{
    static const struct {
        const char *what;
        struct bytes signature;
    } cases[] = {
        { "ECDSA, SHA-1", BYTES_LIT("\x00\x18\x00\x04\x00\x01\x01\x00\x01\x01") },
        { "RSAES", BYTES_LIT("\x00\x15\x00\x01\x01") },
        { "no scheme", BYTES_LIT("\x00\x10") },
        { "HMAC", BYTES_LIT("\x00\x05\x00\x0b\x00\x01\x01") },
        { "ECDAA", BYTES_LIT("\x00\x1a\x00\x0b\x00\x01\x01\x00\x01\x01") },
        { "r = 0", BYTES_LIT("\x00\x18\x00\x0b\x00\x01\x00\x00\x01\x01") },
        { "s = 0", BYTES_LIT("\x00\x18\x00\x0b\x00\x01\x01\x00\x01\x00") },
        { "r, s empty", BYTES_LIT("\x00\x18\x00\x0b\x00\x00\x00\x00") },
        { "longer than what follows", BYTES_LIT("\x00\x18\x00\x0b\x00\x20\x01\x00\x01\x01") },
    };
    /* The order of P-256: r and s must be below it. */
    static const uint8_t order[] = { 0x00, 0x18, 0x00, 0x0b, 0x00, 0x20, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51, 0x00, 0x01, 0x01 };
    uint8_t long_s[6 + 32 + 2 + 66] = { 0x00, 0x18, 0x00, 0x0b, 0x00, 0x20 };

    check_keys_that_are_too_weak();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ATTACK(x);
        x.signature = cases[i].signature;
        CHECK_QUOTE_REFUSED(x, QUOTE_SIGNATURE);
        if (test_failed())
            test_note("%s", cases[i].what);
    }
    {
        ATTACK(x);
        x.signature = BYTES_OF(order);
        CHECK_QUOTE_REFUSED(x, QUOTE_SIGNATURE);
        memset(long_s + 6, 0x7f, 32);
        long_s[39] = 66; /* a high s of more bytes than the curve has */
        memset(long_s + 40, 0xff, 66);
        x.signature = BYTES_OF(long_s);
        CHECK_QUOTE_REFUSED(x, QUOTE_SIGNATURE);
    }
}

TEST(Q10_sizes_that_do_not_fit_and_bytes_left_over_are_refused)
{
    ATTACK(x);
    struct built_quote sound;
    uint8_t changed[512];

    REQUIRE_OK(quote_builder_sign(&x.a, &x.quote, x.key, &sound, &x.err), x.err);
    REQUIRE(sound.attest.len < sizeof changed && sound.signature.len < sizeof changed);
    for (size_t n = 1; n < sound.attest.len; n++) { /* cut anywhere, each in a block of its own for the sanitizer */
        struct bytes cut = exact_copy(bytes_slice(sound.attest, 0, n));
        x.attest = cut;
        CHECK_QUOTE_REFUSED(x, QUOTE_MALFORMED);
        free((void *)cut.data);
    }
    for (size_t at = 0; at < sound.attest.len; at++) /* every length field among the bytes too large and too small */
        for (unsigned k = 0; k < 2; k++) {
            memcpy(changed, sound.attest.data, sound.attest.len);
            changed[at] = k ? 0xff : (uint8_t)(changed[at] - 1);
            if (changed[at] == sound.attest.data[at])
                continue;
            x.attest = (struct bytes){ changed, sound.attest.len };
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(attack_refused(&x) && nothing_believed(&x));
        }
    memcpy(changed, sound.attest.data, sound.attest.len);
    changed[sound.attest.len] = 0;
    x.attest = (struct bytes){ changed, sound.attest.len + 1 };
    CHECK_QUOTE_REFUSED(x, QUOTE_MALFORMED);
    x.attest = sound.attest;
    memcpy(changed, sound.signature.data, sound.signature.len);
    changed[sound.signature.len] = 0;
    x.signature = (struct bytes){ changed, sound.signature.len + 1 };
    CHECK_QUOTE_REFUSED(x, QUOTE_SIGNATURE);
    /* Names of longer hashes are names. */
    for (size_t len = 50; len <= 66; len += 16) {
        const uint8_t name[66] = { 0x00, len == 50 ? 0x0c : 0x0d };
        x.attest = x.signature = BYTES_NONE;
        x.quote.attest.qualified_signer = (struct bytes){ name, len };
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.out.appraisal.quote_verified);
    }
}

TEST(Q12_a_register_that_moved_while_quoting_is_to_be_tried_again_and_never_unhealthy)
{
    ATTACK(x);
    struct pcr_set shown = x.quoted;

    shown.banks[0].value[10].value[0] ^= 1;
    x.shown = &shown;
    CHECK_QUOTE_REFUSED(x, QUOTE_DIGEST);
    CHECK_INT(x.verdict, VERDICT_UNKNOWN);
    CHECK(x.findings.n && x.findings.items[0].unsettled);
    x.quote.attest.extra_data = BYTES_LIT("old"); /* with anything else wrong it is no race */
    CHECK_QUOTE_REFUSED(x, QUOTE_NONCE);
    CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
}
