#include <stdlib.h>
#include "base/hex.h"
#include "crypto/privkey.h"
#include "support/test.h"
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
#include "tpm/public.h"

/* clang-format off */
static const uint8_t ecc_ak[] = {
    0x00, 0x23,                         /* type: ECC */
    0x00, 0x0b,                         /* nameAlg: SHA-256 */
    0x00, 0x05, 0x00, 0x72,             /* fixedTPM fixedParent sensitiveDataOrigin userWithAuth restricted sign */
    0x00, 0x00,                         /* no policy */
    0x00, 0x10,                         /* symmetric: NULL */
    0x00, 0x18, 0x00, 0x0b,             /* scheme: ECDSA, SHA-256 */
    0x00, 0x03,                         /* P-256 */
    0x00, 0x10,                         /* kdf: NULL */
    0x00, 0x20,                         /* x: of the curve's base point */
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x00, 0x20,                         /* y */
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};
/* clang-format on */

enum { X_LEN_AT = 20, Y_LEN_AT = X_LEN_AT + 34 };

TEST(an_ecc_public_area_is_read_field_by_field)
{
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    CHECK_INT(pub.type, TPM_ALG_ECC);
    CHECK_INT(pub.name_algorithm, DIGEST_SHA256);
    CHECK_INT(pub.attributes, OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_SENSITIVE_DATA_ORIGIN | OBJECT_USER_WITH_AUTH |
                                  OBJECT_RESTRICTED | OBJECT_SIGN);
    CHECK_INT(pub.policy.len, 0);
    CHECK_INT(pub.symmetric.algorithm, TPM_ALG_NULL);
    CHECK_INT(pub.scheme.algorithm, TPM_ALG_ECDSA);
    CHECK_INT(pub.scheme.hash, 0x000b);
    CHECK_INT(pub.curve_id, TPM_CURVE_P256);
    CHECK_INT(pub.kdf.algorithm, TPM_ALG_NULL);
    CHECK(pub.ecc_x.data == ecc_ak + X_LEN_AT + 2 && pub.ecc_x.len == 32);
    CHECK(pub.ecc_y.data == ecc_ak + Y_LEN_AT + 2 && pub.ecc_y.len == 32);
}

TEST(a_public_area_cut_anywhere_is_refused_as_truncated)
{
    for (size_t n = 0; n < sizeof ecc_ak; n++) {
        struct bytes cut = exact_copy((struct bytes){ ecc_ak, n });
        struct err err = ERR_INIT;
        struct tpm_public pub;

        CHECK(!tpm_public_decode(cut, &pub, &err) && err.code == ERR_TRUNCATED);
        free((void *)cut.data);
    }
}

TEST(bytes_after_a_public_area_are_refused)
{
    uint8_t longer[sizeof ecc_ak + 1] = { 0 };
    struct err err = ERR_INIT;
    struct tpm_public pub;

    memcpy(longer, ecc_ak, sizeof ecc_ak);
    CHECK(!tpm_public_decode(BYTES_OF(longer), &pub, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
}

TEST(a_public_area_with_one_wrong_field_is_refused)
{
    /* clang-format off */
    static const struct { const char *what; size_t at; uint8_t value; enum err_code code; } cases[] = {
        { "an object type we do not do (KEYEDHASH)", 1, 0x08, ERR_UNSUPPORTED },
        { "no name algorithm",                       3, 0x10, ERR_UNSUPPORTED },
        { "a policy of one byte",                    9, 0x01, ERR_MALFORMED },
        { "an unknown symmetric algorithm",         11, 0x99, ERR_UNSUPPORTED },
        { "an unknown scheme",                      13, 0x99, ERR_UNSUPPORTED },
        { "an unknown key derivation",              19, 0x99, ERR_UNSUPPORTED },
        { "x longer than what is left",       X_LEN_AT, 0x01, ERR_TRUNCATED },
        { "y longer than what is left",       Y_LEN_AT, 0x01, ERR_TRUNCATED },
        { "y shorter",                    Y_LEN_AT + 1, 0x1f, ERR_MALFORMED },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t wrong[sizeof ecc_ak];
        struct err err = ERR_INIT;
        struct tpm_public pub;

        memcpy(wrong, ecc_ak, sizeof wrong);
        wrong[cases[i].at] = cases[i].value;
        CHECK(!tpm_public_decode(BYTES_OF(wrong), &pub, &err));
        CHECK_INT(err.code, cases[i].code);
        if (err.code != cases[i].code)
            test_note("%s: %s", cases[i].what, err.text);
    }
}

TEST(encoding_a_decoded_public_area_gives_the_same_bytes)
{
    CLEANUP(writer_done) struct writer w = { 0 }, w2 = { 0 };
    struct err err = ERR_INIT;
    struct tpm_public pub, again;

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    tpm_public_encode(&w, &pub);
    REQUIRE(writer_ok(&w));
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(ecc_ak));
    tpm_public_encode_2b(&w2, &pub);
    REQUIRE(writer_ok(&w2));
    REQUIRE_OK(tpm_public_decode_2b(writer_bytes(&w2), &again, &err), err);
    CHECK_INT(w2.len, sizeof ecc_ak + 2);
    /* The size prefix one too large, one too small. */
    w2.data[1]++;
    CHECK(!tpm_public_decode_2b(writer_bytes(&w2), &again, &err));
    CHECK_INT(err.code, ERR_TRUNCATED);
    w2.data[1] = (uint8_t)(w2.data[1] - 2);
    CHECK(!tpm_public_decode_2b(writer_bytes(&w2), &again, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
}

TEST(the_name_is_the_name_algorithm_and_its_hash_of_the_public_area)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        uint8_t area[sizeof ecc_ak];
        struct err err = ERR_INIT;
        struct tpm_public pub;
        struct tpm_name name;
        struct digest want;

        memcpy(area, ecc_ak, sizeof area);
        area[3] = (uint8_t)digest_tpm_id(algorithms[i]);
        REQUIRE_OK(tpm_public_decode(BYTES_OF(area), &pub, &err), err);
        REQUIRE_OK(tpm_public_name(&pub, &name, &err), err);
        digest_compute(algorithms[i], BYTES_OF(area), &want);
        CHECK_INT(name.len, 2 + digest_len(algorithms[i]));
        CHECK_INT(name.value[0] << 8 | name.value[1], digest_tpm_id(algorithms[i]));
        CHECK_BYTES(bytes_slice(tpm_name_bytes(&name), 2, 64), digest_bytes(&want));
    }
}

TEST(a_public_area_makes_the_key_that_it_describes)
{
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    REQUIRE_OK(tpm_public_key(&pub, &key, &err), err);
    CHECK_INT(pubkey_curve(key), CURVE_P256);
    CHECK_BYTES(pubkey_ec_x(key), pub.ecc_x);
}

TEST(an_rsa_public_area_makes_a_key_with_the_default_exponent)
{
    CLEANUP(privkey_free_at) struct privkey *priv = NULL;
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &priv, &err), err);
    sealing_template(BYTES_NONE, &pub);
    pub.rsa_n = pubkey_rsa_n(privkey_public(priv));
    REQUIRE_OK(tpm_public_key(&pub, &key, &err), err);
    CHECK(pubkey_equal(key, privkey_public(priv)));
}

TEST(keys_that_are_weak_or_contradict_themselves_are_refused)
{
    static const uint8_t n[256] = { 0x80, [255] = 1 }, short_n[128] = { 0x80, [127] = 1 };
    uint8_t off_curve[sizeof ecc_ak];
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct tpm_public pub;

    sealing_template(BYTES_NONE, &pub);
    CHECK(!tpm_public_key(&pub, &key, &err)); /* a template: modulus zero */
    pub.rsa_n = BYTES_OF(n);
    pub.rsa_exponent = 3;
    CHECK(!tpm_public_key(&pub, &key, &err));
    pub.rsa_exponent = 0;
    pub.rsa_bits = 3072;
    CHECK(!tpm_public_key(&pub, &key, &err) && err.code == ERR_MALFORMED);
    pub.rsa_n = BYTES_OF(short_n);
    pub.rsa_bits = 1024;
    CHECK(!tpm_public_key(&pub, &key, &err)); /* attack Q9 */

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    pub.curve_id = 0x0001; /* P-192 */
    CHECK(!tpm_public_key(&pub, &key, &err) && err.code == ERR_UNSUPPORTED);
    memcpy(off_curve, ecc_ak, sizeof off_curve);
    off_curve[sizeof off_curve - 1] ^= 1;
    REQUIRE_OK(tpm_public_decode(BYTES_OF(off_curve), &pub, &err), err);
    if (!test_is_on_wine()) /* which takes any point */
        CHECK(!tpm_public_key(&pub, &key, &err));
}

TEST(an_attestation_key_keeps_every_rule_of_its_profile)
{
    static const enum object_attribute each[] = { OBJECT_FIXED_TPM,  OBJECT_FIXED_PARENT, OBJECT_SENSITIVE_DATA_ORIGIN,
                                                  OBJECT_RESTRICTED, OBJECT_SIGN,         OBJECT_DECRYPT };
    struct arena a = { 0 };
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    CHECK(key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    CHECK_INT(list.n, 0);
    for (size_t i = 0; i < ARRAY_LEN(each); i++) {
        pub.attributes ^= each[i];
        CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
        CHECK_INT(list.n, i + 1);
        CHECK(strstr(list.items[i].text, object_attribute_name(each[i])) != NULL);
        pub.attributes ^= each[i];
    }
    CHECK(findings_have(&list, FINDING_AK_ATTRIBUTES));
    arena_done(&a);
}

TEST(an_attestation_key_with_no_scheme_or_a_weak_hash_is_refused)
{
    struct arena a = { 0 };
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(tpm_public_decode(BYTES_OF(ecc_ak), &pub, &err), err);
    pub.scheme.algorithm = TPM_ALG_NULL;
    CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    pub.scheme = (struct tpm_scheme){ TPM_ALG_ECDSA, 0x0004, 0 };
    CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    pub.scheme = (struct tpm_scheme){ TPM_ALG_RSASSA, 0x000b, 0 };
    CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    pub.scheme = (struct tpm_scheme){ TPM_ALG_ECDSA, 0x000c, 0 };
    pub.name_algorithm = DIGEST_SHA1;
    CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    CHECK_INT(list.n, 4);
    arena_done(&a);
}

TEST(the_templates_fit_their_own_profiles)
{
    static const uint8_t policy[32] = { 1 };
    struct arena a = { 0 };
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;
    struct tpm_public pub;

    REQUIRE_OK(ak_template(&a, AK_RSA2048, 0, &pub, &err), err);
    CHECK(key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    CHECK(!key_profile_check(KEY_PROFILE_EK, &pub, FINDING_EK_REFUSED, &list));
    sealing_template(BYTES_OF(policy), &pub);
    CHECK(key_profile_check(KEY_PROFILE_SEALING, &pub, FINDING_EK_REFUSED, &list));
    pub.attributes |= OBJECT_USER_WITH_AUTH;
    CHECK(!key_profile_check(KEY_PROFILE_SEALING, &pub, FINDING_EK_REFUSED, &list));
    for (int kind = 0; kind < EK_KIND_COUNT; kind++) {
        ek_template((enum ek_kind)kind, &pub);
        CHECK(key_profile_check(KEY_PROFILE_EK, &pub, FINDING_EK_REFUSED, &list));
        CHECK(!key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &list));
    }
    arena_done(&a);
}

TEST(the_attestation_key_template_is_the_one_of_the_specification)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct arena a = { 0 };
    struct bytes head, label;
    struct err err = ERR_INIT;
    struct tpm_public pub;
    struct digest unique;

    REQUIRE_OK(ak_template(&a, AK_RSA2048, 0x01020304, &pub, &err), err);
    tpm_public_encode_2b(&w, &pub);
    REQUIRE_OK(hex_decode(&a, BYTES_LIT("01180001000b00050472000000100014000b0800000000000100"), &head, &err), err);
    CHECK_INT(w.len, 282); /* guest-agent.md 13, size vectors */
    CHECK_BYTES(bytes_slice(writer_bytes(&w), 0, head.len), head);
    label = BYTES_LIT("trueboot AK v1\x04\x03\x02\x01");
    digest_compute(DIGEST_SHA256, label, &unique);
    CHECK_BYTES(bytes_slice(writer_bytes(&w), head.len, 32), digest_bytes(&unique));
    CHECK(bytes_are_all(bytes_slice(writer_bytes(&w), head.len + 32, 256), 0));
    arena_done(&a);
}

TEST(the_sealing_template_has_the_size_of_the_specification)
{
    static const uint8_t policy[32] = { 1 };
    CLEANUP(writer_done) struct writer w = { 0 };
    struct tpm_public pub;

    sealing_template(BYTES_OF(policy), &pub);
    CHECK_INT(pub.attributes, 0x00020432);
    tpm_public_encode_2b(&w, &pub);
    CHECK_INT(w.len, 312);
}

TEST(endorsement_key_templates_follow_the_credential_profile)
{
    /* clang-format off */
    static const struct { enum ek_kind kind; uint32_t attributes; uint16_t aes; size_t len; const char *policy; } want[] = {
        { EK_RSA2048, 0x000300b2, 128, 2 + 314, "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa" },
        { EK_P256,    0x000300b2, 128, 2 + 122, "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa" },
        { EK_P384,    0x000300f2, 256, 2 +  74, "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12" },
        { EK_RSA3072, 0x000300f2, 256, 2 +  74, "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12" },
    };
    /* clang-format on */
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CLEANUP(writer_done) struct writer w = { 0 };
        struct tpm_public pub;

        ek_template(want[i].kind, &pub);
        CHECK_INT(pub.attributes, want[i].attributes);
        CHECK_INT(pub.symmetric.bits, want[i].aes);
        CHECK_STRING(hex_in(&a, pub.policy), want[i].policy);
        tpm_public_encode_2b(&w, &pub);
        CHECK_INT(w.len, want[i].len);
    }
    CHECK_STRING(hex_in(&a, ek_policy_c(DIGEST_SHA384)),
                 "d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165");
    CHECK_INT(ek_policy_a(DIGEST_SHA1).len, 0);
    arena_done(&a);
}

/* Part 3: PolicySecret (23.4), PolicyOR (23.6), PolicyAuthorizeNV (23.22), each worked out from its definition. */
TEST(the_endorsement_policies_are_what_their_commands_compute)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
    static const uint8_t endorsement[] = { 0, 0, 0x01, 0x51, 0x40, 0x00, 0x00, 0x0b }, policy_or[] = { 0, 0, 0x01, 0x71 },
                         authorize_nv[] = { 0, 0, 0x01, 0x92 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        CLEANUP(writer_done) struct writer nv = { 0 };
        enum digest_algorithm hash = algorithms[i];
        uint8_t id[2] = { 0, (uint8_t)digest_tpm_id(hash) };
        struct digest zero, once, twice, nv_name;

        digest_fill(&zero, hash, 0);
        digest_compute_parts(hash, (const struct bytes[]){ digest_bytes(&zero), BYTES_OF(endorsement) }, 2, &once);
        digest_compute(hash, digest_bytes(&once), &twice); /* the empty policyRef */
        CHECK_BYTES(ek_policy_a(hash), digest_bytes(&twice));
        write_u32be(&nv, 0x01c07f01 + (uint32_t)i);
        write_u16be(&nv, digest_tpm_id(hash));
        write_u32be(&nv, 0x220f1008);
        write_u16be_prefixed(&nv, digest_bytes(&twice));
        write_u16be(&nv, (uint16_t)(2 + digest_len(hash)));
        digest_compute(hash, writer_bytes(&nv), &nv_name);
        digest_compute_parts(
            hash, (const struct bytes[]){ digest_bytes(&zero), BYTES_OF(authorize_nv), BYTES_OF(id), digest_bytes(&nv_name) }, 4, &once);
        CHECK_BYTES(ek_policy_c(hash), digest_bytes(&once));
        digest_compute_parts(hash, (const struct bytes[]){ digest_bytes(&zero), BYTES_OF(policy_or), ek_policy_a(hash), ek_policy_c(hash) },
                             4, &once);
        CHECK_BYTES(ek_policy_b(hash), digest_bytes(&once));
    }
}
