#include "jose/jwt.h"
#include "jose_samples.h"

#define NOW_MS INT64_C(1795296000000)

/* "" when the claims hold, else the sentence; the header's typ is JWT. */
static const char *judge(const char *payload, const struct jwt_expectations *want, struct jwt_claims *ret, struct arena *a)
{
    static struct err err;
    const struct privkey *key = sample_key(PRIVKEY_P256);
    const struct verified_jws *verified;
    struct bytes token;
    struct jws jws;

    err = ERR_INIT;
    if (!jws_sign(a, key, JWS_ES256, BYTES_LIT("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), bytes_of_string(payload), &token, &err) ||
        !jws_parse(a, token, 0, &jws, &err) || !jws_verify(a, &jws, privkey_public(key), JWS_ALLOW_ALL, &verified, &err))
        return "no token";
    return jwt_check(a, verified, want, ret, &err) ? "" : err.text;
}

TEST(claims_are_read)
{
    struct arena a = { 0 };
    struct jwt_claims c;
    struct jwt_expectations want = {
        .now_ms = NOW_MS, .issuer = BYTES_LIT("https://a"), .audience = BYTES_LIT("me"), .type = BYTES_LIT("jwt")
    };

    CHECK_STRING(
        judge("{\"iss\":\"https://a\",\"sub\":\"vm\",\"aud\":[\"you\",\"me\"],\"exp\":1795296001,\"nbf\":1795295999,\"iat\":1795296000,"
              "\"jti\":\"x\",\"more\":1}",
              &want, &c, &a),
        "");
    CHECK_INT(c.exp_ms, NOW_MS + 1000);
    CHECK_INT(c.nbf_ms, NOW_MS - 1000);
    CHECK_INT(c.iat_ms, NOW_MS);
    CHECK_BYTES(c.issuer, BYTES_LIT("https://a"));
    CHECK_BYTES(c.subject, BYTES_LIT("vm"));
    CHECK_BYTES(c.id, BYTES_LIT("x"));
    CHECK(json_get(c.claims, "more") != NULL);
    arena_done(&a);
}

TEST(claims_that_do_not_hold_are_refused)
{
    static const struct {
        const char *payload, *want;
    } rows[] = {
        { "{\"exp\":1795296000}", "token: it expired at 2026-11-21T" },
        { "{\"exp\":1795295999.9}", "token: it expired at" },
        { "{\"exp\":0}", "token: it expired at" },
        { "{}", "token: it has no expiry" },
        { "{\"exp\":1795297000,\"nbf\":1795296001}", "token: it is not valid before" },
        { "{\"exp\":1795297000,\"iat\":1795296001}", "token: it was issued in the future" },
        { "{\"exp\":\"1795297000\"}", "token: claim exp is not a number" },
        { "{\"exp\":-1}", "token: claim exp is no date" },
        { "{\"exp\":1e300}", "token: claim exp is no date" },
        { "{\"exp\":253402300800}", "token: claim exp is no date" },
        { "{\"exp\":null}", "token: claim exp is not a number" },
        { "{\"exp\":1795297000,\"exp\":9999999999}", "token: payload" },
        { "{\"exp\":1795297000,\"iss\":1}", "token: " },
        { "[]", "token: payload is not an object" },
        { "\"x\"", "token: payload is not an object" },
        { "", "token: payload" },
        { "{\"exp\":1795297000", "token: payload" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct jwt_claims c;
        struct jwt_expectations want = { .now_ms = NOW_MS };
        const char *got = judge(rows[i].payload, &want, &c, &a);

        if (!bytes_starts_with(bytes_of_string(got), bytes_of_string(rows[i].want)))
            test_note("%s: %s", rows[i].payload, got);
        CHECK(bytes_starts_with(bytes_of_string(got), bytes_of_string(rows[i].want)) && got[0]);
        arena_done(&a);
    }
}

TEST(the_skew_bends_every_date)
{
    struct arena a = { 0 };
    struct jwt_claims c;
    struct jwt_expectations want = { .now_ms = NOW_MS, .skew_ms = 300000 };

    CHECK_STRING(judge("{\"exp\":1795295701,\"nbf\":1795296300,\"iat\":1795296300}", &want, &c, &a), "");
    CHECK(judge("{\"exp\":1795295700}", &want, &c, &a)[0]);
    CHECK(judge("{\"exp\":1795297000,\"nbf\":1795296301}", &want, &c, &a)[0]);
    CHECK(judge("{\"exp\":1795297000,\"iat\":1795296301}", &want, &c, &a)[0]);
    arena_done(&a);
}

TEST(issuer_audience_and_type_are_exact)
{
    struct arena a = { 0 };
    struct jwt_claims c;
    struct jwt_expectations want = { .now_ms = NOW_MS, .issuer = BYTES_LIT("https://a") };

    CHECK_STRING(judge("{\"exp\":1795297000,\"iss\":\"https://a/\"}", &want, &c, &a), "token: it was issued by somebody else");
    CHECK_STRING(judge("{\"exp\":1795297000,\"iss\":\"https://a\\u0000\"}", &want, &c, &a), "token: it was issued by somebody else");
    CHECK_STRING(judge("{\"exp\":1795297000}", &want, &c, &a), "token: it was issued by somebody else");
    want = (struct jwt_expectations){ .now_ms = NOW_MS, .audience = BYTES_LIT("me") };
    CHECK_STRING(judge("{\"exp\":1795297000,\"aud\":\"me\"}", &want, &c, &a), "");
    CHECK_STRING(judge("{\"exp\":1795297000,\"aud\":\"you\"}", &want, &c, &a), "token: it is meant for somebody else (aud)");
    CHECK_STRING(judge("{\"exp\":1795297000,\"aud\":[]}", &want, &c, &a), "token: it is meant for somebody else (aud)");
    CHECK_STRING(judge("{\"exp\":1795297000,\"aud\":{\"me\":1}}", &want, &c, &a), "token: it is meant for somebody else (aud)");
    CHECK_STRING(judge("{\"exp\":1795297000}", &want, &c, &a), "token: it is meant for somebody else (aud)");
    want = (struct jwt_expectations){ .now_ms = NOW_MS, .type = BYTES_LIT("appraisal+jwt") };
    CHECK_STRING(judge("{\"exp\":1795297000}", &want, &c, &a), "token: it is not of the type that is expected here");
    want = (struct jwt_expectations){ .now_ms = NOW_MS, .may_lack_exp = true };
    CHECK_STRING(judge("{}", &want, &c, &a), "");
    CHECK_INT(c.exp_ms, 0);
    arena_done(&a);
}
