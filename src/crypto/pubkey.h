/* crypto/pubkey.h: public keys and signature verification.
 *
 * Algorithms come from the key and the caller's allow-list, never from the message. A key that is too weak cannot be
 * made: RSA 2048–8192 bits with an odd exponent ≥ 65537; NIST curves P-256, P-384, P-521 with the point on the curve. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "crypto/digest.h"

struct pubkey; /* opaque, immutable, may be shared between threads */

enum key_type { KEY_RSA, KEY_EC };
enum ec_curve { CURVE_NONE, CURVE_P256, CURVE_P384, CURVE_P521 };
enum signature_scheme { SIGNATURE_RSASSA, SIGNATURE_RSAPSS /* any salt length */, SIGNATURE_ECDSA };

/* Unsigned big-endian integers; leading zeros are fine. */
MUST_CHECK bool pubkey_from_rsa(struct bytes n, struct bytes e, struct pubkey **ret, struct err *err);
MUST_CHECK bool pubkey_from_ec(enum ec_curve curve, struct bytes x, struct bytes y, struct pubkey **ret, struct err *err);
MUST_CHECK bool pubkey_from_spki(struct bytes der, struct pubkey **ret, struct err *err); /* nothing may follow */
MUST_CHECK bool pubkey_from_pem(struct bytes pem, struct pubkey **ret, struct err *err);
void pubkey_free(struct pubkey *key);
void pubkey_free_at(struct pubkey **key);

enum key_type pubkey_type(const struct pubkey *key);
unsigned pubkey_bits(const struct pubkey *key);
enum ec_curve pubkey_curve(const struct pubkey *key);
size_t ec_curve_len(enum ec_curve curve);       /* bytes of a coordinate: 32, 48, 66; 0 for CURVE_NONE */
const char *ec_curve_name(enum ec_curve curve); /* "P-256" …; "none" */
bool pubkey_equal(const struct pubkey *a, const struct pubkey *b);
/* Views live as long as the key. */
struct bytes pubkey_spki(const struct pubkey *key);  /* DER SubjectPublicKeyInfo */
struct bytes pubkey_rsa_n(const struct pubkey *key); /* minimal length */
struct bytes pubkey_rsa_e(const struct pubkey *key);
struct bytes pubkey_ec_x(const struct pubkey *key); /* the curve's full length */
struct bytes pubkey_ec_y(const struct pubkey *key);

/* pubkey_verify checks `signature` over `message`. ECDSA signatures are r || s, each of the curve's length: see
 * signature_from_der and the TPM's decoder for other forms. ERR_UNTRUSTED when it does not verify. */
MUST_CHECK bool pubkey_verify(const struct pubkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                              struct bytes signature, struct err *err);
/* The same over SHA-1, which pubkey_verify refuses: for operators who allow TPMs that sign with nothing better. */
MUST_CHECK bool pubkey_verify_sha1(const struct pubkey *key, enum signature_scheme scheme, struct bytes message, struct bytes signature,
                                   struct err *err);

/* More holders of one key: pubkey_ref counts one more, each calls pubkey_free. */
struct pubkey *pubkey_ref(const struct pubkey *key);
/* PEM text of the SubjectPublicKeyInfo, 64 characters a line, each ended by a line feed; NULL: no memory. */
MUST_CHECK char *pubkey_pem(const struct pubkey *key, struct arena *a);
