#include "crypto/aead.h"
#include <limits.h>
#include "crypto/evp.h"

static void free_ctx(EVP_CIPHER_CTX **ctx) { EVP_CIPHER_CTX_free(*ctx); }

static EVP_CIPHER_CTX *begin(struct bytes key, const uint8_t *iv, int encrypt, struct bytes aad, struct bytes in)
{
    enum evp_cipher_name cipher = key.len == 16 ? EVP_AES_128_GCM : key.len == 24 ? EVP_AES_192_GCM : EVP_AES_256_GCM;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    if (!ctx || in.len > INT_MAX || aad.len > INT_MAX || EVP_CipherInit_ex2(ctx, evp_cipher(cipher), key.data, iv, encrypt, NULL) != 1 ||
        (aad.len && EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1)) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool aead_seal(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes plain,
               uint8_t *ret_cipher, uint8_t ret_tag[static AEAD_TAG_LEN], struct err *err)
{
    CLEANUP(free_ctx) EVP_CIPHER_CTX *ctx = begin((struct bytes){ key, AEAD_KEY_LEN }, iv, 1, aad, plain);
    uint8_t none[16];
    int n = 0;

    if (!ctx || (plain.len && EVP_CipherUpdate(ctx, ret_cipher, &n, plain.data, (int)plain.len) != 1) || (size_t)n != plain.len ||
        EVP_CipherFinal_ex(ctx, none, &n) != 1 || n != 0 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, ret_tag) != 1)
        return evp_failed(err, ERR_INTERNAL, "AES-256-GCM");
    return true;
}

bool aead_open_sized(struct bytes key, const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes cipher,
                     const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err)
{
    CLEANUP(free_ctx) EVP_CIPHER_CTX *ctx = begin(key, iv, 0, aad, cipher);
    uint8_t want[AEAD_TAG_LEN], none[16];
    int n = 0;

    if (key.len != 16 && key.len != 24 && key.len != AEAD_KEY_LEN)
        return err_set(err, ERR_UNSUPPORTED, "an AES key of %zu bytes", key.len);
    memcpy(want, tag, sizeof want); /* libcrypto's parameter is not const */
    if (!ctx || (cipher.len && EVP_CipherUpdate(ctx, ret_plain, &n, cipher.data, (int)cipher.len) != 1) || (size_t)n != cipher.len ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, want) != 1) {
        wipe(ret_plain, cipher.len);
        return evp_failed(err, ERR_INTERNAL, "AES-GCM");
    }
    if (EVP_CipherFinal_ex(ctx, none, &n) != 1) {
        wipe(ret_plain, cipher.len);
        evp_failed(err, ERR_UNTRUSTED, "AES-GCM");
        return err_set(err, ERR_UNTRUSTED, "the sealed text or its tag was changed");
    }
    return true;
}

bool aead_open(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes cipher,
               const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err)
{
    return aead_open_sized((struct bytes){ key, AEAD_KEY_LEN }, iv, aad, cipher, tag, ret_plain, err);
}
