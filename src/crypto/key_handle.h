/* crypto/key_handle.h: a public key as the crypto library of this build holds it: libcrypto (pubkey_evp.c) or Windows' CNG (pubkey_cng.c).
 * What callers use is crypto/pubkey.h, whose checks come first; this is for this folder. */
#pragma once
#include "crypto/pubkey.h"

struct key_handle;

/* `n` and `e` without leading zeros; they live as long as the handle: most keys are only compared, and what libcrypto wants is made when a signature
 * is first checked. */
MUST_CHECK bool key_handle_rsa(struct bytes n, struct bytes e, struct key_handle **ret, struct err *err);
/* `point` is 04 || x || y. MALFORMED when it is not on the curve. */
MUST_CHECK bool key_handle_ec(enum ec_curve curve, struct bytes point, struct key_handle **ret, struct err *err);
void key_handle_free(struct key_handle *handle); /* NULL is fine */

/* `signature` has the key's length; ECDSA is r || s. Any salt length for RSAPSS. UNTRUSTED when it does not verify. */
MUST_CHECK bool key_handle_verify(struct key_handle *handle, enum signature_scheme scheme, const struct digest *digest,
                                  struct bytes signature, struct err *err);

struct key_handle *key_handle_of(const struct pubkey *key); /* lives as long as the key */
