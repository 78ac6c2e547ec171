/* crypto/encrypt.h's one function that a guest needs: its TPM's own key is tried out with it. The rest is the server's. */
#include "crypto/cng.h"
#include "crypto/encrypt.h"
#include "crypto/key_handle.h"

bool encrypt_rsa_pkcs1(const struct pubkey *key, struct bytes plain, uint8_t ret_cipher[static ENCRYPT_RSA_MAX], size_t *ret_len,
                       struct err *err)
{
    ULONG len = 0;
    NTSTATUS status;

    if (pubkey_type(key) != KEY_RSA)
        return err_set(err, ERR_UNSUPPORTED, "RSAES needs an RSA key");
    status = BCryptEncrypt(cng_key_of(key_handle_of(key)), (PUCHAR)(uintptr_t)plain.data, (ULONG)plain.len, NULL, NULL, 0, ret_cipher,
                           ENCRYPT_RSA_MAX, &len, BCRYPT_PAD_PKCS1);
    if (status != 0)
        return cng_failed(err, ERR_UNSUPPORTED, "RSA encryption", status);
    *ret_len = len;
    return true;
}
