#include "base/base64.h"
#include "jose_samples.h"
#include "x509/ca.h"

TEST(the_thumbprint_is_the_published_one)
{
    /* RFC 7638 3.1 */
    static const char rsa[] =
        "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
        "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr"
        "dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\","
        "\"kid\":"
        "\"2011-04-29\"}";
    struct arena a = { 0 };
    struct jwk jwk = jwk_of(&a, rsa);
    struct digest d;

    jwk_thumbprint(jwk.key, &d);
    CHECK_STRING(base64_in(&a, BASE64_URL, digest_bytes(&d)), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    CHECK_BYTES(jwk.kid, BYTES_LIT("2011-04-29"));
    CHECK_BYTES(jwk.alg, BYTES_LIT("RS256"));
    jwk_done(&jwk);
    arena_done(&a);
}

TEST(a_key_comes_back_from_its_json)
{
    for (enum privkey_kind kind = PRIVKEY_RSA_2048; kind <= PRIVKEY_P256; kind++) {
        const struct pubkey *key = privkey_public(sample_key(kind));
        struct arena a = { 0 };
        struct writer w = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);

        json_begin_object(&out, NULL);
        jwk_write_key(&out, key);
        json_end(&out);
        write_u8(&w, 0);
        struct jwk jwk = jwk_of(&a, (const char *)w.data);
        CHECK(jwk.key && pubkey_equal(jwk.key, key));
        jwk_done(&jwk);
        writer_done(&w);
        arena_done(&a);
    }
}

TEST(a_key_is_taken_from_its_certificate_when_it_has_no_numbers)
{
    const struct privkey *key = sample_key(PRIVKEY_RSA_2048);
    struct arena a = { 0 };
    struct cert *cert = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_self_signed_signer(key, "signer", 1795296000000, CA_DAY_MS, &cert, &err), err);
    const char *x5c = base64_in(&a, BASE64_STANDARD, cert->der);
    struct jwk jwk = jwk_of(&a, arena_printf(&a, "{\"kty\":\"RSA\",\"x5c\":[\"%s\"]}", x5c));
    CHECK_INT(jwk.n_certs, 1);
    CHECK(jwk.key && pubkey_equal(jwk.key, privkey_public(key)));
    jwk_done(&jwk);

    /* another key's numbers beside the certificate, and a kty that is not the certificate's */
    CHECK(!jwk_parse(parsed(&a, arena_printf(&a, "%.*s,\"x5c\":[\"%s\"]}", (int)sizeof RFC7515_RSA - 2, RFC7515_RSA, x5c)), &jwk, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
    CHECK(!jwk_parse(parsed(&a, arena_printf(&a, "{\"kty\":\"EC\",\"x5c\":[\"%s\"]}", x5c)), &jwk, &err) && err.code == ERR_MALFORMED);
    cert_free(cert);
    arena_done(&a);
}

TEST(keys_that_are_none_are_refused)
{
    static const struct {
        const char *json;
        enum err_code code;
    } rows[] = {
        { "[]", ERR_MALFORMED },
        { "{}", ERR_MALFORMED },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}", ERR_UNSUPPORTED },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", ERR_UNSUPPORTED },
        { "{\"kty\":\"RSA\"}", ERR_MALFORMED },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ERR_UNSUPPORTED },
        { "{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}", ERR_MALFORMED },
        { "{\"kty\":\"RSA\",\"n\":\"+/+/\",\"e\":\"AQAB\"}", ERR_MALFORMED },
        { "{\"kty\":\"EC\",\"crv\":\"P-192\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", ERR_UNSUPPORTED },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", ERR_MALFORMED },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
          ERR_MALFORMED },
        { "{\"kty\":\"RSA\",\"x5c\":[]}", ERR_MALFORMED },
        { "{\"kty\":\"RSA\",\"x5c\":[\"AAAA\"]}", ERR_TRUNCATED },
        { "{\"kty\":\"RSA\",\"x5c\":\"AAAA\"}", ERR_MALFORMED },
        { "{\"kty\":\"RSA\",\"x5c\":[1,2]}", ERR_TRUNCATED },
        { "{\"kty\":\"RSA\",\"x5c\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}", ERR_LIMIT },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct jwk jwk = { 0 };
        struct err err = ERR_INIT;

        if (jwk_parse(parsed(&a, rows[i].json), &jwk, &err) || err.code != rows[i].code)
            test_note("%s: %s", rows[i].json, err.text);
        CHECK_INT(err.code, rows[i].code);
        arena_done(&a);
    }
}
