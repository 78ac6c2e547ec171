/* Attack suite S11: tokens, and everything else that is a JWS, from people who know the public key and nothing else. */
#include <stdlib.h>
#include "base/base64.h"
#include "jose/jwks.h"
#include "jose/jwt.h"
#include "json/parse.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

struct consumer {
    struct fixture *f;
    struct jwks *jwks;                              /* as published */
    struct bytes token, header, payload, signature; /* of a genuine token; the last three still in base64url */
};

static void consumer_done(struct consumer *c) { jwks_free(c->jwks); }

/* What a relying party does with our token. */
static bool accepts(struct consumer *c, struct bytes text)
{
    struct arena *a = &c->f->a;
    const struct verified_jws *verified;
    struct jwt_claims claims;
    struct jws jws;
    struct err err = ERR_INIT;
    const struct jwt_expectations want = { .now_ms = fixture_time, .issuer = BYTES_LIT(FIXTURE_ISSUER) };

    return jws_parse(a, text, 0, &jws, &err) && jwks_verify(a, c->jwks, &jws, JWS_ALLOW_ALL, &verified, &err) &&
           jwt_check(a, verified, &want, &claims, &err);
}

static bool consumer_begin(struct fixture *f, struct consumer *c)
{
    struct answer answer;
    struct err err = ERR_INIT;
    size_t first, second;

    *c = (struct consumer){ .f = f };
    if (!attest_once(f, fixture_vm(f, "one"), &c->token))
        return false;
    fixture_call(f, &(struct call){ .path = "/certs" }, &answer);
    if (answer.status != 200 || !jwks_parse(answer.json, &c->jwks, &err))
        return false;
    first = bytes_find(c->token, BYTES_LIT("."));
    c->header = bytes_slice(c->token, 0, first);
    c->payload = bytes_slice(c->token, first + 1, c->token.len);
    second = bytes_find(c->payload, BYTES_LIT("."));
    c->signature = bytes_slice(c->payload, second + 1, c->token.len);
    c->payload = bytes_slice(c->payload, 0, second);
    return true;
}

static struct bytes put_together(struct consumer *c, struct bytes header, struct bytes payload, struct bytes signature)
{
    const char *text = arena_printf(&c->f->a, "%.*s.%.*s.%.*s", BYTES_FMT(header), BYTES_FMT(payload), (int)signature.len,
                                    signature.len ? (const char *)signature.data : "");

    if (!text)
        abort();
    return bytes_of_string(text);
}

static struct bytes encoded(struct consumer *c, struct bytes b)
{
    char *text = base64_in(&c->f->a, BASE64_URL, b);

    if (!text)
        abort();
    return bytes_of_string(text);
}

static const char *kid_of(struct consumer *c)
{
    struct jws jws;
    struct err err = ERR_INIT;

    return jws_parse(&c->f->a, c->token, 0, &jws, &err) ? arena_string(&c->f->a, jws.kid) : "";
}

/* A header of the attacker's, signed with a key of the attacker's. */
static struct bytes signed_by_attacker(struct consumer *c, const char *header, enum jws_algorithm algorithm)
{
    const struct privkey *key = test_key(algorithm == JWS_ES256 ? PRIVKEY_P256 : PRIVKEY_RSA_2048, 25);
    enum signature_scheme scheme = algorithm == JWS_ES256 ? SIGNATURE_ECDSA : SIGNATURE_RSASSA;
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct bytes head = encoded(c, bytes_of_string(header)), input;
    struct err err = ERR_INIT;
    size_t len;

    input = bytes_of_string(arena_printf(&c->f->a, "%.*s.%.*s", BYTES_FMT(head), BYTES_FMT(c->payload)));
    if (!privkey_sign(key, scheme, DIGEST_SHA256, input, signature, &len, &err))
        abort();
    return put_together(c, head, c->payload, encoded(c, (struct bytes){ signature, len }));
}

static void check_unsigned(struct consumer *c)
{
    static const char *const algorithms[] = {
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS256 ", "rs256", "RSA-OAEP"
    };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        const char *header = arena_printf(&c->f->a, "{\"alg\":\"%s\",\"kid\":\"%s\"}", algorithms[i], kid_of(c));
        struct bytes head = encoded(c, bytes_of_string(header));
        CHECK(!accepts(c, put_together(c, head, c->payload, BYTES_NONE)));
        CHECK(!accepts(c, put_together(c, head, c->payload, c->signature)));
    }
}

/* HMAC under what everybody knows of the RSA key. */
static void check_hmac(struct consumer *c)
{
    const struct pubkey *key = c->jwks->keys[0].key;
    const struct bytes secrets[] = { bytes_of_string(pubkey_pem(key, &c->f->a)), pubkey_spki(key), pubkey_rsa_n(key), BYTES_NONE };
    static const char *const algorithms[] = { "HS256", "RS256" };

    for (size_t s = 0; s < ARRAY_LEN(secrets); s++)
        for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
            const char *header = arena_printf(&c->f->a, "{\"alg\":\"%s\",\"kid\":\"%s\"}", algorithms[i], kid_of(c));
            struct bytes head = encoded(c, bytes_of_string(header));
            struct bytes input = bytes_of_string(arena_printf(&c->f->a, "%.*s.%.*s", BYTES_FMT(head), BYTES_FMT(c->payload)));
            uint8_t mac[32];
            hmac_sha256(secrets[s], &input, 1, mac);
            CHECK(!accepts(c, put_together(c, head, c->payload, encoded(c, BYTES_OF(mac)))));
        }
}

/* Headers that bring or name a key of the attacker's. */
static void check_injected_keys(struct consumer *c)
{
    const struct privkey *attacker = test_key(PRIVKEY_RSA_2048, 25);
    char *n = base64_in(&c->f->a, BASE64_URL, pubkey_rsa_n(privkey_public(attacker)));
    struct cert *own CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    const char *kid = kid_of(c), *x5c;

    REQUIRE_OK(ca_self_signed_signer(attacker, FIXTURE_ISSUER, fixture_time, CA_VALIDITY_MS, &own, &err), err);
    x5c = base64_in(&c->f->a, BASE64_STANDARD, own->der);
    const char *const headers[] = {
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"jwk\":{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}}", kid, n),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}}", n),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"jku\":\"https://attacker.example/certs\"}", kid),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5u\":\"https://attacker.example/cert\"}", kid),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5c\":[\"%s\"]}", kid, x5c),
        arena_printf(&c->f->a, "{\"alg\":\"RS256\",\"x5c\":[\"%s\"]}", x5c),
        "{\"alg\":\"RS256\",\"kid\":\"../../../etc/passwd\"}",
        "{\"alg\":\"RS256\",\"kid\":\"' OR '1'='1\"}",
        "{\"alg\":\"RS256\",\"kid\":null}",
        "{\"alg\":\"RS256\",\"kid\":[\"\"]}",
        "{\"alg\":\"RS256\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        CHECK(!accepts(c, signed_by_attacker(c, headers[i], JWS_RS256)));
    CHECK(!accepts(c, signed_by_attacker(c, arena_printf(&c->f->a, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid), JWS_ES256)));
}

/* Members twice: the one that is read by a careless parser, and the other one. */
static void check_duplicates(struct consumer *c)
{
    struct bytes header, changed;
    struct err err = ERR_INIT;

    REQUIRE_OK(base64_decode_any(&c->f->a, c->header, &header, &err), err);
    changed = encoded(c, bytes_of_string(arena_printf(&c->f->a, "{\"alg\":\"none\",%.*s", BYTES_FMT(bytes_slice(header, 1, header.len)))));
    CHECK(!accepts(c, put_together(c, changed, c->payload, c->signature)));
    CHECK(!accepts(c, put_together(c, changed, c->payload, BYTES_NONE)));
    CHECK(!accepts(c, signed_by_attacker(c, "{\"alg\":\"RS256\",\"alg\":\"RS256\"}", JWS_RS256)));
    CHECK(!accepts(c, signed_by_attacker(c, "{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", JWS_RS256)));
}

/* One token has one spelling. */
static void check_malleability(struct consumer *c)
{
    static const char *const around[][2] = { { "", "=" }, { "", "==" }, { "", "." }, { ".", "" }, { "", "\n." }, { "", "A" } };
    struct arena *a = &c->f->a;
    char *copy = arena_string(a, c->token);

    for (size_t i = 0; i < ARRAY_LEN(around); i++)
        CHECK(!accepts(c, bytes_of_string(arena_printf(a, "%s%.*s%s", around[i][0], BYTES_FMT(c->token), around[i][1]))));
    for (size_t i = 0; i < c->token.len; i += 3) { /* every third character another one of the alphabet */
        char was = copy[i];
        copy[i] = was == 'A' ? 'B' : was == '.' ? 'A' : 'A';
        CHECK(!accepts(c, bytes_of_string(copy)));
        copy[i] = was;
    }
    copy[c->token.len - 1] ^= 1; /* the last character has bits that no byte needs */
    CHECK(!accepts(c, bytes_of_string(copy)));
    for (size_t len = 0; len < c->token.len; len += 7)
        CHECK(!accepts(c, bytes_slice(c->token, 0, len)));
}

/* The service itself reads JWS from strangers: the request of an attestation. */
static void check_requests(struct fixture *f)
{
    static const char *const algorithms[] = { "none", "HS256", "RS256", "ES384", "PS256" };
    struct test_vm *vm = fixture_vm(f, "two");

    for (size_t i = 0; i <= ARRAY_LEN(algorithms); i++) {
        struct attestation t;
        struct answer answer;
        REQUIRE(attestation_begin(f, vm, &t));
        if (i < ARRAY_LEN(algorithms))
            t.alg = algorithms[i]; /* signed with ES256 all the same */
        else
            t.break_signature = true;
        attestation_send(&t, &answer);
        CHECK(answer.status == 400 && !answer_token(f, &answer).len);
    }
}

TEST(S11_tokens_without_a_signature_of_ours_are_refused_whatever_their_header_says)
{
    FIXTURE(f);
    struct consumer c CLEANUP(consumer_done) = { 0 };

    REQUIRE(consumer_begin(&f, &c));
    CHECK(accepts(&c, c.token)); /* the genuine one */
    check_unsigned(&c);
    check_hmac(&c);
    check_injected_keys(&c);
    check_duplicates(&c);
    check_malleability(&c);
    check_requests(&f);
    fixture_time += CA_VALIDITY_MS; /* and every token ends */
    CHECK(!accepts(&c, c.token));
}
