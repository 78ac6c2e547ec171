#include "base/hex.h"
#include "crypto/encrypt.h"
#include "crypto/privkey.h"
#include "support/test.h"

#define SECRET BYTES_LIT("thirty-two bytes of secret......")

static void check_hex(struct bytes b, const char *want)
{
    struct arena a = { 0 };

    CHECK_STRING(hex_in(&a, b), want);
    arena_done(&a);
}

/* NIST SP 800-38A keys with a zero iv: the first block is the key stream of zeros. */
TEST(cfb_encrypts_as_a_tpm_does_and_decrypts_again)
{
    static const uint8_t key[32] = { 0 };
    uint8_t out[34], back[34];
    struct err err = ERR_INIT;
    struct bytes plain = BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");

    REQUIRE_OK(encrypt_aes_cfb((struct bytes){ key, 16 }, plain, out, &err), err);
    check_hex((struct bytes){ out, 16 }, "66e94bd4ef8a2c3b884cfa59ca342b2e");
    REQUIRE_OK(decrypt_aes_cfb((struct bytes){ key, 16 }, BYTES_OF(out), back, &err), err);
    CHECK_BYTES(BYTES_OF(back), plain);
    REQUIRE_OK(encrypt_aes_cfb((struct bytes){ key, 32 }, plain, out, &err), err);
    check_hex((struct bytes){ out, 16 }, "dc95c078a2408989ad48a21492842087");
    CHECK(!encrypt_aes_cfb((struct bytes){ key, 24 }, plain, out, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!encrypt_aes_cfb(BYTES_NONE, plain, out, &err) && err.code == ERR_UNSUPPORTED);
}

TEST(an_rsa_key_opens_what_was_encrypted_to_it)
{
    struct privkey *key = NULL;
    struct err err = ERR_INIT;
    uint8_t cipher[ENCRYPT_RSA_MAX], plain[PRIVKEY_PLAIN_MAX];
    size_t cipher_len, plain_len;
    struct bytes label = BYTES_LIT("IDENTITY\0");

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &key, &err), err);
    for (enum digest_algorithm hash = DIGEST_SHA1; hash <= DIGEST_SHA512; hash++) {
        REQUIRE_OK(encrypt_rsa_oaep(privkey_public(key), hash, label, SECRET, cipher, &cipher_len, &err), err);
        CHECK_INT(cipher_len, 256);
        REQUIRE_OK(privkey_decrypt_oaep(key, hash, label, (struct bytes){ cipher, cipher_len }, plain, &plain_len, &err), err);
        CHECK_BYTES(((struct bytes){ plain, plain_len }), SECRET);
        CHECK(!privkey_decrypt_oaep(key, hash, BYTES_LIT("IDENTITY"), (struct bytes){ cipher, cipher_len }, plain, &plain_len, &err));
    }
    REQUIRE_OK(encrypt_rsa_oaep(privkey_public(key), DIGEST_SHA256, BYTES_NONE, SECRET, cipher, &cipher_len, &err), err);
    REQUIRE_OK(privkey_decrypt_oaep(key, DIGEST_SHA256, BYTES_NONE, (struct bytes){ cipher, cipher_len }, plain, &plain_len, &err), err);
    REQUIRE_OK(encrypt_rsa_pkcs1(privkey_public(key), SECRET, cipher, &cipher_len, &err), err);
    REQUIRE_OK(privkey_decrypt_pkcs1(key, (struct bytes){ cipher, cipher_len }, plain, &plain_len, &err), err);
    CHECK_BYTES(((struct bytes){ plain, plain_len }), SECRET);
    CHECK(!encrypt_rsa_pkcs1(privkey_public(key), (struct bytes){ cipher, 256 }, cipher, &cipher_len, &err));
    privkey_free(key);
}

TEST(both_sides_of_ecdh_find_the_same_secret)
{
    struct privkey *key = NULL;
    struct pubkey *ephemeral = NULL;
    struct encrypt_ecdh made, other;
    struct err err = ERR_INIT;
    uint8_t x[66];
    size_t len;

    REQUIRE_OK(privkey_generate(PRIVKEY_P256, &key, &err), err);
    REQUIRE_OK(encrypt_ecdh(privkey_public(key), &made, &err), err);
    CHECK_INT(made.len, 32);
    REQUIRE_OK(pubkey_from_ec(CURVE_P256, (struct bytes){ made.ephemeral_x, 32 }, (struct bytes){ made.ephemeral_y, 32 }, &ephemeral, &err),
               err);
    REQUIRE_OK(privkey_ecdh(key, ephemeral, x, &len, &err), err);
    CHECK_BYTES(((struct bytes){ x, len }), ((struct bytes){ made.shared_x, made.len }));
    REQUIRE_OK(encrypt_ecdh(privkey_public(key), &other, &err), err);
    CHECK(!bytes_equal((struct bytes){ other.shared_x, 32 }, (struct bytes){ made.shared_x, 32 }));
    pubkey_free(ephemeral);
    privkey_free(key);
}

TEST(a_key_of_the_wrong_kind_encrypts_nothing)
{
    struct privkey *rsa = NULL, *ec = NULL;
    struct encrypt_ecdh made;
    struct err err = ERR_INIT;
    uint8_t cipher[ENCRYPT_RSA_MAX];
    size_t len;

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &rsa, &err) && privkey_generate(PRIVKEY_P256, &ec, &err), err);
    CHECK(!encrypt_ecdh(privkey_public(rsa), &made, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!encrypt_rsa_oaep(privkey_public(ec), DIGEST_SHA256, BYTES_NONE, SECRET, cipher, &len, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!encrypt_rsa_pkcs1(privkey_public(ec), SECRET, cipher, &len, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!privkey_ecdh(rsa, privkey_public(ec), cipher, &len, &err) && err.code == ERR_UNSUPPORTED);
    privkey_free(rsa);
    privkey_free(ec);
}
