/* crypto/cng.h: what the files of this folder share around CNG, Windows' own cryptography. Not for other folders.
 *
 * The Windows build has what the guest agent needs: hashes, public keys, keys of a process's life, AES-GCM. Keys on disk and
 * encryption to others' keys are the server's, which is not built for Windows. */
#pragma once
#include <windows.h>
#include <bcrypt.h>
#include "crypto/digest.h"
#include "crypto/pubkey.h"

enum cng_algorithm { CNG_RSA, CNG_ECDSA_P256, CNG_ECDSA_P384, CNG_ECDSA_P521, CNG_AES_GCM, CNG_ALGORITHMS };
/* Opened once for the process; NULL when Windows lacks it. */
BCRYPT_ALG_HANDLE cng_algorithm(enum cng_algorithm algorithm);
enum cng_algorithm cng_ecdsa(enum ec_curve curve);

/* CNG's name of a hash; NULL: it has none. */
const wchar_t *cng_hash_name(enum digest_algorithm algorithm);

/* The padding of an RSA signature. `salt_len` matters for RSAPSS. The info lives in *ret_storage. */
union cng_padding {
    BCRYPT_PKCS1_PADDING_INFO rsassa;
    BCRYPT_PSS_PADDING_INFO rsapss;
};
void cng_padding_set(enum signature_scheme scheme, enum digest_algorithm hash, size_t salt_len, union cng_padding *ret_storage,
                     void **ret_info, ULONG *ret_flags);

/* cng_failed records "what: status 0x…", returns false. */
bool cng_failed(struct err *err, enum err_code code, const char *what, NTSTATUS status);

struct key_handle;
BCRYPT_KEY_HANDLE cng_key_of(const struct key_handle *handle); /* pubkey_cng.c */

void cng_key_done(BCRYPT_KEY_HANDLE *key);
