/* jose/jwt.h: a verified JWS whose payload is a set of claims (RFC 7519) that hold now. */
#pragma once
#include "jose/jws.h"

struct jwt_expectations {
    int64_t now_ms;
    int64_t skew_ms;       /* tolerated for exp and nbf, and for an iat in the future */
    struct bytes issuer;   /* exact; empty: any */
    struct bytes audience; /* a member of aud; empty: aud is not looked at */
    struct bytes type;     /* header typ, letters in either case, "application/" ignored; empty: any */
    bool may_lack_exp;     /* otherwise exp is required */
};

/* Proved and current. In the arena. */
struct jwt_claims {
    const struct json *claims;        /* the payload object */
    int64_t exp_ms, nbf_ms, iat_ms;   /* 0 when absent */
    struct bytes issuer, subject, id; /* iss, sub, jti; empty when absent */
};

/* jwt_check reads the payload strictly (no duplicate members) and compares. Dates are JSON numbers of seconds; fractions are cut; outside
 * years 1970–9999 they are ERR_MALFORMED. ERR_UNTRUSTED for expired, not yet valid, wrong issuer, audience or type. */
MUST_CHECK bool jwt_check(struct arena *a, const struct verified_jws *jws, const struct jwt_expectations *want, struct jwt_claims *ret,
                          struct err *err);
