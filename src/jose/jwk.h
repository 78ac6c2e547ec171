/* jose/jwk.h: public keys as JSON (RFC 7517, 7518 section 6; thumbprints RFC 7638). Private members are never read or written. */
#pragma once
#include "base/limits.h"
#include "json/value.h"
#include "json/write.h"
#include "x509/cert.h"

/* A claimed key: somebody sent it. Strings are views into the JSON value. */
struct jwk {
    struct pubkey *key;         /* from n/e or x/y; else from the first certificate */
    struct bytes kid, alg, use; /* empty when absent */
    size_t n_certs;
    struct cert *certs[LIMIT_CHAIN_CERTS]; /* x5c, leaf first */
};

/* jwk_parse reads "RSA" and "EC" keys with n/e, x/y or x5c. Where both are there, they must be the same key. base64url without
 * padding; for x5c standard base64. Unknown members are ignored. On failure nothing is kept. */
MUST_CHECK bool jwk_parse(const struct json *json, struct jwk *ret, struct err *err);
void jwk_done(struct jwk *jwk);

/* jwk_write_key writes kty and n/e or crv/x/y into the object that is open; jwk_write_certs writes "x5c". */
void jwk_write_key(struct json_out *out, const struct pubkey *key);
void jwk_write_certs(struct json_out *out, const struct cert *const *certs, size_t n);
/* SHA-256 over the canonical members. */
void jwk_thumbprint(const struct pubkey *key, struct digest *ret);
/* An "x5c" array (or any array of standard base64 DER): at most LIMIT_CHAIN_CERTS. The caller frees each certificate. */
MUST_CHECK bool jwk_parse_certs(const struct json *x5c, struct cert *ret[static LIMIT_CHAIN_CERTS], size_t *ret_n, struct err *err);
