/* crypto/evp.h: what the files of this folder share around libcrypto. Not for other folders. */
#pragma once
#include <stdatomic.h>
#include <openssl/evp.h>
#include "base/err.h"
#include "crypto/pubkey.h"

/* Fetched once for the process; NULL when this libcrypto lacks it (using it then fails). */
enum evp_cipher_name { EVP_AES_128_GCM, EVP_AES_192_GCM, EVP_AES_256_GCM, EVP_AES_128_CFB, EVP_AES_256_CFB, EVP_CIPHER_NAMES };
const EVP_CIPHER *evp_cipher(enum evp_cipher_name name);
const EVP_MD *evp_md(enum digest_algorithm hash);

/* evp_failed empties libcrypto's error queue into the sentence ("what: reason"), returns false. */
bool evp_failed(struct err *err, enum err_code code, const char *what);

void evp_pkey_free_at(EVP_PKEY **pkey);
void evp_pkey_ctx_free_at(EVP_PKEY_CTX **ctx);

/* The libcrypto side of a public key (pubkey_evp.c). */
EVP_PKEY *evp_of_pubkey(const struct pubkey *key);
const char *evp_group_name(enum ec_curve curve);
/* The public half of any libcrypto key, through the checks of pubkey_from_…. */
MUST_CHECK bool evp_to_pubkey(EVP_PKEY *pkey, struct pubkey **ret, struct err *err);
/* Padding of a context that is initialised for signing, verifying or nothing else. */
MUST_CHECK bool evp_set_scheme(EVP_PKEY_CTX *ctx, enum signature_scheme scheme, enum digest_algorithm hash, bool signing);
/* A context that is ready to sign or verify in one way: copying it costs a tenth of preparing another. evp_context gives a context of
 * the caller's own; the first way a key is used stays prepared in `slot` (NULL until then), since a key has one way in practice.
 * A slot is for signing or for verifying, not for both. NULL: libcrypto failed. */
struct evp_prepared;
EVP_PKEY_CTX *evp_context(EVP_PKEY *pkey, _Atomic(struct evp_prepared *) *slot, enum signature_scheme scheme, enum digest_algorithm hash,
                          bool signing);
void evp_prepared_free(struct evp_prepared *prepared);
MUST_CHECK bool evp_set_oaep(EVP_PKEY_CTX *ctx, enum digest_algorithm hash, struct bytes label);
/* The shared X; ret_x has room for 66 bytes. */
MUST_CHECK bool evp_ecdh(EVP_PKEY *own, EVP_PKEY *peer, size_t coordinate_len, uint8_t *ret_x, size_t *ret_len, struct err *err);
