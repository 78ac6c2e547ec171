#include <stdlib.h>
#include "crypto/privkey.h"
#include "support/test.h"
#include "tpm/signature.h"

/* clang-format off */
static const uint8_t ecdsa[] = {
    0x00, 0x18,             /* ECDSA */
    0x00, 0x0b,             /* SHA-256 */
    0x00, 0x03, 1, 2, 3,    /* r */
    0x00, 0x02, 4, 5,       /* s */
};
static const uint8_t rsassa[] = {
    0x00, 0x14,             /* RSASSA */
    0x00, 0x0c,             /* SHA-384 */
    0x00, 0x02, 0xab, 0xcd,
};
/* clang-format on */

TEST(signatures_are_read_field_by_field)
{
    struct err err = ERR_INIT;
    struct tpm_signature sig;

    REQUIRE_OK(tpm_signature_decode(BYTES_OF(ecdsa), &sig, &err), err);
    CHECK_INT(sig.scheme, SIGNATURE_ECDSA);
    CHECK_INT(sig.hash, DIGEST_SHA256);
    CHECK_BYTES(sig.r, BYTES_LIT("\1\2\3"));
    CHECK_BYTES(sig.s, BYTES_LIT("\4\5"));
    REQUIRE_OK(tpm_signature_decode(BYTES_OF(rsassa), &sig, &err), err);
    CHECK_INT(sig.scheme, SIGNATURE_RSASSA);
    CHECK_INT(sig.hash, DIGEST_SHA384);
    CHECK_BYTES(sig.rsa, BYTES_LIT("\xab\xcd"));
}

TEST(a_signature_cut_anywhere_is_refused_as_truncated)
{
    for (size_t n = 0; n < sizeof ecdsa; n++) {
        struct bytes cut = exact_copy((struct bytes){ ecdsa, n });
        struct err err = ERR_INIT;
        struct tpm_signature sig;

        CHECK(!tpm_signature_decode(cut, &sig, &err) && err.code == ERR_TRUNCATED);
        free((void *)cut.data);
    }
}

TEST(signatures_of_wrong_shape_are_refused)
{
    /* clang-format off */
    static const struct { const char *what; struct bytes input; enum err_code code; } cases[] = {
        { "no signature",         BYTES_LIT("\x00\x10"),                                         ERR_UNSUPPORTED },
        { "RSAES is no signature", BYTES_LIT("\x00\x15\x00\x0b\x00\x01\x01"),                    ERR_UNSUPPORTED },
        { "ECDAA",                BYTES_LIT("\x00\x1a\x00\x0b\x00\x01\x01\x00\x01\x01"),         ERR_UNSUPPORTED },
        { "an unknown hash",      BYTES_LIT("\x00\x18\x00\x99\x00\x01\x01\x00\x01\x01"),         ERR_UNSUPPORTED },
        { "r empty",              BYTES_LIT("\x00\x18\x00\x0b\x00\x00\x00\x01\x01"),             ERR_MALFORMED },
        { "r zero",               BYTES_LIT("\x00\x18\x00\x0b\x00\x02\x00\x00\x00\x01\x01"),     ERR_MALFORMED },
        { "s zero",               BYTES_LIT("\x00\x18\x00\x0b\x00\x01\x01\x00\x01\x00"),         ERR_MALFORMED },
        { "RSA signature empty",  BYTES_LIT("\x00\x14\x00\x0b\x00\x00"),                         ERR_MALFORMED },
        { "bytes after RSASSA",   BYTES_LIT("\x00\x14\x00\x0b\x00\x01\x01\x00"),                 ERR_MALFORMED },
        { "bytes after ECDSA",    BYTES_LIT("\x00\x18\x00\x0b\x00\x01\x01\x00\x01\x01\x00"),     ERR_MALFORMED },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct tpm_signature sig;

        CHECK(!tpm_signature_decode(cases[i].input, &sig, &err));
        CHECK_INT(err.code, cases[i].code);
        if (err.code != cases[i].code)
            test_note("%s: %s", cases[i].what, err.text);
    }
}

TEST(numbers_longer_than_any_curve_are_refused)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    static const uint8_t big[67] = { 1 };
    struct err err = ERR_INIT;
    struct tpm_signature sig = { .scheme = SIGNATURE_ECDSA, .hash = DIGEST_SHA256, .r = BYTES_OF(big), .s = BYTES_LIT("\1") };

    tpm_signature_encode(&w, &sig);
    CHECK(!tpm_signature_decode(writer_bytes(&w), &sig, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
}

TEST(an_rsa_signature_is_at_most_as_long_as_the_longest_key)
{
    static const uint8_t big[TPM_SIGNATURE_MAX_LEN + 1] = { 1 };

    for (size_t extra = 0; extra < 2; extra++) {
        struct tpm_signature sig = { .scheme = SIGNATURE_RSASSA, .hash = DIGEST_SHA256, .rsa = { big, TPM_SIGNATURE_MAX_LEN + extra } };
        CLEANUP(writer_done) struct writer w = { 0 };
        struct err err = ERR_INIT;

        tpm_signature_encode(&w, &sig);
        CHECK_INT(tpm_signature_decode(writer_bytes(&w), &sig, &err), !extra);
        CHECK_INT(err.code, extra ? ERR_LIMIT : ERR_NONE);
    }
}

TEST(encoding_a_decoded_signature_gives_the_same_bytes)
{
    static const struct bytes samples[] = { BYTES_OF(ecdsa), BYTES_OF(rsassa) };

    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(writer_done) struct writer w = { 0 };
        struct err err = ERR_INIT;
        struct tpm_signature sig;

        REQUIRE_OK(tpm_signature_decode(samples[i], &sig, &err), err);
        tpm_signature_encode(&w, &sig);
        CHECK_BYTES(writer_bytes(&w), samples[i]);
    }
}

static struct tpm_signature ecdsa_of(const struct privkey *key, struct bytes message, uint8_t raw[static PRIVKEY_SIGNATURE_MAX])
{
    struct err err = ERR_INIT;
    size_t len = 0;

    CHECK(privkey_sign(key, SIGNATURE_ECDSA, DIGEST_SHA256, message, raw, &len, &err));
    CHECK_INT(len, 64);
    return (struct tpm_signature){ .scheme = SIGNATURE_ECDSA, .hash = DIGEST_SHA256, .r = { raw, 32 }, .s = { raw + 32, 32 } };
}

/* TPMs may drop leading zeros: one signature in 128 shows it. */
TEST(short_ecdsa_numbers_are_padded_to_the_curve)
{
    CLEANUP(privkey_free_at) struct privkey *key = NULL;
    uint8_t raw[PRIVKEY_SIGNATURE_MAX];
    struct err err = ERR_INIT;
    struct arena a = { 0 };
    bool seen = false;

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err), err);
    for (unsigned i = 0; i < 4000 && !seen; i++) {
        struct bytes message = { (const uint8_t *)&i, sizeof i }, whole;
        struct tpm_signature sig = ecdsa_of(key, message, raw);

        if (raw[0] != 0 && raw[32] != 0)
            continue;
        seen = true;
        while (sig.r.data[0] == 0)
            sig.r = bytes_slice(sig.r, 1, 32);
        while (sig.s.data[0] == 0)
            sig.s = bytes_slice(sig.s, 1, 32);
        CHECK(tpm_signature_verify(&sig, privkey_public(key), false, message, &err));
        REQUIRE_OK(tpm_signature_raw(&a, &sig, privkey_public(key), &whole, &err), err);
        CHECK_BYTES(whole, ((struct bytes){ raw, 64 }));
    }
    CHECK(seen);
    arena_done(&a);
}

TEST(a_number_longer_than_the_keys_curve_is_refused)
{
    CLEANUP(privkey_free_at) struct privkey *key = NULL;
    uint8_t raw[PRIVKEY_SIGNATURE_MAX], longer[33] = { 0 };
    struct err err = ERR_INIT;
    struct tpm_signature sig;

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err), err);
    sig = ecdsa_of(key, BYTES_LIT("m"), raw);
    CHECK(tpm_signature_verify(&sig, privkey_public(key), false, BYTES_LIT("m"), &err));
    memcpy(longer + 1, raw, 32);
    sig.r = BYTES_OF(longer);
    CHECK(!tpm_signature_verify(&sig, privkey_public(key), false, BYTES_LIT("m"), &err));
    CHECK_INT(err.code, ERR_MALFORMED);
}

TEST(the_scheme_must_be_the_key_types_own)
{
    CLEANUP(privkey_free_at) struct privkey *ec = NULL, *rsa = NULL;
    static const uint8_t filler[256] = { 1 };
    struct err err = ERR_INIT;
    struct tpm_signature sig = { .scheme = SIGNATURE_RSAPSS, .hash = DIGEST_SHA256, .rsa = BYTES_OF(filler) };

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &ec, &err), err);
    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &rsa, &err), err);
    CHECK(!tpm_signature_suits(&sig, privkey_public(ec), true, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(tpm_signature_suits(&sig, privkey_public(rsa), true, &err));
    sig.rsa.len = 255;
    CHECK(!tpm_signature_suits(&sig, privkey_public(rsa), true, &err) && err.code == ERR_MALFORMED);
    sig = (struct tpm_signature){ .scheme = SIGNATURE_ECDSA, .hash = DIGEST_SHA256, .r = BYTES_LIT("\1"), .s = BYTES_LIT("\1") };
    CHECK(!tpm_signature_suits(&sig, privkey_public(rsa), true, &err) && err.code == ERR_UNSUPPORTED);
}
