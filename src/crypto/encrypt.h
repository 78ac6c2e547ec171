/* crypto/encrypt.h: encryption to somebody else's key: credentials for a TPM (MakeCredential) and sealed answers.
 *
 * Rules: TPM 2.0 Part 1, annexes B.10 (RSA secret sharing: OAEP with the EK's name algorithm; the label includes its final NUL) and
 * C.6 (ECC: KDFe over the shared X), 24.5 (CFB with a zero IV); attestation-service.md 7.6 (RSAES). */
#pragma once
#include "crypto/pubkey.h"

enum { ENCRYPT_RSA_MAX = 1024 /* bytes: RSA-8192 */, ENCRYPT_COORDINATE_MAX = 66 /* bytes: P-521 */ };

/* `label` goes into OAEP exactly as given. */
MUST_CHECK bool encrypt_rsa_oaep(const struct pubkey *key, enum digest_algorithm hash, struct bytes label, struct bytes plain,
                                 uint8_t ret_cipher[static ENCRYPT_RSA_MAX], size_t *ret_len, struct err *err);
MUST_CHECK bool encrypt_rsa_pkcs1(const struct pubkey *key, struct bytes plain, uint8_t ret_cipher[static ENCRYPT_RSA_MAX], size_t *ret_len,
                                  struct err *err);

/* AES-128 or AES-256 by key.len, CFB128, zero IV: in.len bytes in, as many out; `ret_out` may be where `in` lies. */
MUST_CHECK bool encrypt_aes_cfb(struct bytes key, struct bytes in, uint8_t *ret_out, struct err *err);
MUST_CHECK bool decrypt_aes_cfb(struct bytes key, struct bytes in, uint8_t *ret_out, struct err *err);

/* A new key on the peer's curve, used once and forgotten. All coordinates have the curve's full length. Wipe the result. */
struct encrypt_ecdh {
    size_t len;
    uint8_t shared_x[ENCRYPT_COORDINATE_MAX];
    uint8_t ephemeral_x[ENCRYPT_COORDINATE_MAX], ephemeral_y[ENCRYPT_COORDINATE_MAX];
};
MUST_CHECK bool encrypt_ecdh(const struct pubkey *peer, struct encrypt_ecdh *ret, struct err *err);
