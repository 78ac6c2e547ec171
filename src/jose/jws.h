/* jose/jws.h: compact JWS (RFC 7515): claimed until jws_verify says otherwise.
 *
 * The algorithm is bound to the key and the caller's allow-list; the header only has to agree. Nothing of the header is ever used to
 * find a key (jku, x5u, jwk): a caller that lets a message bring its certificates asks jws_header_certs, and proves them itself.
 * `crit`, duplicate members, unsecured messages and a second spelling of the same bytes in base64url are refused. */
#pragma once
#include "base/limits.h"
#include "json/value.h"
#include "crypto/privkey.h"
#include "x509/cert.h"

/* clang-format off */
/*   name   RFC 7518   key       scheme             hash     curve */
#define JWS_ALGORITHMS(X)                                              \
    X(RS256, "RS256", KEY_RSA, SIGNATURE_RSASSA, DIGEST_SHA256, CURVE_NONE) \
    X(RS384, "RS384", KEY_RSA, SIGNATURE_RSASSA, DIGEST_SHA384, CURVE_NONE) \
    X(RS512, "RS512", KEY_RSA, SIGNATURE_RSASSA, DIGEST_SHA512, CURVE_NONE) \
    X(PS256, "PS256", KEY_RSA, SIGNATURE_RSAPSS, DIGEST_SHA256, CURVE_NONE) \
    X(PS384, "PS384", KEY_RSA, SIGNATURE_RSAPSS, DIGEST_SHA384, CURVE_NONE) \
    X(PS512, "PS512", KEY_RSA, SIGNATURE_RSAPSS, DIGEST_SHA512, CURVE_NONE) \
    X(ES256, "ES256", KEY_EC,  SIGNATURE_ECDSA,  DIGEST_SHA256, CURVE_P256) \
    X(ES384, "ES384", KEY_EC,  SIGNATURE_ECDSA,  DIGEST_SHA384, CURVE_P384) \
    X(ES512, "ES512", KEY_EC,  SIGNATURE_ECDSA,  DIGEST_SHA512, CURVE_P521)
/* clang-format on */

enum jws_algorithm {
#define X(name, text, key, scheme, hash, curve) JWS_##name,
    JWS_ALGORITHMS(X)
#undef X
        JWS_ALGORITHM_COUNT
};
#define JWS_ALLOW(algorithm) (1u << (algorithm))
#define JWS_ALLOW_ALL        ((1u << JWS_ALGORITHM_COUNT) - 1)

/* What somebody sent. All views point into the arena or the text. */
struct jws {
    struct bytes compact;       /* as received, trimmed */
    struct bytes signing_input; /* "header.payload" as received */
    const struct json *header;
    enum jws_algorithm algorithm; /* what the header claims */
    struct bytes kid, typ;        /* empty when absent */
    struct bytes claimed_payload; /* decoded */
    struct bytes signature;       /* decoded */
};

/* jws_parse takes at most LIMIT_TOKEN_BYTES (the caller's limit may be larger: `limit` bytes, 0 for the default). `text` must outlive the
 * result. "alg":"none" is ERR_UNTRUSTED, other algorithms that we do not have are ERR_UNSUPPORTED, the rest ERR_MALFORMED. */
MUST_CHECK bool jws_parse(struct arena *a, struct bytes text, size_t limit, struct jws *ret, struct err *err);

/* The same for the messages of clients of the attestation service (attestation-service.md 2.3), never for tokens that grant something: its
 * parts may be padded and use + and /, and "RSA256" is what the cloud's Python client calls RS256. What is signed is the text as received. */
MUST_CHECK bool jws_parse_loose(struct arena *a, struct bytes text, size_t limit, struct jws *ret, struct err *err);

/* For the one place where the product accepts unsecured messages as input (policies; attestation-service.md 3.3): reads only
 * "alg":"none" with an empty signature, spelled as loosely as above, and never makes a verified_jws. */
struct unsecured_jws {
    struct bytes compact;
    struct bytes payload;
};
MUST_CHECK bool jws_parse_unsecured(struct arena *a, struct bytes text, size_t limit, struct unsecured_jws *ret, struct err *err);

/* The certificates a message brings along: header x5c, or jwk.x5c of older signers. Claimed. ERR_NOT_FOUND when there are none.
 * At most LIMIT_CHAIN_CERTS; the caller frees each. */
MUST_CHECK bool jws_header_certs(const struct jws *jws, struct cert *ret[static LIMIT_CHAIN_CERTS], size_t *ret_n, struct err *err);

struct verified_jws; /* in the arena; jws_verify() is its only constructor */

/* `allowed`: JWS_ALLOW bits; those that do not fit the key's type and curve never count. */
MUST_CHECK bool jws_verify(struct arena *a, const struct jws *jws, const struct pubkey *key, unsigned allowed,
                           const struct verified_jws **ret, struct err *err);
struct bytes verified_jws_payload(const struct verified_jws *v);
const struct json *verified_jws_header(const struct verified_jws *v);

/* The allow-list that fits a key: RSA: RS* and PS*; a curve: its one algorithm. */
unsigned jws_algorithms_of(const struct pubkey *key);
const char *jws_algorithm_name(enum jws_algorithm algorithm);
MUST_CHECK bool jws_algorithm_from_name(struct bytes name, enum jws_algorithm *ret);

/* Making one. `header_json` is written by the caller (member order is part of published shapes) and must say the algorithm that is
 * used. The result is NUL-terminated text in the arena. */
MUST_CHECK bool jws_sign(struct arena *a, const struct privkey *key, enum jws_algorithm algorithm, struct bytes header_json,
                         struct bytes payload, struct bytes *ret_compact, struct err *err);
/* The same in two steps, for a key whose headers are the same again and again: checked and encoded once. `encoded` lives in the arena. */
struct jws_ready_header {
    enum jws_algorithm algorithm;
    struct bytes encoded;
};
MUST_CHECK bool jws_header_make(struct arena *a, enum jws_algorithm algorithm, struct bytes header_json, struct jws_ready_header *ret,
                                struct err *err);
MUST_CHECK bool jws_sign_ready(struct arena *a, const struct privkey *key, const struct jws_ready_header *header, struct bytes payload,
                               struct bytes *ret_compact, struct err *err);
/* For keys that live elsewhere (a TPM): what to sign, and putting the signature behind it (ECDSA: r || s). */
MUST_CHECK bool jws_signing_input(struct arena *a, struct bytes header_json, struct bytes payload, struct bytes *ret, struct err *err);
MUST_CHECK bool jws_attach(struct arena *a, struct bytes signing_input, struct bytes signature, struct bytes *ret_compact, struct err *err);
/* {"alg":"none"} with an empty signature: only for draft policies and built-in policies (attestation-service.md 3.3, 4.3).
 * `header_json` as the published shape spells it. */
MUST_CHECK bool jws_make_unsecured(struct arena *a, struct bytes header_json, struct bytes payload, struct bytes *ret_compact,
                                   struct err *err);
