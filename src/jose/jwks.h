/* jose/jwks.h: token signing keys and the key lists they are published in.
 *
 * Two families, as attestation-service.md 3.2 describes: self-signed keys (management and VM tokens; kid over the PEM text of the
 * public key) and CA-issued keys (TPM reports; kid = x5t). Key lists of other providers are read here, too. */
#pragma once
#include "crypto/privkey.h"
#include "jose/jwk.h"
#include "jose/jws.h"

enum signing_family { SIGNING_SELF_SIGNED, SIGNING_CA_ISSUED };
enum { JWKS_KID_MAX = 45, JWKS_KEYS_MAX = 64 };

struct signing_key {
    enum signing_family family;
    enum jws_algorithm algorithm; /* RS256, or ES256 for P-256 keys */
    struct privkey *key;
    size_t n_chain;
    struct cert *chain[LIMIT_CHAIN_CERTS]; /* leaf first */
    char kid[JWKS_KID_MAX];
    struct arena arena;                        /* of the headers */
    struct jws_ready_header report_headers[2]; /* with x5c, with x5t */
};

/* Takes nothing over: the certificates are referenced, the key is read from `key_pem` (PKCS#8). Refuses a leaf with another key. */
MUST_CHECK bool signing_key_init(struct signing_key *k, enum signing_family family, struct bytes key_pem, const struct cert *const *chain,
                                 size_t n_chain, struct err *err);
void signing_key_done(struct signing_key *k);

/* The two kid formulas. */
void kid_of_public_key(const struct pubkey *key, char ret[static JWKS_KID_MAX]); /* b64(SHA-256(PEM || NUL)) */
void kid_of_certificate(const struct cert *cert, char ret[static JWKS_KID_MAX]); /* b64u(SHA-1(DER)) */

/* Tokens of the self-signed family: header {"alg","jku","kid","typ"}; `jku` may be NULL. */
MUST_CHECK bool signing_key_sign_token(const struct signing_key *k, struct arena *a, const char *jku, struct bytes payload,
                                       struct bytes *ret_compact, struct err *err);
/* TPM reports: header {"typ","alg","x5c","kid"}, or x5t for x5c when asked (attestation-service.md 6.6). */
MUST_CHECK bool signing_key_sign_report(const struct signing_key *k, struct arena *a, bool omit_x5c, struct bytes payload,
                                        struct bytes *ret_compact, struct err *err);

/* {"keys":[{"x5c":[…],"kid":…,"kty":…,"use":"sig","alg":…,"n":…,"e":…}]}: the published order, then our additions (3.4). What is
 * published is public: certificates and kid. */
struct published_key {
    enum jws_algorithm algorithm;
    const char *kid;
    const struct cert *const *chain;
    size_t n_chain;
};
void jwks_write(struct json_out *out, const struct published_key *keys, size_t n);

/* A provider's key list as fetched; `json` must outlive it (kid, alg and use are views). Entries that cannot be used are skipped and
 * counted. */
struct jwks {
    size_t n, n_skipped;
    struct jwk keys[JWKS_KEYS_MAX];
};
MUST_CHECK bool jwks_parse(const struct json *json, struct jwks **ret, struct err *err);
void jwks_free(struct jwks *jwks);
void jwks_free_at(struct jwks **jwks);
/* The only entry with this kid: NULL when there is none, or more than one. */
const struct jwk *jwks_find(const struct jwks *jwks, struct bytes kid);

/* jwks_verify picks the key by kid (required), pins its algorithms (the entry's alg, else jws_algorithms_of) and verifies. ERR_NOT_FOUND
 * for an unknown kid: fetch the list once more (attack-suite.md S14). */
MUST_CHECK bool jwks_verify(struct arena *a, const struct jwks *jwks, const struct jws *jws, unsigned allowed,
                            const struct verified_jws **ret, struct err *err);
