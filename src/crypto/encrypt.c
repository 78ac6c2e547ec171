#include "crypto/encrypt.h"
#include <limits.h>
#include <openssl/rsa.h>
#include "crypto/evp.h"

bool evp_set_oaep(EVP_PKEY_CTX *ctx, enum digest_algorithm hash, struct bytes label)
{
    void *owned = NULL;

    if (label.len > INT_MAX || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, evp_md(hash)) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, evp_md(hash)) != 1)
        return false;
    if (label.len == 0)
        return true;
    owned = OPENSSL_memdup(label.data, label.len);
    if (!owned || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, owned, (int)label.len) != 1) {
        OPENSSL_free(owned);
        return false;
    }
    return true;
}

bool evp_ecdh(EVP_PKEY *own, EVP_PKEY *peer, size_t coordinate_len, uint8_t *ret_x, size_t *ret_len, struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    uint8_t x[ENCRYPT_COORDINATE_MAX];
    size_t len = sizeof x;

    if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 || EVP_PKEY_derive(ctx, x, &len) != 1 ||
        len != coordinate_len)
        return evp_failed(err, ERR_INTERNAL, "ECDH");
    memcpy(ret_x, x, len);
    wipe(x, sizeof x);
    *ret_len = len;
    return true;
}

static bool encrypt(EVP_PKEY_CTX *ctx, struct bytes plain, uint8_t *ret_cipher, size_t *ret_len, struct err *err)
{
    size_t len = ENCRYPT_RSA_MAX;

    if (EVP_PKEY_encrypt(ctx, ret_cipher, &len, plain.data, plain.len) != 1)
        return evp_failed(err, ERR_UNSUPPORTED, "RSA encryption");
    *ret_len = len;
    return true;
}

bool encrypt_rsa_oaep(const struct pubkey *key, enum digest_algorithm hash, struct bytes label, struct bytes plain,
                      uint8_t ret_cipher[static ENCRYPT_RSA_MAX], size_t *ret_len, struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = NULL;

    if (pubkey_type(key) != KEY_RSA || hash == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "OAEP needs an RSA key and a hash");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp_of_pubkey(key), NULL);
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || !evp_set_oaep(ctx, hash, label))
        return evp_failed(err, ERR_INTERNAL, "OAEP encryption");
    return encrypt(ctx, plain, ret_cipher, ret_len, err);
}

bool encrypt_rsa_pkcs1(const struct pubkey *key, struct bytes plain, uint8_t ret_cipher[static ENCRYPT_RSA_MAX], size_t *ret_len,
                       struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = NULL;

    if (pubkey_type(key) != KEY_RSA)
        return err_set(err, ERR_UNSUPPORTED, "RSAES needs an RSA key");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp_of_pubkey(key), NULL);
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return evp_failed(err, ERR_INTERNAL, "RSAES encryption");
    return encrypt(ctx, plain, ret_cipher, ret_len, err);
}

static bool aes_cfb(struct bytes key, struct bytes in, int encrypting, uint8_t *ret_out, struct err *err)
{
    static const uint8_t zero_iv[16];
    EVP_CIPHER_CTX *ctx;
    int n = 0;
    bool done;

    if ((key.len != 16 && key.len != 32) || in.len > INT_MAX)
        return err_set(err, ERR_UNSUPPORTED, "AES-CFB with a key of %zu bytes", key.len);
    ctx = EVP_CIPHER_CTX_new();
    done =
        ctx &&
        EVP_CipherInit_ex2(ctx, evp_cipher(key.len == 16 ? EVP_AES_128_CFB : EVP_AES_256_CFB), key.data, zero_iv, encrypting, NULL) == 1 &&
        (in.len == 0 || EVP_CipherUpdate(ctx, ret_out, &n, in.data, (int)in.len) == 1) && (size_t)n == in.len;
    EVP_CIPHER_CTX_free(ctx);
    return done || evp_failed(err, ERR_INTERNAL, "AES-CFB");
}

bool encrypt_aes_cfb(struct bytes key, struct bytes in, uint8_t *ret_out, struct err *err) { return aes_cfb(key, in, 1, ret_out, err); }

bool decrypt_aes_cfb(struct bytes key, struct bytes in, uint8_t *ret_out, struct err *err) { return aes_cfb(key, in, 0, ret_out, err); }

bool encrypt_ecdh(const struct pubkey *peer, struct encrypt_ecdh *ret, struct err *err)
{
    CLEANUP(evp_pkey_free_at) EVP_PKEY *pkey = NULL;
    CLEANUP(pubkey_free_at) struct pubkey *public = NULL;
    struct encrypt_ecdh made = { 0 };

    if (pubkey_type(peer) != KEY_EC)
        return err_set(err, ERR_UNSUPPORTED, "ECDH needs an EC key");
    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", evp_group_name(pubkey_curve(peer)));
    if (!pkey)
        return evp_failed(err, ERR_INTERNAL, "making an ephemeral key");
    if (!evp_to_pubkey(pkey, &public, err) ||
        !evp_ecdh(pkey, evp_of_pubkey(peer), ec_curve_len(pubkey_curve(peer)), made.shared_x, &made.len, err))
        return false;
    memcpy(made.ephemeral_x, pubkey_ec_x(public).data, made.len);
    memcpy(made.ephemeral_y, pubkey_ec_y(public).data, made.len);
    *ret = made;
    wipe(&made, sizeof made);
    return true;
}
