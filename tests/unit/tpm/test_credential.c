/* MakeCredential, opened by a TPM's side in software; test_emulator.c has a TPM open credentials. */
#include "crypto/encrypt.h"
#include "crypto/privkey.h"
#include "support/test.h"
#include "tpm/credential.h"
#include "tpm/kdf.h"
#include "tpm/key_template.h"

static const uint8_t ak_name[34] = { 0x00, 0x0b, 1, 2, 3 };
static const uint8_t secret[32] = "thirty-two bytes of a credential";

/* Made for this test with `openssl ecparam`. */
static const char p521_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAQIpGmFyU1uoNgcIq\n"
                               "o+TRVzU8CR07P/s9TeKCeAfFjYnAktlpDAhYcGtv4ejhe+Yo0WpZwux/QAoYYCXw\n"
                               "J/8aahyhgYkDgYYABAHbaxSf8Vxl1fwOG29K/Pe/2rBVKcZZ4apM4PgWcx1JddAX\n"
                               "8M2KRRCObLtZ3Kv53Ba218hHgJ1+d1E+EpJzeoop6wEL+i7CadhTzDr7ECaowg2c\n"
                               "4H2DuIV0BS3wJ4z84S8eLcLDm3GAlkS3OM0Wd9SJE27ThXLQNGZMwAHEBZONfWKW\n"
                               "Uw==\n"
                               "-----END PRIVATE KEY-----\n";
static const char p384_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCb0wvxZOs291EavbHD\n"
                               "tUMsj5sheol4efd59tMelxyvscTwjwBftuknA2e0I+sIcpShZANiAAS1feOQRZ75\n"
                               "Rv5Z4ZBscQNIU48pqxRxW7K+Qa/LP9VkP+/iVRGzrwngWUYj8DRBvZ79kKukUbuQ\n"
                               "iiNozJK+KQXkbYZnLAqGVzH+SRDIrVjhbvBuprQE4d590XjbvkqHUuw=\n"
                               "-----END PRIVATE KEY-----\n";

/* The TPM's side: Part 1, 24.4 and 24.5, backwards. */
static bool recover_seed(const struct privkey *key, const struct tpm_public *ek, struct bytes encrypted,
                         uint8_t seed[static PRIVKEY_PLAIN_MAX], struct err *err)
{
    struct reader r = reader_over(encrypted), inner = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *peer = NULL;
    struct bytes body = BYTES_NONE, x = BYTES_NONE, y = BYTES_NONE;
    uint8_t shared[66];
    size_t len;

    CHECK(read_u16be_prefixed(&r, &body) && reader_done(&r));
    if (ek->type == TPM_ALG_RSA)
        return privkey_decrypt_oaep(key, ek->name_algorithm, BYTES_LIT("IDENTITY\0"), body, seed, &len, err);
    inner = reader_over(body);
    CHECK(read_u16be_prefixed(&inner, &x) && read_u16be_prefixed(&inner, &y) && reader_done(&inner));
    if (!pubkey_from_ec(tpm_curve(ek->curve_id), x, y, &peer, err) || !privkey_ecdh(key, peer, shared, &len, err))
        return false;
    tpm_kdf_e(ek->name_algorithm, (struct bytes){ shared, len }, "IDENTITY", x, pubkey_ec_x(privkey_public(key)), seed,
              digest_len(ek->name_algorithm));
    return true;
}

static void check_opens(const struct privkey *key, const struct tpm_public *ek, struct bytes id_object, struct bytes encrypted)
{
    uint8_t seed[PRIVKEY_PLAIN_MAX], derived[64], plain[2 + sizeof secret];
    size_t hash_len = digest_len(ek->name_algorithm);
    struct bytes body, integrity, identity;
    struct reader r = reader_over(id_object);
    struct err err = ERR_INIT;
    struct digest hmac;

    REQUIRE_OK(recover_seed(key, ek, encrypted, seed, &err), err);
    REQUIRE(read_u16be_prefixed(&r, &body) && reader_done(&r));
    r = reader_over(body);
    REQUIRE(read_u16be_prefixed(&r, &integrity));
    identity = read_rest(&r);
    tpm_kdf_a(ek->name_algorithm, (struct bytes){ seed, hash_len }, "INTEGRITY", BYTES_NONE, BYTES_NONE, derived, hash_len);
    hmac_compute(ek->name_algorithm, (struct bytes){ derived, hash_len }, (const struct bytes[]){ identity, BYTES_OF(ak_name) }, 2, &hmac);
    CHECK_BYTES(integrity, digest_bytes(&hmac));
    tpm_kdf_a(ek->name_algorithm, (struct bytes){ seed, hash_len }, "STORAGE", BYTES_OF(ak_name), BYTES_NONE, derived,
              ek->symmetric.bits / 8);
    REQUIRE(identity.len == sizeof plain);
    REQUIRE_OK(decrypt_aes_cfb((struct bytes){ derived, ek->symmetric.bits / 8 }, identity, plain, &err), err);
    CHECK_INT(plain[0] << 8 | plain[1], sizeof secret);
    CHECK_BYTES(bytes_slice(BYTES_OF(plain), 2, sizeof secret), BYTES_OF(secret));
}

static void put_key(struct tpm_public *ek, const struct pubkey *key)
{
    if (ek->type == TPM_ALG_RSA) {
        ek->rsa_n = pubkey_rsa_n(key);
        return;
    }
    ek->ecc_x = pubkey_ec_x(key);
    ek->ecc_y = pubkey_ec_y(key);
}

TEST(a_credential_opens_with_the_private_half_of_every_kind_of_endorsement_key)
{
    static const struct {
        enum ek_kind ek;
        enum privkey_kind made;
        const char *pem; /* NULL: `made` anew */
    } kinds[] = { { EK_RSA2048, PRIVKEY_RSA_2048, NULL },
                  { EK_RSA3072, PRIVKEY_RSA_3072, NULL },
                  { EK_P256, PRIVKEY_P256, NULL },
                  { EK_P384, 0, p384_pem },
                  { EK_P521, 0, p521_pem } };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP(privkey_free_at) struct privkey *key = NULL;
        CLEANUP(arena_done) struct arena a = { 0 };
        struct bytes id_object, encrypted;
        struct err err = ERR_INIT;
        struct tpm_public ek;

        if (kinds[i].pem)
            REQUIRE_OK(privkey_from_pem(bytes_of_string(kinds[i].pem), &key, &err), err);
        else
            REQUIRE_OK(privkey_generate(kinds[i].made, &key, &err), err);
        ek_template(kinds[i].ek, &ek);
        put_key(&ek, privkey_public(key));
        REQUIRE_OK(credential_make(&a, &ek, BYTES_OF(ak_name), BYTES_OF(secret), &id_object, &encrypted, &err), err);
        if (kinds[i].ek == EK_RSA2048) { /* guest-agent.md 13, size vectors */
            CHECK_INT(id_object.len, 70);
            CHECK_INT(encrypted.len, 258);
        }
        check_opens(key, &ek, id_object, encrypted);
    }
}

TEST(an_rsa_4096_endorsement_key_gets_a_seed_of_its_length)
{
    static const uint8_t modulus[512] = { 0xc1, 2, 3, [511] = 0x0d }; /* any odd number can be encrypted to */
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes id_object, encrypted;
    struct err err = ERR_INIT;
    struct tpm_public ek;

    ek_template(EK_RSA4096, &ek);
    ek.rsa_n = BYTES_OF(modulus);
    REQUIRE_OK(credential_make(&a, &ek, BYTES_OF(ak_name), BYTES_OF(secret), &id_object, &encrypted, &err), err);
    CHECK_INT(encrypted.len, 2 + 512);
    CHECK_INT(id_object.len, 2 + 2 + 48 + 2 + sizeof secret);
}

TEST(two_credentials_for_one_secret_differ)
{
    CLEANUP(privkey_free_at) struct privkey *key = NULL;
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes id[2], encrypted[2];
    struct err err = ERR_INIT;
    struct tpm_public ek;

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err), err);
    ek_template(EK_P256, &ek);
    put_key(&ek, privkey_public(key));
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(credential_make(&a, &ek, BYTES_OF(ak_name), BYTES_OF(secret), &id[i], &encrypted[i], &err), err);
    CHECK(!bytes_equal(id[0], id[1]) && !bytes_equal(encrypted[0], encrypted[1]));
}

TEST(credentials_for_keys_or_secrets_of_another_shape_are_refused)
{
    static const uint8_t long_secret[33] = { 1 };
    CLEANUP(privkey_free_at) struct privkey *key = NULL;
    CLEANUP(arena_done) struct arena a = { 0 };
    struct tpm_public good, ek;
    struct bytes id, encrypted;
    struct err err = ERR_INIT;

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err), err);
    ek_template(EK_P256, &good);
    put_key(&good, privkey_public(key));
    for (int wrong = 0; wrong < 7; wrong++) {
        struct bytes s = BYTES_OF(secret);

        ek = good;
        err = ERR_INIT;
        /* clang-format off */
        switch (wrong) {
        case 0: ek.symmetric.algorithm = TPM_ALG_NULL; break;
        case 1: ek.symmetric.bits = 192; break;
        case 2: ek.name_algorithm = DIGEST_SHA1; break;
        case 3: ek.scheme.algorithm = TPM_ALG_ECDSA; break;
        case 4: s = BYTES_OF(long_secret); break;
        case 5: s = BYTES_NONE; break;
        case 6: ek.ecc_x = ek.ecc_y; break; /* not on the curve */
        }
        /* clang-format on */
        CHECK(!credential_make(&a, &ek, BYTES_OF(ak_name), s, &id, &encrypted, &err));
        CHECK(err.code != ERR_NONE);
    }
}
