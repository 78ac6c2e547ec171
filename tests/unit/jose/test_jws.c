#include <stdlib.h>
#include "base/base64.h"
#include "base/limits.h"
#include "jose/jws.h"
#include "jose_samples.h"
#include "x509/ca.h"

static const struct verified_jws *verify_text(struct arena *a, const char *text, const struct pubkey *key, unsigned allowed,
                                              struct err *err)
{
    const struct verified_jws *verified = NULL;
    struct jws jws;

    *err = ERR_INIT;
    if (!jws_parse(a, bytes_of_string(text), 0, &jws, err) || !jws_verify(a, &jws, key, allowed, &verified, err))
        return NULL;
    return verified;
}

TEST(the_published_examples_verify)
{
    static const struct {
        const char *key, *token;
    } rows[] = { { RFC7515_RSA, RFC7515_RS256 }, { RFC7515_EC, RFC7515_ES256 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct jwk jwk = jwk_of(&a, rows[i].key);
        struct err err;

        REQUIRE(jwk.key);
        const struct verified_jws *v = verify_text(&a, rows[i].token, jwk.key, JWS_ALLOW_ALL, &err);
        REQUIRE(v != NULL);
        CHECK_BYTES(verified_jws_payload(v),
                    BYTES_LIT("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"));
        jwk_done(&jwk);
        arena_done(&a);
    }
}

TEST(what_is_signed_verifies_with_every_algorithm_of_the_key)
{
    for (enum privkey_kind kind = PRIVKEY_RSA_2048; kind <= PRIVKEY_P256; kind++)
        for (enum jws_algorithm id = 0; id < JWS_ALGORITHM_COUNT; id++) {
            const struct privkey *key = sample_key(kind);
            struct arena a = { 0 };
            struct bytes header, token;
            struct err err = ERR_INIT;

            header = bytes_of_string(arena_printf(&a, "{\"alg\":\"%s\"}", jws_algorithm_name(id)));
            if (!(jws_algorithms_of(privkey_public(key)) & JWS_ALLOW(id))) {
                CHECK(!jws_sign(&a, key, id, header, BYTES_LIT("{}"), &token, &err));
            } else {
                REQUIRE_OK(jws_sign(&a, key, id, header, BYTES_LIT("{}"), &token, &err), err);
                CHECK(verify_text(&a, (const char *)token.data, privkey_public(key), JWS_ALLOW_ALL, &err) != NULL);
                CHECK(verify_text(&a, (const char *)token.data, privkey_public(key), JWS_ALLOW_ALL & ~JWS_ALLOW(id), &err) == NULL);
                CHECK_INT(err.code, ERR_UNTRUSTED);
            }
            arena_done(&a);
        }
}

/* ES256 is bound to P-256: a key of another curve does not take it, whatever the header says (RFC 7518 3.4). */
TEST(each_key_has_its_own_algorithms)
{
    CHECK_INT(jws_algorithms_of(privkey_public(sample_key(PRIVKEY_P256))), JWS_ALLOW(JWS_ES256));
    CHECK_INT(jws_algorithms_of(privkey_public(sample_key(PRIVKEY_RSA_2048))), JWS_ALLOW(JWS_RS256) | JWS_ALLOW(JWS_RS384) |
                                                                                   JWS_ALLOW(JWS_RS512) | JWS_ALLOW(JWS_PS256) |
                                                                                   JWS_ALLOW(JWS_PS384) | JWS_ALLOW(JWS_PS512));
}

static char *token_of(struct arena *a, const char *header, const char *payload, const char *signature_b64)
{
    return arena_printf(a, "%s.%s.%s", base64_in(a, BASE64_URL, bytes_of_string(header)),
                        base64_in(a, BASE64_URL, bytes_of_string(payload)), signature_b64);
}

TEST(a_token_without_a_signature_is_told_so_before_anybody_looks_for_a_key)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct jws jws;
    struct err err = ERR_INIT;

    CHECK(!jws_parse(&a, bytes_of_string(token_of(&a, "{\"alg\":\"RS256\"}", "{}", "")), 0, &jws, &err) && err.code == ERR_UNTRUSTED);
    CHECK(strstr(err.text, "its signature is empty") != NULL);
}

/* attack-suite.md S11 */
TEST(headers_of_attackers_are_refused)
{
    static const struct {
        const char *header;
        enum err_code code;
    } rows[] = {
        { "{\"alg\":\"none\"}", ERR_UNTRUSTED },
        { "{\"alg\":\"None\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"NONE\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"nOnE\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"HS256\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"HS512\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"rs256\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"RS1\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"ES256K\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"EdDSA\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"RS256\\u0000\"}", ERR_UNSUPPORTED },
        { "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", ERR_UNSUPPORTED },
        { "{\"alg\":null}", ERR_MALFORMED },
        { "{\"alg\":[\"RS256\"]}", ERR_MALFORMED },
        { "{\"Alg\":\"RS256\"}", ERR_MALFORMED },
        { "{}", ERR_MALFORMED },
        { "[]", ERR_MALFORMED },
        { "\"RS256\"", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"alg\":\"none\"}", ERR_MALFORMED },
        { "{\"alg\":\"none\",\"alg\":\"RS256\"}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"kid\":\"a\",\"kid\":\"b\"}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"kid\":7}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"typ\":{}}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"crit\":[]}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\",\"b64\":false}", ERR_MALFORMED },
        { "{\"alg\":\"RS256\"} x", ERR_MALFORMED },
        { "{\"alg\":\"RS256\"", ERR_MALFORMED },
        { "", ERR_MALFORMED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct jws jws;
        struct err err = ERR_INIT;
        bool read = jws_parse(&a, bytes_of_string(token_of(&a, rows[i].header, "{}", "AAAA")), 0, &jws, &err);

        if (read || (err.code != rows[i].code && err.code != ERR_TRUNCATED))
            test_note("%s: %s", rows[i].header, err.text);
        CHECK(!read && (err.code == rows[i].code || err.code == ERR_TRUNCATED));
        arena_done(&a);
    }
}

/* Signed with HMAC under the text of the RSA key, which everybody knows. */
TEST(an_hmac_under_the_public_key_is_refused)
{
    const struct privkey *key = sample_key(PRIVKEY_RSA_2048);
    struct arena a = { 0 };
    struct err err;
    uint8_t mac[32];
    const char *pem = pubkey_pem(privkey_public(key), &a);
    char *input = token_of(&a, "{\"alg\":\"HS256\"}", "{}", "");
    struct bytes part = { (const uint8_t *)input, strlen(input) - 1 };

    hmac_sha256(bytes_of_string(pem), &part, 1, mac);
    CHECK(!verify_text(&a, arena_printf(&a, "%s%s", input, base64_in(&a, BASE64_URL, BYTES_OF(mac))), privkey_public(key), JWS_ALLOW_ALL,
                       &err));
    CHECK_INT(err.code, ERR_UNSUPPORTED);
    CHECK(!verify_text(&a, RFC7515_HS256, privkey_public(key), JWS_ALLOW_ALL, &err) && err.code == ERR_UNSUPPORTED);
    /* the same with the algorithm of the key in the header */
    input = token_of(&a, "{\"alg\":\"RS256\"}", "{}", "");
    CHECK(!verify_text(&a, arena_printf(&a, "%s%s", input, base64_in(&a, BASE64_URL, BYTES_OF(mac))), privkey_public(key), JWS_ALLOW_ALL,
                       &err));
    CHECK_INT(err.code, ERR_UNTRUSTED);
    arena_done(&a);
}

/* A token that brings its own key verifies under that key only, and nobody asked for that key. */
TEST(a_key_in_the_header_is_not_used)
{
    const struct privkey *attacker = sample_key(PRIVKEY_P256);
    const struct privkey *ours = sample_key(PRIVKEY_RSA_2048);
    struct arena a = { 0 };
    struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct bytes token;
    struct err err = ERR_INIT;

    json_begin_object(&out, NULL);
    json_put_string(&out, "alg", "ES256");
    json_put_string(&out, "jku", "https://attacker.example/certs");
    json_put_string(&out, "x5u", "https://attacker.example/cert");
    json_begin_object(&out, "jwk");
    jwk_write_key(&out, privkey_public(attacker));
    json_end(&out);
    json_end(&out);
    REQUIRE_OK(jws_sign(&a, attacker, JWS_ES256, writer_bytes(&w), BYTES_LIT("{}"), &token, &err), err);
    CHECK(!verify_text(&a, (const char *)token.data, privkey_public(ours), JWS_ALLOW_ALL, &err) && err.code == ERR_UNTRUSTED);
    CHECK(verify_text(&a, (const char *)token.data, privkey_public(attacker), JWS_ALLOW_ALL, &err) != NULL);
    writer_done(&w);
    arena_done(&a);
}

TEST(one_message_has_one_spelling)
{
    struct arena a = { 0 };
    struct jwk jwk = jwk_of(&a, RFC7515_EC);
    size_t len = strlen(RFC7515_ES256);
    struct err err;

    REQUIRE(jwk.key);
    /* the last character carries unused bits: "Q" is 010000, R, S and T differ only in bits that no byte uses */
    for (char last = 'R'; last <= 'T'; last++) {
        char *token = arena_printf(&a, "%s", RFC7515_ES256);
        token[len - 1] = last;
        CHECK(!verify_text(&a, token, jwk.key, JWS_ALLOW_ALL, &err) && err.code == ERR_MALFORMED);
    }
    static const char *const spellings[] = { "%s=", "%s==", "%s\n.", "%s.", ".%s", "%s x", "%s\x01" };
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        char token[1024];
        struct writer w = { 0 };
        const char *at = strstr(spellings[i], "%s");

        write_bytes(&w, (struct bytes){ (const uint8_t *)spellings[i], (size_t)(at - spellings[i]) });
        write_string(&w, RFC7515_ES256);
        write_string(&w, at + 2);
        REQUIRE(w.len < sizeof token);
        memcpy(token, w.data, w.len);
        token[w.len] = '\0';
        CHECK(!verify_text(&a, token, jwk.key, JWS_ALLOW_ALL, &err) && err.code == ERR_MALFORMED);
        writer_done(&w);
    }
    /* white space around it is not part of it */
    CHECK(verify_text(&a, " " RFC7515_ES256 "\r\n", jwk.key, JWS_ALLOW_ALL, &err) != NULL);
    jwk_done(&jwk);
    arena_done(&a);
}

TEST(a_token_changed_anywhere_does_not_verify)
{
    struct arena a = { 0 };
    struct jwk jwk = jwk_of(&a, RFC7515_EC);
    size_t len = strlen(RFC7515_ES256);
    struct err err;

    REQUIRE(jwk.key);
    for (size_t i = 0; i < len; i++) {
        char *token = arena_printf(&a, "%s", RFC7515_ES256);
        token[i] = token[i] == 'A' ? 'B' : 'A';
        CHECK(!verify_text(&a, token, jwk.key, JWS_ALLOW_ALL, &err));
        CHECK(err.code != ERR_NONE);
    }
    jwk_done(&jwk);
    arena_done(&a);
}

TEST(a_token_cut_anywhere_does_not_verify)
{
    struct arena a = { 0 };
    struct jwk jwk = jwk_of(&a, RFC7515_EC);

    REQUIRE(jwk.key);
    for (size_t n = 0; n < strlen(RFC7515_ES256); n++) {
        struct bytes cut = exact_copy((struct bytes){ (const uint8_t *)RFC7515_ES256, n });
        const struct verified_jws *verified = NULL;
        struct jws jws;
        struct err err = ERR_INIT;

        CHECK(!jws_parse(&a, cut, 0, &jws, &err) || !jws_verify(&a, &jws, jwk.key, JWS_ALLOW_ALL, &verified, &err));
        free((void *)cut.data);
    }
    jwk_done(&jwk);
    arena_done(&a);
}

TEST(a_token_longer_than_the_limit_is_not_read)
{
    struct arena a = { 0 };
    uint8_t *big = arena_alloc(&a, LIMIT_TOKEN_BYTES + 1);
    struct jws jws;
    struct err err = ERR_INIT;

    REQUIRE(big);
    memset(big, 'A', LIMIT_TOKEN_BYTES + 1);
    CHECK(!jws_parse(&a, (struct bytes){ big, LIMIT_TOKEN_BYTES + 1 }, 0, &jws, &err) && err.code == ERR_LIMIT);
    CHECK(!jws_parse(&a, (struct bytes){ big, LIMIT_TOKEN_BYTES }, 0, &jws, &err) && err.code == ERR_MALFORMED);
    CHECK(!jws_parse(&a, (struct bytes){ big, LIMIT_TOKEN_BYTES + 1 }, LIMIT_TOKEN_BYTES + 1, &jws, &err) && err.code == ERR_MALFORMED);
    CHECK(!jws_parse(&a, BYTES_LIT("abc"), 2, &jws, &err) && err.code == ERR_LIMIT);
    arena_done(&a);
}

/* attestation-service.md 4.2 */
#define UNSECURED                                                                                                            \
    "eyJhbGciOiJub25lIn0."                                                                                                   \
    "eyJBdHRlc3RhdGlvblBvbGljeSI6ImRtVnljMmx2YmoweExqQTdJR0YxZEdodmNtbDZZWFJwYjI1eWRXeGxjM3M5UGlCd1pYSnRhWFFvS1R0OU95QnBjM0" \
    "4xWVc1alpYSjFiR1Z6ZTMwNyJ9."

TEST(an_unsecured_policy_is_read_by_its_own_function_only)
{
    struct arena a = { 0 };
    struct unsecured_jws unsecured;
    struct jws jws;
    struct digest d;
    struct err err = ERR_INIT;

    CHECK(!jws_parse(&a, BYTES_LIT(UNSECURED), 0, &jws, &err) && err.code == ERR_UNTRUSTED);
    REQUIRE_OK(jws_parse_unsecured(&a, BYTES_LIT(UNSECURED), 0, &unsecured, &err), err);
    CHECK(bytes_starts_with(unsecured.payload, BYTES_LIT("{\"AttestationPolicy\":")));
    digest_compute(DIGEST_SHA256, unsecured.compact, &d);
    CHECK_STRING(base64_in(&a, BASE64_URL, digest_bytes(&d)), "c6sEJQItV50OeP9IrP_bzywAMOVvj5uDPbklA_bwdYQ");
    CHECK(!jws_parse_unsecured(&a, BYTES_LIT(RFC7515_RS256), 0, &unsecured, &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!jws_parse_unsecured(&a, BYTES_LIT(UNSECURED "AAAA"), 0, &unsecured, &err) && err.code == ERR_MALFORMED);
    CHECK(!jws_parse_unsecured(&a, bytes_of_string(token_of(&a, "{\"alg\":\"none\",\"crit\":[]}", "{}", "")), 0, &unsecured, &err));
    arena_done(&a);
}

TEST(what_clients_of_the_service_send_may_be_spelled_loosely_and_nothing_else)
{
    static const struct {
        const char *header;
        bool padded, loose;
    } rows[] = {
        { "{\"alg\":\"RS256\"}", false, true },   { "{\"alg\":\"RS256\"}", true, true },   { "{\"alg\":\"RSA256\"}", false, true },
        { "{\"alg\":\"RSA512\"}", false, false }, { "{\"alg\":\"rs256\"}", false, false }, { "{\"alg\":\"none\"}", false, false },
        { "{\"alg\":\"HS256\"}", false, false },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct jws jws;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes header = bytes_of_string(rows[i].header);
        enum base64_alphabet alphabet = rows[i].padded ? BASE64_STANDARD : BASE64_URL;
        const char *text = arena_printf(&a, "%s.%s.%s", base64_in(&a, alphabet, header), base64_in(&a, alphabet, BYTES_LIT("{\"a\":1}")),
                                        base64_in(&a, alphabet, BYTES_LIT("\xff\xfe\xfd\xfc")));
        struct err err = ERR_INIT;
        bool strict = jws_parse(&a, bytes_of_string(text), 0, &jws, &err);

        CHECK(strict == (rows[i].loose && !rows[i].padded && bytes_find(header, BYTES_LIT("RSA256")) == SIZE_MAX));
        CHECK(jws_parse_loose(&a, bytes_of_string(text), 0, &jws, &err) == rows[i].loose);
        if (!rows[i].loose)
            continue;
        CHECK_INT(jws.algorithm, JWS_RS256);
        CHECK(bytes_equal_string(jws.claimed_payload, "{\"a\":1}") && bytes_equal(jws.signature, BYTES_LIT("\xff\xfe\xfd\xfc")));
        CHECK(bytes_starts_with(bytes_of_string(text), jws.signing_input)); /* what is signed is the text as it came */
    }
}

TEST(an_unsecured_message_is_made_on_purpose_only)
{
    struct arena a = { 0 };
    struct bytes token;
    struct unsecured_jws back;
    struct err err = ERR_INIT;

    REQUIRE_OK(jws_make_unsecured(&a, BYTES_LIT("{\"alg\":\"none\"}"), BYTES_LIT("{}"), &token, &err), err);
    CHECK_BYTES(token, BYTES_LIT("eyJhbGciOiJub25lIn0.e30."));
    REQUIRE_OK(jws_parse_unsecured(&a, token, 0, &back, &err), err);
    CHECK_BYTES(back.payload, BYTES_LIT("{}"));
    CHECK(!jws_make_unsecured(&a, BYTES_LIT("{\"alg\":\"RS256\"}"), BYTES_LIT("{}"), &token, &err));
    CHECK(!jws_sign(&a, sample_key(PRIVKEY_P256), JWS_ES256, BYTES_LIT("{\"alg\":\"none\"}"), BYTES_LIT("{}"), &token, &err));
    arena_done(&a);
}

TEST(certificates_of_a_header_are_handed_out_in_both_shapes)
{
    const struct privkey *key = sample_key(PRIVKEY_P256);
    struct arena a = { 0 };
    struct cert *cert = NULL, *certs[LIMIT_CHAIN_CERTS];
    struct err err = ERR_INIT;
    struct jws jws;
    size_t n;

    REQUIRE_OK(ca_self_signed_signer(key, "signer", 1795296000000, CA_DAY_MS, &cert, &err), err);
    const char *x5c = base64_in(&a, BASE64_STANDARD, cert->der);
    const char *const headers[] = {
        arena_printf(&a, "{\"alg\":\"ES256\",\"x5c\":[\"%s\"]}", x5c),
        arena_printf(&a, "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"x5c\":[\"%s\"]}}", x5c),
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct bytes token;
        const struct verified_jws *verified;

        REQUIRE_OK(jws_sign(&a, key, JWS_ES256, bytes_of_string(headers[i]), BYTES_LIT("{}"), &token, &err), err);
        REQUIRE_OK(jws_parse(&a, token, 0, &jws, &err) && jws_header_certs(&jws, certs, &n, &err), err);
        CHECK(n == 1 && cert_equal(certs[0], cert));
        REQUIRE_OK(jws_verify(&a, &jws, certs[0]->key, JWS_ALLOW_ALL, &verified, &err), err);
        cert_free(certs[0]);
    }
    REQUIRE_OK(jws_parse(&a, BYTES_LIT(RFC7515_ES256), 0, &jws, &err), err);
    CHECK(!jws_header_certs(&jws, certs, &n, &err) && err.code == ERR_NOT_FOUND);
    cert_free(cert);
    arena_done(&a);
}

TEST(a_signature_made_elsewhere_is_put_behind_its_input)
{
    const struct privkey *key = sample_key(PRIVKEY_RSA_2048);
    struct arena a = { 0 };
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct bytes input, token, made = { signature, 0 };
    struct err err = ERR_INIT;

    REQUIRE_OK(jws_signing_input(&a, BYTES_LIT("{\"alg\":\"RS256\"}"), BYTES_LIT("{}"), &input, &err), err);
    REQUIRE_OK(privkey_sign(key, SIGNATURE_RSASSA, DIGEST_SHA256, input, signature, &made.len, &err), err);
    REQUIRE_OK(jws_attach(&a, input, made, &token, &err), err);
    CHECK(verify_text(&a, (const char *)token.data, privkey_public(key), JWS_ALLOW(JWS_RS256), &err) != NULL);
    arena_done(&a);
}
