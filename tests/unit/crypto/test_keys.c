#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/privkey.h"
#include "crypto/signature.h"
#include "support/test.h"

#define MESSAGE BYTES_LIT("what was measured")

/* Made once: RSA keys take a moment. */
static const struct privkey *key_of(enum privkey_kind kind)
{
    static struct privkey *keys[3];
    struct err err = ERR_INIT;

    if (!keys[kind] && !privkey_generate(kind, &keys[kind], &err))
        test_note("error: %s", err.text);
    return keys[kind];
}

/* Wine's keys go on signing the way they signed first. */
static bool signs_one_way_only(void)
{
    if (test_is_on_wine())
        test_skip("Wine cannot sign two ways with one key");
    return test_is_on_wine();
}

static const struct way {
    const char *name;
    enum privkey_kind kind;
    enum signature_scheme scheme;
    size_t len;
} ways[] = {
    { "RS256", PRIVKEY_RSA_2048, SIGNATURE_RSASSA, 256 },
    { "PS256", PRIVKEY_RSA_2048, SIGNATURE_RSAPSS, 256 },
    { "RS256 with 3072 bits", PRIVKEY_RSA_3072, SIGNATURE_RSASSA, 384 },
    { "ES256", PRIVKEY_P256, SIGNATURE_ECDSA, 64 },
};

TEST(what_a_key_signs_its_public_half_verifies)
{
    if (signs_one_way_only())
        return;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct privkey *key = key_of(ways[i].kind);
        uint8_t signature[PRIVKEY_SIGNATURE_MAX];
        size_t len = 0;
        struct err err = ERR_INIT;

        REQUIRE(key);
        REQUIRE_OK(privkey_sign(key, ways[i].scheme, DIGEST_SHA256, MESSAGE, signature, &len, &err), err);
        CHECK_INT(len, ways[i].len);
        REQUIRE_OK(pubkey_verify(privkey_public(key), ways[i].scheme, DIGEST_SHA256, MESSAGE, (struct bytes){ signature, len }, &err), err);
    }
}

struct verifier {
    const struct pubkey *key;
    struct bytes rs256, ps256;
    bool failed;
};

static void *verify_often(void *p)
{
    struct verifier *v = p;
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < 100; i++)
        if (!pubkey_verify(v->key, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, v->rs256, &err) ||
            !pubkey_verify(v->key, SIGNATURE_RSAPSS, DIGEST_SHA256, MESSAGE, v->ps256, &err) ||
            pubkey_verify(v->key, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, v->ps256, &err))
            v->failed = true;
    return NULL;
}

TEST(threads_share_a_key_in_several_ways)
{
    const struct privkey *key = key_of(PRIVKEY_RSA_2048);
    uint8_t rs256[PRIVKEY_SIGNATURE_MAX], ps256[PRIVKEY_SIGNATURE_MAX];
    struct verifier v[4];
    pthread_t threads[4];
    size_t rs_len, ps_len;
    struct err err = ERR_INIT;
    struct pubkey *fresh = NULL;

    if (signs_one_way_only())
        return;
    REQUIRE(key);
    REQUIRE_OK(privkey_sign(key, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, rs256, &rs_len, &err), err);
    REQUIRE_OK(privkey_sign(key, SIGNATURE_RSAPSS, DIGEST_SHA256, MESSAGE, ps256, &ps_len, &err), err);
    REQUIRE_OK(pubkey_from_spki(pubkey_spki(privkey_public(key)), &fresh, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        v[i] = (struct verifier){ fresh, { rs256, rs_len }, { ps256, ps_len }, false };
        REQUIRE(pthread_create(&threads[i], NULL, verify_often, &v[i]) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        CHECK(!v[i].failed);
    }
    pubkey_free(fresh);
}

TEST(a_signature_changed_anywhere_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct privkey *key = key_of(ways[i].kind);
        uint8_t signature[PRIVKEY_SIGNATURE_MAX];
        size_t len = 0;
        struct err err = ERR_INIT;

        REQUIRE(key && privkey_sign(key, ways[i].scheme, DIGEST_SHA256, MESSAGE, signature, &len, &err));
        for (size_t at = 0; at < len; at += 7) {
            signature[at] ^= 0x10;
            CHECK(!pubkey_verify(privkey_public(key), ways[i].scheme, DIGEST_SHA256, MESSAGE, (struct bytes){ signature, len }, &err));
            signature[at] ^= 0x10;
        }
    }
}

TEST(a_signature_does_not_pass_for_another_message_hash_scheme_key_or_length)
{
    const struct privkey *rsa = key_of(PRIVKEY_RSA_2048), *other = key_of(PRIVKEY_RSA_3072), *ec = key_of(PRIVKEY_P256);
    uint8_t signature[PRIVKEY_SIGNATURE_MAX] = { 0 };
    struct bytes sig = { signature, 0 };
    struct err err = ERR_INIT;

    REQUIRE(rsa && other && ec);
    REQUIRE(privkey_sign(rsa, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, signature, &sig.len, &err));
    const struct pubkey *key = privkey_public(rsa);
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_SHA256, BYTES_LIT("else"), sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_SHA384, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(key, SIGNATURE_RSAPSS, DIGEST_SHA256, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(key, SIGNATURE_ECDSA, DIGEST_SHA256, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(privkey_public(other), SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(privkey_public(ec), SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    sig.len--;
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, sig, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_SHA256, MESSAGE, BYTES_NONE, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_SHA1, MESSAGE, sig, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_verify(key, SIGNATURE_RSASSA, DIGEST_NONE, MESSAGE, sig, &err) && err.code == ERR_UNSUPPORTED);
}

/* CVE-2022-21449 and its kin: r = s = 0, and a signature that is all order. */
TEST(an_ecdsa_signature_of_zeros_is_refused)
{
    uint8_t zeros[64] = { 0 }, ones[64];
    const struct privkey *ec = key_of(PRIVKEY_P256);
    struct err err = ERR_INIT;

    REQUIRE(ec);
    memset(ones, 0xff, sizeof ones);
    CHECK(!pubkey_verify(privkey_public(ec), SIGNATURE_ECDSA, DIGEST_SHA256, MESSAGE, BYTES_OF(zeros), &err));
    CHECK(!pubkey_verify(privkey_public(ec), SIGNATURE_ECDSA, DIGEST_SHA256, MESSAGE, BYTES_OF(ones), &err));
}

TEST(a_public_key_comes_back_from_every_form)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct privkey *private = key_of(ways[i].kind);
        struct arena a = { 0 };
        struct err err = ERR_INIT;
        struct pubkey *same = NULL;

        REQUIRE(private);
        const struct pubkey *key = privkey_public(private);
        REQUIRE_OK(pubkey_from_spki(pubkey_spki(key), &same, &err), err);
        CHECK(pubkey_equal(key, same));
        pubkey_free(same);
        REQUIRE_OK(pubkey_from_pem(bytes_of_string(pubkey_pem(key, &a)), &same, &err), err);
        CHECK(pubkey_equal(key, same));
        pubkey_free(same);
        if (pubkey_type(key) == KEY_RSA)
            REQUIRE_OK(pubkey_from_rsa(pubkey_rsa_n(key), pubkey_rsa_e(key), &same, &err), err);
        else
            REQUIRE_OK(pubkey_from_ec(pubkey_curve(key), pubkey_ec_x(key), pubkey_ec_y(key), &same, &err), err);
        CHECK(pubkey_equal(key, same));
        CHECK_INT(pubkey_bits(same), pubkey_bits(key));
        pubkey_free(same);
        arena_done(&a);
    }
}

TEST(leading_zeros_of_a_modulus_make_no_other_key)
{
    const struct pubkey *key = key_of(PRIVKEY_RSA_2048) ? privkey_public(key_of(PRIVKEY_RSA_2048)) : NULL;
    uint8_t padded[300] = { 0 };
    struct pubkey *same = NULL;
    struct err err = ERR_INIT;

    REQUIRE(key);
    memcpy(padded + 300 - 256, pubkey_rsa_n(key).data, 256);
    REQUIRE_OK(pubkey_from_rsa(BYTES_OF(padded), BYTES_LIT("\x00\x01\x00\x01"), &same, &err), err);
    CHECK(pubkey_equal(key, same));
    CHECK_INT(pubkey_rsa_n(same).len, 256);
    CHECK_BYTES(pubkey_rsa_e(same), BYTES_LIT("\x01\x00\x01"));
    pubkey_free(same);
}

TEST(weak_and_impossible_keys_are_not_made)
{
    uint8_t n[1025];
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct bytes e = BYTES_LIT("\x01\x00\x01");

    memset(n, 0xff, sizeof n);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 128 }, e, &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 1025 }, e, &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa(BYTES_NONE, e, &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 256 }, BYTES_LIT("\x03"), &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 256 }, BYTES_LIT("\x01\x00\x02"), &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 256 }, BYTES_NONE, &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_rsa((struct bytes){ n, 256 }, (struct bytes){ n, 9 }, &key, &err) && err.code == ERR_UNSUPPORTED);
    n[255] = 0xfe;
    CHECK(!pubkey_from_rsa((struct bytes){ n, 256 }, e, &key, &err) && err.code == ERR_MALFORMED);
    CHECK(!pubkey_from_ec(CURVE_NONE, e, e, &key, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!pubkey_from_ec(CURVE_P256, (struct bytes){ n, 33 }, e, &key, &err) && err.code == ERR_MALFORMED);
    CHECK(key == NULL);
}

TEST(points_off_the_curve_make_no_key)
{
    uint8_t n[66];
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct bytes e = BYTES_LIT("\x01\x00\x01");

    if (test_is_on_wine()) {
        test_skip("Wine takes any point");
        return;
    }
    memset(n, 0xff, sizeof n);
    CHECK(!pubkey_from_ec(CURVE_P256, e, e, &key, &err) && err.code == ERR_MALFORMED);
    CHECK(!pubkey_from_ec(CURVE_P256, BYTES_NONE, BYTES_NONE, &key, &err) && err.code == ERR_MALFORMED);
    CHECK(!pubkey_from_ec(CURVE_P521, BYTES_OF(n), BYTES_OF(n), &key, &err) && err.code == ERR_MALFORMED);
    CHECK(key == NULL);
}

TEST(a_public_key_cut_anywhere_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct privkey *private = key_of(ways[i].kind);

        REQUIRE(private);
        struct bytes spki = pubkey_spki(privkey_public(private));
        for (size_t n = 0; n < spki.len; n++) {
            struct bytes cut = exact_copy(bytes_slice(spki, 0, n));
            struct pubkey *key = NULL;
            struct err err = ERR_INIT;

            CHECK(!pubkey_from_spki(cut, &key, &err) && err.code == ERR_MALFORMED);
            free((void *)cut.data);
        }
    }
}

TEST(a_public_key_with_something_behind_it_is_refused)
{
    const struct privkey *ec = key_of(PRIVKEY_P256);
    struct writer w = { 0 };
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;

    REQUIRE(ec);
    write_bytes(&w, pubkey_spki(privkey_public(ec)));
    write_u8(&w, 0);
    CHECK(!pubkey_from_spki(writer_bytes(&w), &key, &err) && err.code == ERR_MALFORMED);
    writer_done(&w);
}

TEST(ecdsa_signatures_change_between_their_two_spellings)
{
    static const struct {
        enum ec_curve curve;
        size_t len;
    } rows[] = { { CURVE_P256, 32 }, { CURVE_P384, 48 }, { CURVE_P521, 66 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned fill = 0; fill < 256; fill += 17) {
            uint8_t raw[SIGNATURE_EC_RAW_MAX], back[SIGNATURE_EC_RAW_MAX], der[SIGNATURE_EC_DER_MAX];
            size_t der_len, back_len;
            struct err err = ERR_INIT;

            memset(raw, (int)fill, 2 * rows[i].len);
            raw[rows[i].len] = 0; /* s shorter than r */
            REQUIRE_OK(signature_to_der(rows[i].curve, (struct bytes){ raw, 2 * rows[i].len }, der, &der_len, &err), err);
            REQUIRE_OK(signature_from_der(rows[i].curve, (struct bytes){ der, der_len }, back, &back_len, &err), err);
            CHECK_BYTES(((struct bytes){ back, back_len }), ((struct bytes){ raw, 2 * rows[i].len }));
        }
}

TEST(ecdsa_signatures_that_are_not_der_are_refused)
{
    static const struct bytes rows[] = {
        BYTES_LIT(""),
        BYTES_LIT("\x30\x06\x02\x01\x01\x02\x01"),                 /* cut */
        BYTES_LIT("\x30\x06\x02\x01\x01\x02\x01\x01\x00"),         /* longer */
        BYTES_LIT("\x30\x07\x02\x02\x00\x01\x02\x01\x01"),         /* padded r */
        BYTES_LIT("\x30\x06\x02\x01\xff\x02\x01\x01"),             /* negative r */
        BYTES_LIT("\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01"), /* three numbers */
        BYTES_LIT("\x30\x81\x06\x02\x01\x01\x02\x01\x01"),         /* long length */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[SIGNATURE_EC_RAW_MAX];
        size_t len;
        struct err err = ERR_INIT;

        CHECK(!signature_from_der(CURVE_P256, rows[i], raw, &len, &err) && err.code == ERR_MALFORMED);
    }
}

/* A quote as the TPM signed it: TPMT_SIGNATURE is algorithm, hash, then TPM2B (RSA) or two of them (ECDSA). */
static void check_quote(const char *machine, const char *kind)
{
    char path[256];
    struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes pem, message, file, r_value, s_value = BYTES_NONE;
    struct pubkey *key = NULL;
    uint8_t raw[2 * 66] = { 0 };
    uint16_t algorithm, hash;

    snprintf(path, sizeof path, "boot-logs/%s/ak_%s.pem", machine, kind);
    REQUIRE_OK(file_read_in(&a, shared_data(path), 65536, &pem, &err), err);
    snprintf(path, sizeof path, "boot-logs/%s/quote_%s.msg", machine, kind);
    REQUIRE_OK(file_read_in(&a, shared_data(path), 65536, &message, &err), err);
    snprintf(path, sizeof path, "boot-logs/%s/quote_%s.sig", machine, kind);
    REQUIRE_OK(file_read_in(&a, shared_data(path), 65536, &file, &err), err);
    REQUIRE_OK(pubkey_from_pem(pem, &key, &err), err);
    struct reader r = reader_over(file);
    REQUIRE(read_u16be(&r, &algorithm) && read_u16be(&r, &hash) && read_u16be_prefixed(&r, &r_value));
    if (pubkey_type(key) == KEY_EC) {
        size_t len = ec_curve_len(pubkey_curve(key));
        REQUIRE(read_u16be_prefixed(&r, &s_value) && r_value.len <= len && s_value.len <= len);
        memcpy(raw + len - r_value.len, r_value.data, r_value.len);
        memcpy(raw + 2 * len - s_value.len, s_value.data, s_value.len);
        r_value = (struct bytes){ raw, 2 * len };
    }
    REQUIRE_OK(pubkey_verify(key, pubkey_type(key) == KEY_EC ? SIGNATURE_ECDSA : SIGNATURE_RSASSA, digest_from_tpm_id(hash), message,
                             r_value, &err),
               err);
    pubkey_free(key);
    arena_done(&a);
}

TEST(quotes_of_real_tpms_verify)
{
    static const char *const machines[] = { "debian-sb-boot1", "uki-sb-boot1", "debian-sb-sha256-only" };

    if (!shared_data("boot-logs"))
        SKIP("the shared data are not here");
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        check_quote(machines[i], "rsa");
        check_quote(machines[i], "ecc");
    }
}
