#include "crypto/aead.h"
#include "crypto/cng.h"

static bool begin(struct bytes key, BCRYPT_KEY_HANDLE *ret, struct err *err)
{
    BCRYPT_ALG_HANDLE provider = cng_algorithm(CNG_AES_GCM);
    NTSTATUS status;

    if (!provider)
        return err_set(err, ERR_UNSUPPORTED, "this Windows has no AES-GCM");
    status = BCryptGenerateSymmetricKey(provider, ret, NULL, 0, (PUCHAR)(uintptr_t)key.data, (ULONG)key.len, 0);
    return status == 0 || cng_failed(err, ERR_INTERNAL, "AES-256-GCM", status);
}

static BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO mode_with(const uint8_t *iv, struct bytes aad, uint8_t *tag)
{
    BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO mode;

    BCRYPT_INIT_AUTH_MODE_INFO(mode);
    mode.pbNonce = (PUCHAR)(uintptr_t)iv;
    mode.cbNonce = AEAD_IV_LEN;
    mode.pbAuthData = aad.len ? (PUCHAR)(uintptr_t)aad.data : NULL;
    mode.cbAuthData = (ULONG)aad.len;
    mode.pbTag = tag;
    mode.cbTag = AEAD_TAG_LEN;
    return mode;
}

static bool too_long(struct bytes aad, struct bytes text) { return aad.len > INT32_MAX || text.len > INT32_MAX; }

bool aead_seal(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes plain,
               uint8_t *ret_cipher, uint8_t ret_tag[static AEAD_TAG_LEN], struct err *err)
{
    BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO mode = mode_with(iv, aad, ret_tag);
    BCRYPT_KEY_HANDLE handle CLEANUP(cng_key_done) = NULL;
    NTSTATUS status;
    ULONG len = 0;

    if (too_long(aad, plain))
        return err_set(err, ERR_LIMIT, "AES-256-GCM: too long");
    if (!begin((struct bytes){ key, AEAD_KEY_LEN }, &handle, err))
        return false;
    status = BCryptEncrypt(handle, (PUCHAR)(uintptr_t)plain.data, (ULONG)plain.len, &mode, NULL, 0, ret_cipher, (ULONG)plain.len, &len, 0);
    return status == 0 || cng_failed(err, ERR_INTERNAL, "AES-256-GCM", status);
}

bool aead_open_sized(struct bytes key, const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes cipher,
                     const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err)
{
    uint8_t want[AEAD_TAG_LEN];
    BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO mode = mode_with(iv, aad, want);
    BCRYPT_KEY_HANDLE handle CLEANUP(cng_key_done) = NULL;
    ULONG len = 0;

    if (key.len != 16 && key.len != 24 && key.len != AEAD_KEY_LEN)
        return err_set(err, ERR_UNSUPPORTED, "an AES key of %zu bytes", key.len);
    memcpy(want, tag, sizeof want);
    if (too_long(aad, cipher))
        return err_set(err, ERR_LIMIT, "AES-256-GCM: too long");
    if (!begin(key, &handle, err))
        return false;
    if (BCryptDecrypt(handle, (PUCHAR)(uintptr_t)cipher.data, (ULONG)cipher.len, &mode, NULL, 0, ret_plain, (ULONG)cipher.len, &len, 0) ==
        0)
        return true;
    wipe(ret_plain, cipher.len);
    return err_set(err, ERR_UNTRUSTED, "the sealed text or its tag was changed");
}

bool aead_open(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes cipher,
               const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err)
{
    return aead_open_sized((struct bytes){ key, AEAD_KEY_LEN }, iv, aad, cipher, tag, ret_plain, err);
}
