/* Attack suite 4.1 once more: quotes that differ from the TPM's in one respect, which nobody thinks of (forged_quotes.h), and banks. */
#include "attack.h"
#include "forged_quotes.h"

TEST(Q3_a_quote_says_exactly_which_registers_it_is_about_in_whatever_form_or_it_is_refused)
{
    for (size_t i = 0; i < n_forged_quotes; i++) {
        ATTACK(x);
        forged_quotes[i].change(&x.quote, &x.a);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(forged_quotes[i].sound ? x.verdict == VERDICT_HEALTHY && x.out.appraisal.decision == DECISION_PERMITTED
                                     : attack_refused(&x) && !x.out.appraisal.quote_verified && !x.out.chain);
        if (test_failed()) {
            test_note("%s", forged_quotes[i].what);
            attack_show(&x);
            return;
        }
    }
}

TEST(Q3_values_of_two_banks_belong_to_the_banks_that_the_quote_names)
{
    static const enum digest_algorithm both[] = { DIGEST_SHA256, DIGEST_SHA384 };
    ATTACK(x);
    struct pcr_set shown;

    REQUIRE_OK(attack_use_banks(&x, both, 2), x.err);
    CHECK_HEALTHY(x);
    /* In files values have no order (pcrs.json); that one on the wire counts is in tests/unit/tpm/test_quote.c. */
    x.shown = &shown;
    shown = x.quoted; /* a bank's values under another bank's name */
    shown.banks[1] = x.quoted.banks[0];
    CHECK_NEVER_HEALTHY(x, QUOTE_SELECTION);
    shown = x.quoted; /* the other bank's registers are all required as well */
    shown.banks[1].present = 0x7f;
    CHECK_NEVER_HEALTHY(x, QUOTE_SELECTION);
}

/* Part 3, 18.4: the digest is in the signature's hash, whatever the bank's. */
TEST(Q3_bank_and_signature_may_be_of_different_hashes)
{
    static const enum digest_algorithm hashes[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

    for (size_t bank = 0; bank < ARRAY_LEN(hashes); bank++)
        for (size_t signature = 0; signature < ARRAY_LEN(hashes); signature++) {
            ATTACK(x);
            struct digest d;
            REQUIRE_OK(attack_use_banks(&x, &hashes[bank], 1), x.err);
            x.quote.hash = hashes[signature];
            CHECK_HEALTHY(x);
            REQUIRE_OK(pcr_set_digest(&x.quoted, hashes[(signature + 1) % ARRAY_LEN(hashes)], &d, &x.err), x.err);
            x.quote.attest.pcr_digest = digest_bytes(&d);
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(attack_refused(&x) && !x.out.appraisal.quote_verified);
        }
}

/* What resembles the challenge is not the challenge. */
TEST(Q7_qualifying_data_that_resembles_the_challenge_is_refused)
{
    uint8_t nonce[32], forms[8][66] = { 0 };
    const struct {
        const char *what;
        size_t len;
    } rows[] = {
        { "backwards", 32 },        { "a zero in front of it", 33 },   { "twice", 64 },
        { "its digest", 32 },       { "its size in front of it", 34 }, { "its hash's number in front of it", 34 },
        { "another last bit", 32 }, { "in hexadecimal", 64 },
    };
    ATTACK(x);
    struct digest d;

    REQUIRE(x.nonce.len == sizeof nonce);
    memcpy(nonce, x.nonce.data, sizeof nonce);
    nonce[31] = 0x5a;
    x.nonce = BYTES_OF(nonce);
    digest_compute(DIGEST_SHA256, x.nonce, &d);
    for (size_t i = 0; i < sizeof nonce; i++) {
        forms[0][i] = nonce[31 - i];
        forms[1][i + 1] = forms[2][i] = forms[2][i + 32] = forms[4][i + 2] = forms[5][i + 2] = forms[6][i] = nonce[i];
        forms[3][i] = d.value[i];
        forms[7][2 * i] = (uint8_t) "0123456789abcdef"[nonce[i] >> 4];
        forms[7][2 * i + 1] = (uint8_t) "0123456789abcdef"[nonce[i] & 15];
    }
    forms[4][1] = 32;
    forms[5][1] = 0x0b;
    forms[6][31] ^= 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        x.quote.attest.extra_data = (struct bytes){ forms[i], rows[i].len };
        CHECK_NEVER_HEALTHY(x, QUOTE_NONCE);
        if (test_failed())
            test_note("%s", rows[i].what);
    }
    x.quote.attest.extra_data = x.nonce;
    CHECK_HEALTHY(x);
}
