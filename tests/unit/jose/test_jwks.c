#include "base/base64.h"
#include "jose/jwks.h"
#include "jose_samples.h"
#include "x509/ca.h"

#define NOW_MS INT64_C(1795296000000)
#define ISSUER "https://localhost:8443"

static bool self_signed(struct signing_key *ret, enum privkey_kind kind)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct err err = ERR_INIT;
    struct bytes pem;

    if (ca_self_signed_signer(sample_key(kind), ISSUER, NOW_MS, CA_DAY_MS, &cert, &err) &&
        privkey_to_pem(sample_key(kind), &a, &pem, &err) &&
        signing_key_init(ret, SIGNING_SELF_SIGNED, pem, (const struct cert *const *)&cert, 1, &err))
        return true;
    test_note("%s", err.text);
    return false;
}

static bool ca_issued(struct signing_key *ret)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(ca_free_at) struct ca *root = NULL, *below = NULL;
    CLEANUP(cert_free_at) struct cert *leaf = NULL;
    const struct privkey *key = sample_key(PRIVKEY_RSA_3072);
    struct err err = ERR_INIT;
    struct bytes pem;

    if (ca_new("Token root", NOW_MS, &root, &err) && ca_new_below(root, "Token CA", NOW_MS, &below, &err) &&
        ca_issue_token_signer(below, "Token signer", privkey_public(key), NOW_MS, CA_DAY_MS, &leaf, &err) &&
        privkey_to_pem(key, &a, &pem, &err)) {
        const struct cert *chain[] = { leaf, ca_cert(below, 0), ca_cert(root, 0) };
        if (signing_key_init(ret, SIGNING_CA_ISSUED, pem, chain, 3, &err))
            return true;
    }
    test_note("%s", err.text);
    return false;
}

TEST(the_kid_of_a_self_signed_key_covers_pem_text_and_nul)
{
    CLEANUP(signing_key_done) struct signing_key k = { 0 };
    struct arena a = { 0 };
    struct digest d;

    REQUIRE(self_signed(&k, PRIVKEY_RSA_2048));
    const char *pem = arena_printf(&a, "%s", pubkey_pem(privkey_public(k.key), &a));
    CHECK(bytes_starts_with(bytes_of_string(pem), BYTES_LIT("-----BEGIN PUBLIC KEY-----\nMIIB")));
    CHECK(bytes_ends_with(bytes_of_string(pem), BYTES_LIT("\n-----END PUBLIC KEY-----\n")));
    digest_compute(DIGEST_SHA256, (struct bytes){ (const uint8_t *)pem, strlen(pem) + 1 }, &d);
    CHECK_STRING(k.kid, base64_in(&a, BASE64_STANDARD, digest_bytes(&d)));
    CHECK_INT(strlen(k.kid), 44);
    CHECK_INT(k.kid[43], '=');
    CHECK_INT(k.algorithm, JWS_RS256);
    arena_done(&a);
}

TEST(the_kid_of_a_ca_issued_key_is_its_x5t)
{
    CLEANUP(signing_key_done) struct signing_key k = { 0 };
    struct arena a = { 0 };
    uint8_t sha1[20];

    REQUIRE(ca_issued(&k));
    cert_sha1(k.chain[0], sha1);
    CHECK_STRING(k.kid, base64_in(&a, BASE64_URL, BYTES_OF(sha1)));
    CHECK_INT(strlen(k.kid), 27);
    CHECK_INT(k.n_chain, 3);
    arena_done(&a);
}

TEST(tokens_have_the_published_header)
{
    CLEANUP(signing_key_done) struct signing_key k = { 0 };
    struct arena a = { 0 };
    struct bytes token;
    struct jws jws;
    struct err err = ERR_INIT;

    REQUIRE(self_signed(&k, PRIVKEY_RSA_2048));
    REQUIRE_OK(signing_key_sign_token(&k, &a, ISSUER "/certs", BYTES_LIT("{}"), &token, &err), err);
    REQUIRE_OK(jws_parse(&a, token, 0, &jws, &err), err);
    CHECK_STRING(json_to_string(&a, jws.header, JSON_COMPACT),
                 arena_printf(&a, "{\"alg\":\"RS256\",\"jku\":\"" ISSUER "/certs\",\"kid\":\"%s\",\"typ\":\"JWT\"}", k.kid));
    arena_done(&a);
}

TEST(reports_have_the_published_header)
{
    CLEANUP(signing_key_done) struct signing_key k = { 0 };
    struct arena a = { 0 };
    struct bytes token;
    struct jws jws;
    struct err err = ERR_INIT;

    REQUIRE(ca_issued(&k));
    REQUIRE_OK(signing_key_sign_report(&k, &a, true, BYTES_LIT("{}"), &token, &err) && jws_parse(&a, token, 0, &jws, &err), err);
    CHECK_STRING(json_to_string(&a, jws.header, JSON_COMPACT),
                 arena_printf(&a, "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5t\":\"%s\",\"kid\":\"%s\"}", k.kid, k.kid));
    REQUIRE_OK(signing_key_sign_report(&k, &a, false, BYTES_LIT("{}"), &token, &err) && jws_parse(&a, token, 0, &jws, &err), err);
    REQUIRE(jws.header->object.n == 4);
    CHECK_BYTES(jws.header->object.members[2].name, BYTES_LIT("x5c"));
    CHECK_INT(jws.header->object.members[2].value->array.n, 3);
    CHECK_BYTES(jws.header->object.members[3].name, BYTES_LIT("kid"));
    arena_done(&a);
}

static struct published_key published(const struct signing_key *k)
{
    return (struct published_key){ k->algorithm, k->kid, (const struct cert *const *)k->chain, k->n_chain };
}

TEST(a_relying_party_verifies_with_the_published_list)
{
    struct signing_key keys[3] = { 0 };
    struct published_key list[3];
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    struct arena a = { 0 };
    struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *json;
    struct err err = ERR_INIT;

    REQUIRE(self_signed(&keys[0], PRIVKEY_RSA_2048) && ca_issued(&keys[1]) && self_signed(&keys[2], PRIVKEY_P256));
    for (size_t i = 0; i < 3; i++)
        list[i] = published(&keys[i]);
    jwks_write(&out, list, 3);
    CHECK(bytes_starts_with(writer_bytes(&w), BYTES_LIT("{\"keys\":[{\"x5c\":[\"MII")));
    REQUIRE_OK(json_parse(&a, writer_bytes(&w), NULL, &json, &err), err);
    const struct json *first = json_at(json, "keys", NULL)->array.items[0];
    static const char *const order[] = { "x5c", "kid", "kty", "n", "e", "use", "alg" };
    REQUIRE(first->object.n == ARRAY_LEN(order));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        CHECK_BYTES(first->object.members[i].name, bytes_of_string(order[i]));

    REQUIRE_OK(jwks_parse(json, &jwks, &err), err);
    CHECK_INT(jwks->n, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct verified_jws *verified;
        struct bytes token;
        struct jws jws;

        REQUIRE_OK(signing_key_sign_token(&keys[i], &a, NULL, BYTES_LIT("{\"a\":1}"), &token, &err), err);
        REQUIRE_OK(jws_parse(&a, token, 0, &jws, &err) && jwks_verify(&a, jwks, &jws, JWS_ALLOW_ALL, &verified, &err), err);
        CHECK_BYTES(verified_jws_payload(verified), BYTES_LIT("{\"a\":1}"));
        /* the list says RS256 or ES256: nothing else counts */
        CHECK(!jwks_verify(&a, jwks, &jws, JWS_ALLOW(JWS_PS256), &verified, &err) && err.code == ERR_UNTRUSTED);
        jws.kid = BYTES_LIT("stranger");
        CHECK(!jwks_verify(&a, jwks, &jws, JWS_ALLOW_ALL, &verified, &err) && err.code == ERR_NOT_FOUND);
        jws.kid = BYTES_NONE;
        CHECK(!jwks_verify(&a, jwks, &jws, JWS_ALLOW_ALL, &verified, &err) && err.code == ERR_NOT_FOUND);
        jws.kid = bytes_of_string(keys[(i + 1) % 3].kid);
        CHECK(!jwks_verify(&a, jwks, &jws, JWS_ALLOW_ALL, &verified, &err) && err.code == ERR_UNTRUSTED);
    }
    for (size_t i = 0; i < 3; i++)
        signing_key_done(&keys[i]);
    writer_done(&w);
    arena_done(&a);
}

TEST(the_algorithm_of_the_list_pins_the_key)
{
    const struct privkey *key = sample_key(PRIVKEY_RSA_2048);
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    const struct verified_jws *verified;
    struct arena a = { 0 };
    struct bytes token;
    struct jws jws;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_self_signed_signer(key, ISSUER, NOW_MS, CA_DAY_MS, &cert, &err), err);
    const char *x5c = base64_in(&a, BASE64_STANDARD, cert->der);
    REQUIRE_OK(
        jwks_parse(parsed(&a, arena_printf(&a, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"alg\":\"RS256\",\"x5c\":[\"%s\"]}]}", x5c)),
                   &jwks, &err),
        err);
    REQUIRE_OK(jws_sign(&a, key, JWS_PS256, BYTES_LIT("{\"alg\":\"PS256\",\"kid\":\"k\"}"), BYTES_LIT("{}"), &token, &err), err);
    REQUIRE_OK(jws_parse(&a, token, 0, &jws, &err), err);
    CHECK(!jwks_verify(&a, jwks, &jws, JWS_ALLOW_ALL, &verified, &err) && err.code == ERR_UNTRUSTED);
    arena_done(&a);
}

TEST(entries_of_a_list_that_cannot_be_used_are_skipped)
{
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    struct arena a = { 0 };
    struct err err = ERR_INIT;

    REQUIRE_OK(jwks_parse(parsed(&a, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"},7," RFC7515_EC "]}"), &jwks, &err), err);
    CHECK_INT(jwks->n, 1);
    CHECK_INT(jwks->n_skipped, 2);
    CHECK(jwks_find(jwks, BYTES_LIT("a")) == NULL && jwks_find(jwks, BYTES_NONE) == NULL);
    jwks_free(jwks);
    jwks = NULL;
    CHECK(!jwks_parse(parsed(&a, "{}"), &jwks, &err) && !jwks_parse(parsed(&a, "{\"keys\":{}}"), &jwks, &err));
    arena_done(&a);
}

TEST(a_kid_that_is_there_twice_picks_no_key)
{
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    struct arena a = { 0 };
    struct err err = ERR_INIT;
    const char *one = arena_printf(&a, "%.*s,\"kid\":\"k\"}", (int)sizeof RFC7515_EC - 2, RFC7515_EC);

    REQUIRE_OK(jwks_parse(parsed(&a, arena_printf(&a, "{\"keys\":[%s,%s]}", one, one)), &jwks, &err), err);
    CHECK_INT(jwks->n, 2);
    CHECK(jwks_find(jwks, BYTES_LIT("k")) == NULL);
    arena_done(&a);
}

TEST(a_signing_key_needs_its_own_certificate)
{
    struct arena a = { 0 };
    CLEANUP(cert_free_at) struct cert *other = NULL;
    struct signing_key k;
    struct bytes pem;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_self_signed_signer(sample_key(PRIVKEY_P256), ISSUER, NOW_MS, CA_DAY_MS, &other, &err), err);
    REQUIRE_OK(privkey_to_pem(sample_key(PRIVKEY_RSA_2048), &a, &pem, &err), err);
    const struct cert *chain[] = { other };
    CHECK(!signing_key_init(&k, SIGNING_SELF_SIGNED, pem, chain, 1, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!signing_key_init(&k, SIGNING_SELF_SIGNED, pem, chain, 0, &err) && err.code == ERR_LIMIT);
    CHECK(!signing_key_init(&k, SIGNING_SELF_SIGNED, BYTES_LIT("x"), chain, 1, &err) && err.code == ERR_MALFORMED);
    arena_done(&a);
}
