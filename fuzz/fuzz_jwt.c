/* Tokens and key lists from strangers: a token never verifies under a key that did not sign it, and has one spelling. */

#include "base/limits.h"
#include "fuzz.h"
#include "jose/jwks.h"
#include "jose/jwt.h"
#include "json/parse.h"

/* RFC 7515 A.3.1: a public key whose private half the fuzzer does not use. */
#define KEY                                                                                                             \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"
/* RFC 7515 A.3: the one message that this key signed. */
#define GENUINE "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."

/* Per byte: three readers of the input, decoded base64 and the JSON in it; a signed copy of it. */
enum { BYTES_PER_BYTE = 1024, FIXED = 256 * 1024 };

static struct jwks *the_key(struct arena *a)
{
    const struct json *json;
    struct jwks *jwks = NULL;
    struct err err = ERR_INIT;

    ENSURE(json_parse(a, BYTES_LIT(KEY), NULL, &json, &err) && jwks_parse(json, &jwks, &err) && jwks->n == 1);
    return jwks;
}

static void put_back_together(struct arena *a, const struct jws *jws)
{
    struct bytes compact;
    struct err err = ERR_INIT;

    /* one spelling: what was decoded encodes to what was received */
    ENSURE(jws_attach(a, jws->signing_input, jws->signature, &compact, &err) && bytes_equal(compact, jws->compact));
    ENSURE(jws->signature.len > 0 && json_get(jws->header, "crit") == NULL);
}

static void token(struct arena *a, struct bytes input)
{
    CLEANUP(jwks_free_at) struct jwks *jwks = the_key(a);
    const struct verified_jws *verified = NULL;
    struct unsecured_jws unsecured;
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct jws jws;
    struct err err = ERR_INIT;
    size_t n = 0;
    bool signed_form = jws_parse(a, input, 0, &jws, &err);

    ENSURE(signed_form || err.code != ERR_NONE);
    ENSURE(!(jws_parse_unsecured(a, input, 0, &unsecured, &err) && signed_form));
    if (!signed_form)
        return;
    put_back_together(a, &jws);
    if (jws_verify(a, &jws, jwks->keys[0].key, JWS_ALLOW_ALL, &verified, &err)) {
        struct jwt_expectations want = { .now_ms = 0, .may_lack_exp = true };
        struct jwt_claims claims;

        ENSURE(bytes_starts_with(jws.compact, BYTES_LIT(GENUINE)));
        ENSURE(jwt_check(a, verified, &want, &claims, &err));
    } else {
        ENSURE(err.code == ERR_UNTRUSTED);
    }
    err = ERR_INIT;
    if (jws_header_certs(&jws, certs, &n, &err)) {
        ENSURE(n >= 1 && n <= LIMIT_CHAIN_CERTS);
        while (n-- > 0)
            cert_free(certs[n]);
    } else {
        ENSURE(err.code != ERR_NONE);
    }
}

static void key_list(struct arena *a, struct bytes input)
{
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    const struct json *json;
    struct err err = ERR_INIT;

    if (!json_parse(a, input, NULL, &json, &err) || !jwks_parse(json, &jwks, &err))
        return;
    for (size_t i = 0; i < jwks->n; i++) {
        struct digest thumbprint;

        ENSURE(jwks->keys[i].key && pubkey_spki(jwks->keys[i].key).len > 0);
        jwk_thumbprint(jwks->keys[i].key, &thumbprint);
        ENSURE(thumbprint.algorithm == DIGEST_SHA256);
    }
}

/* Checked payloads as if the key had signed them: jwt_check sees hostile JSON only then. */
static void payload(struct arena *a, struct bytes input)
{
    static struct privkey *key;
    const struct verified_jws *verified;
    struct jwt_expectations want = { .now_ms = 1795296000000, .audience = BYTES_LIT("me") };
    struct jwt_claims claims;
    struct bytes text;
    struct jws jws;
    struct err err = ERR_INIT;

    if (!key)
        ENSURE(privkey_generate(PRIVKEY_P256, &key, &err));
    ENSURE(jws_sign(a, key, JWS_ES256, BYTES_LIT("{\"alg\":\"ES256\"}"), input, &text, &err));
    if (text.len > LIMIT_TOKEN_BYTES)
        return;
    ENSURE(jws_parse(a, text, 0, &jws, &err) && jws_verify(a, &jws, privkey_public(key), JWS_ALLOW_ALL, &verified, &err));
    ENSURE(bytes_equal(verified_jws_payload(verified), input));
    if (jwt_check(a, verified, &want, &claims, &err)) {
        ENSURE(claims.exp_ms > want.now_ms && claims.nbf_ms <= want.now_ms && claims.iat_ms <= want.now_ms);
        ENSURE(claims.claims->type == JSON_OBJECT);
    } else {
        ENSURE(err.code != ERR_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = { data, size };
    static struct arena a;

    arena_reset(&a);
    token(&a, input);
    key_list(&a, input);
    if (size > 0 && data[0] == '{')
        payload(&a, input);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
