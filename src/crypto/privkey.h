/* crypto/privkey.h: private keys: those that sign tokens and certificates, and ephemeral ones. Wiped when freed.
 *
 * Signatures have pubkey_verify's shapes. RSAPSS salts are as long as the hash (RFC 7518, 3.5). */
#pragma once
#include "crypto/pubkey.h"

struct privkey; /* opaque, immutable, may be shared between threads */

enum privkey_kind { PRIVKEY_RSA_2048, PRIVKEY_RSA_3072, PRIVKEY_P256 };
enum { PRIVKEY_SIGNATURE_MAX = 1024 }; /* bytes: RSA-8192 */

MUST_CHECK bool privkey_generate(enum privkey_kind kind, struct privkey **ret, struct err *err);
/* Unencrypted PKCS#8 ("PRIVATE KEY"); the older RSA and EC headings are read, too. Trailing text is ignored. */
MUST_CHECK bool privkey_from_pem(struct bytes pem, struct privkey **ret, struct err *err);
/* PKCS#8 text with a NUL in the arena. Wipe it when done: ret->data is writable memory of the arena. */
MUST_CHECK bool privkey_to_pem(const struct privkey *key, struct arena *a, struct bytes *ret, struct err *err);
void privkey_free(struct privkey *key);
void privkey_free_at(struct privkey **key);

/* The public half lives as long as the key. */
const struct pubkey *privkey_public(const struct privkey *key);

/* privkey_sign hashes and signs `message`. ECDSA gives r || s. */
MUST_CHECK bool privkey_sign(const struct privkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                             uint8_t ret_signature[static PRIVKEY_SIGNATURE_MAX], size_t *ret_len, struct err *err);

/* The other side of crypto/encrypt.h: what a TPM does with the private half of an EK or an ephemeral key. */
enum { PRIVKEY_PLAIN_MAX = 1024 };
MUST_CHECK bool privkey_decrypt_oaep(const struct privkey *key, enum digest_algorithm hash, struct bytes label, struct bytes cipher,
                                     uint8_t ret_plain[static PRIVKEY_PLAIN_MAX], size_t *ret_len, struct err *err);
MUST_CHECK bool privkey_decrypt_pkcs1(const struct privkey *key, struct bytes cipher, uint8_t ret_plain[static PRIVKEY_PLAIN_MAX],
                                      size_t *ret_len, struct err *err);
/* The shared X coordinate, the curve's full length. */
MUST_CHECK bool privkey_ecdh(const struct privkey *key, const struct pubkey *peer, uint8_t ret_x[static 66], size_t *ret_len,
                             struct err *err);
