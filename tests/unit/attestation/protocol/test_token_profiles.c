/* Tokens of providers that want them with ES256, or as EAT Attestation Results; keys that follow each other, seen from the service. */
#include "appraise/appraise.h"
#include "attestation/protocol/ear.h"
#include "attestation/provider/provider.h"
#include "jose/jwt.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define POLICY                                                                                                             \
    "version=1.0; authorizationrules { => permit(); }; issuancerules { c:[type==\"secureBootEnabled\"] => issue(claim=c);" \
    " => issue(type=\"zebra\", value=1); => issue(type=\"zebra\", value=2); => issue(type=\"exp\", value=1); };"

struct verified {
    struct jws jws;
    const struct json *payload;
};

/* As a relying party: by the provider's own key list, the algorithm pinned there. */
static bool verify(struct fixture *f, struct bytes token, struct verified *ret)
{
    const char *path = arena_printf(&f->a, "%s/certs", f->at ? f->at : "");
    const struct verified_jws *verified;
    struct jwks *jwks CLEANUP(jwks_free_at) = NULL;
    struct jwt_claims claims;
    struct answer answer;
    struct err err = ERR_INIT;

    fixture_call(f, &(struct call){ .path = path }, &answer);
    if (jwks_parse(answer.json, &jwks, &err) && jws_parse(&f->a, token, 0, &ret->jws, &err) &&
        jwks_verify(&f->a, jwks, &ret->jws, JWS_ALLOW_ALL, &verified, &err) &&
        jwt_check(&f->a, verified, &(struct jwt_expectations){ .now_ms = fixture_time }, &claims, &err)) {
        ret->payload = claims.claims;
        return true;
    }
    test_note("%s", err.text);
    return false;
}

static const char *names_of(struct arena *a, const struct json *object)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; object && object->type == JSON_OBJECT && i < object->object.n; i++) {
        write_string(&w, i ? " " : "");
        write_bytes(&w, object->object.members[i].name);
    }
    return arena_string(a, writer_bytes(&w));
}

static bool attest(struct fixture *f, const struct test_vm *vm, const char *rp_data, struct verified *ret)
{
    struct attestation t;
    struct answer answer;

    if (!attestation_begin(f, vm, &t))
        return false;
    t.rp_data = rp_data;
    attestation_send(&t, &answer);
    if (answer.status != 200)
        test_note("%u %s: %s", answer.status, answer.code, answer.message);
    return answer.status == 200 && verify(f, answer_token(f, &answer), ret);
}

static int64_t integer(const struct json *v)
{
    int64_t value = INT64_MIN;
    return v && json_as_integer(v, &value) ? value : INT64_MIN;
}

TEST(es256_changes_the_signature_and_no_member)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct verified original, es256;

    REQUIRE(fixture_provider(&f, "myprov", "original", POLICY) && attest(&f, vm, "bm9uY2Ugb2Y", &original));
    REQUIRE(fixture_provider(&f, "myprov", "es256", POLICY) && attest(&f, vm, "bm9uY2Ugb2Y", &es256));
    CHECK(original.jws.algorithm == JWS_RS256 && es256.jws.algorithm == JWS_ES256);
    CHECK_STRING(names_of(&f.a, original.jws.header), "typ alg x5c kid");
    CHECK_STRING(names_of(&f.a, es256.jws.header), "typ alg x5c kid");
    CHECK_STRING(names_of(&f.a, es256.payload), names_of(&f.a, original.payload));
    CHECK(json_get(es256.payload, "zebra")->array.n == 2);
    CHECK(integer(json_get(es256.payload, "exp")) == integer(json_get(original.payload, "exp")));
    CHECK_INT(integer(json_get(es256.payload, "nbf")), fixture_time / 1000 - 300);
}

TEST(a_claim_under_a_name_of_the_services_is_left_out_with_a_warning)
{
    static const char *const names[] = { "iss", "exp", "jti", "cnf", "trueboot", "rp_data", "x-ms-anything" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        const char *name = i < ARRAY_LEN(names) ? names[i] : "mine";
        struct attestation t;
        struct answer answer;
        struct verified got;

        REQUIRE(fixture_provider(&f, "myprov", "original",
                                 arena_printf(&f.a,
                                              "version=1.0; authorizationrules { => permit(); }; issuancerules { => issue(type=\"%s\", "
                                              "value=\"forged\"); };",
                                              name)));
        REQUIRE(attestation_begin(&f, vm, &t));
        attestation_send(&t, &answer);
        REQUIRE(answer.status == 200 && verify(&f, answer_token(&f, &answer), &got));
        CHECK(json_is_string(json_get(got.payload, name), "forged") == (i == ARRAY_LEN(names)));
        CHECK((answer.response.warning != NULL) == (i < ARRAY_LEN(names)));
    }
}

TEST(a_provider_with_es256_signs_its_answers_about_policies_with_it_too_and_its_metadata_say_so)
{
    static const struct {
        const char *profile, *algorithm;
        enum jws_algorithm id;
    } rows[] = { { "original", "RS256", JWS_RS256 }, { "es256", "ES256", JWS_ES256 }, { "ear", "ES256", JWS_ES256 } };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verified got;
        REQUIRE(fixture_provider(&f, "myprov", rows[i].profile, POLICY));
        fixture_ask(&f, &answer, "GET", "/providers/myprov/policies/Tpm" FIXTURE_API, NULL);
        REQUIRE(answer.status == 200 && verify(&f, json_text(json_get(answer.json, "token"), BYTES_NONE), &got));
        CHECK(got.jws.algorithm == rows[i].id);
        CHECK_STRING(names_of(&f.a, got.jws.header), "alg jku kid typ");
        CHECK_STRING(names_of(&f.a, got.payload), "exp iat iss nbf x-ms-policy");
        fixture_ask(&f, &answer, "GET", "/providers/myprov/.well-known/openid-configuration", NULL);
        CHECK_INT(json_get(answer.json, "id_token_signing_alg_values_supported")->array.n, 1);
        CHECK(json_is_string(json_get(answer.json, "id_token_signing_alg_values_supported")->array.items[0], rows[i].algorithm));
    }
}

TEST(keys_of_both_kinds_are_published_before_a_provider_uses_them_but_not_by_the_shared_one)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *keys;

    REQUIRE(fixture_provider(&f, "myprov", "original", POLICY));
    fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
    keys = json_get(answer.json, "keys");
    REQUIRE(keys && keys->array.n == 4);
    for (size_t i = 0; i < 4; i++) {
        const struct json *key = keys->array.items[i];
        CHECK_STRING(names_of(&f.a, key), i < 2 ? "x5c kid kty n e use alg" : "x5c kid kty crv x y use alg");
        CHECK(json_is_string(json_get(key, "alg"), i < 2 ? "RS256" : "ES256"));
        CHECK_INT(json_text(json_get(key, "kid"), BYTES_NONE).len, i % 2 ? 27 : 44); /* b64u SHA-1, b64 SHA-256 */
        CHECK_INT(json_get(key, "x5c")->array.n, i % 2 ? 3 : 1);
    }
    fixture_ask(&f, &answer, "GET", "/certs", NULL);
    CHECK_INT(json_get(answer.json, "keys")->array.n, 2);
}

TEST(an_ear_has_its_members_a_vector_for_each_attester_and_all_of_ours_under_one_name)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct json *submod, *vector, *ours;
    struct verified got;

    REQUIRE(fixture_provider(&f, "myprov", "ear", POLICY) && attest(&f, vm, "bm9uY2Ugb2Y", &got));
    CHECK(got.jws.algorithm == JWS_ES256);
    CHECK_STRING(names_of(&f.a, got.payload), "eat_profile ear.verifier-id nbf exp iat iss jti eat_nonce cnf submods trueboot");
    CHECK(json_is_string(json_get(got.payload, "eat_profile"), EAR_PROFILE));
    CHECK(json_is_string(json_get(got.payload, "eat_nonce"), "bm9uY2Ugb2Y"));
    CHECK(json_is_string(json_get(got.payload, "iss"), FIXTURE_ISSUER "/providers/myprov"));
    CHECK_STRING(names_of(&f.a, json_get(got.payload, "ear.verifier-id")), "developer build");
    CHECK_INT(integer(json_get(got.payload, "iat")), fixture_time / 1000);
    CHECK_STRING(names_of(&f.a, json_get(got.payload, "submods")), "tpm");
    submod = json_at(got.payload, "submods", "tpm", NULL);
    CHECK_STRING(names_of(&f.a, submod), "ear.status ear.trustworthiness-vector ear.appraisal-policy-id");
    CHECK(json_is_string(json_get(submod, "ear.status"), "affirming"));
    vector = json_get(submod, "ear.trustworthiness-vector");
    CHECK_STRING(names_of(&f.a, vector),
                 "instance-identity configuration executables file-system hardware runtime-opaque storage-opaque sourced-data");
    CHECK_INT(integer(json_get(vector, "instance-identity")), 2);
    CHECK_INT(integer(json_get(vector, "configuration")), 3);
    ours = json_get(got.payload, "trueboot");
    CHECK(json_is_string(json_get(ours, "verdict"), "Healthy") && json_is_string(json_get(ours, "rpData"), "bm9uY2Ugb2Y"));
    CHECK_STRING(names_of(&f.a, json_get(ours, "claims")), "secureBootEnabled zebra");
    CHECK(json_at(ours, "requestKey", "jwk", NULL) && !json_get(ours, "otherKeys"));
}

TEST(an_ear_of_a_boot_without_secure_boot_is_contraindicated_though_the_policy_permits_it)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct json *submod;
    struct verified got;

    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .secure_boot_off = true }));
    REQUIRE(fixture_provider(&f, "myprov", "ear", POLICY) && attest(&f, vm, "short", &got));
    submod = json_at(got.payload, "submods", "tpm", NULL);
    CHECK(json_is_string(json_get(submod, "ear.status"), "contraindicated"));
    CHECK_INT(integer(json_at(submod, "ear.trustworthiness-vector", "configuration", NULL)), 96);
    CHECK_INT(integer(json_at(submod, "ear.trustworthiness-vector", "instance-identity", NULL)), 2);
    CHECK(!json_get(got.payload, "eat_nonce") && json_is_string(json_at(got.payload, "trueboot", "rpData", NULL), "short"));
}

TEST(a_profile_that_is_none_is_refused_and_the_old_one_stays)
{
    static const char *const bad[] = { "\"ES256\"", "\"\"", "7", "null", "{}" };
    FIXTURE(f);
    struct answer answer;

    REQUIRE(fixture_provider(&f, "myprov", "es256", POLICY));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fixture_ask(&f, &answer, "PATCH", "/v1/providers/myprov", "{\"properties\":{\"trueboot\":{\"tokenProfile\":%s}}}", bad[i]);
        CHECK_INT(answer.status, 400);
        CHECK(strstr(answer.message, "tokenProfile"));
    }
    fixture_ask(&f, &answer, "GET", "/v1/providers/myprov", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "trueboot", "tokenProfile", NULL), "es256"));
    fixture_ask(&f, &answer, "PATCH", "/v1/providers/myprov", "%s", "{\"properties\":{\"publicNetworkAccess\":\"Enabled\"}}");
    CHECK(json_is_string(json_at(answer.json, "properties", "trueboot", "tokenProfile", NULL), "es256"));
}

/* attestation-service.md 8.7: what each property does, seen from outside. */
TEST(properties_of_a_policy_steer_the_token)
{
    static const struct {
        const char *rules;
        int64_t minutes;
        const char *header;
    } rows[] = {
        { "", 1440, "typ alg x5c kid" },
        { "=> issueproperty(type=\"report_validity_in_minutes\", value=7);", 7, "typ alg x5c kid" },
        { "=> issueproperty(type=\"report_validity_in_minutes\", value=525601);", 525600, "typ alg x5c kid" },
        { "=> issueproperty(type=\"omit_x5c\", value=true);", 1440, "typ alg x5t kid" },
        { "=> issueproperty(type=\"omit_x5c\", value=false);", 1440, "typ alg x5c kid" },
        { "[type==\"tpmVersion\", value==1] => issueproperty(type=\"omit_x5c\", value=true);", 1440, "typ alg x5c kid" },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes kid;
        struct verified got;

        REQUIRE(
            fixture_provider(&f, "myprov", "original",
                             arena_printf(&f.a, "version=1.0; authorizationrules { => permit(); }; issuancerules { %s };", rows[i].rules)));
        REQUIRE(attest(&f, vm, NULL, &got));
        CHECK_INT(integer(json_get(got.payload, "exp")) - integer(json_get(got.payload, "iat")), rows[i].minutes * 60);
        CHECK_STRING(names_of(&f.a, got.jws.header), rows[i].header);
        kid = json_text(json_get(got.jws.header, "kid"), BYTES_NONE);
        CHECK(!strstr(rows[i].header, "x5t") || bytes_equal(json_text(json_get(got.jws.header, "x5t"), BYTES_NONE), kid));
        CHECK(!json_get(got.payload, "omit_x5c") && !json_get(got.payload, "report_validity_in_minutes"));
    }
}

TEST(properties_of_a_policy_steer_how_evidence_is_verified)
{
    static const struct {
        const char *what, *rules;
        bool no_certificate;
        uint32_t quoted;
        unsigned status;
        const char *inner;
    } rows[] = {
        { "everything", "", false, 0xffffff, 200, "" },
        { "no certificate", "", true, 0xffffff, 400, "tpm.ak_untrusted" },
        { "no certificate, and none is needed", "=> issueproperty(type=\"require_valid_aik_cert\", value=false);", true, 0xffffff, 200,
          "" },
        { "no certificate, and one is needed again",
          "=> issueproperty(type=\"require_valid_aik_cert\", value=false); => issueproperty(type=\"require_valid_aik_cert\", value=true);",
          true, 0xffffff, 400, "tpm.ak_untrusted" },
        { "register 23 is missing", "", false, 0x7fffff, 400, "quote.pcr_missing" },
        { "register 23 is missing, and not needed", "=> issueproperty(type=\"required_pcr_mask\", value=0x7fffff);", false, 0x7fffff, 200,
          "" },
        { "registers 0 to 7", "=> issueproperty(type=\"required_pcr_mask\", value=15);", false, 0xff, 200, "" },
        { "register 3 is missing of those needed", "=> issueproperty(type=\"required_pcr_mask\", value=15);", false, 0xf7, 400,
          "quote.pcr_missing" },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attestation t;
        struct answer answer;
        struct verified got;
        bool trusted = rows[i].no_certificate;

        REQUIRE(fixture_provider(&f, "myprov", "original",
                                 arena_printf(&f.a,
                                              "version=1.1; configurationrules { %s }; authorizationrules { => permit(); }; "
                                              "issuancerules { c:[type==\"aikValidated\"] => issue(claim=c); };",
                                              rows[i].rules)));
        REQUIRE(attestation_begin(&f, vm, &t));
        if (rows[i].no_certificate) {
            struct writer w CLEANUP(writer_done) = { 0 };
            struct json_out out = json_out_to(&w, JSON_COMPACT);
            json_begin_object(&out, NULL);
            jwk_write_key(&out, privkey_public(vm->ak));
            json_end(&out);
            t.aik_pub = arena_string(t.a, writer_bytes(&w));
            t.aik_cert = BYTES_NONE;
        }
        for (size_t b = 0; b < t.shown.n_banks; b++)
            t.shown.banks[b].present &= rows[i].quoted;
        pcr_selection_of(&t.shown, &t.quote.attest.selection);
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, rows[i].status);
        CHECK_STRING(answer.inner, rows[i].inner);
        if (answer.status != rows[i].status)
            test_note("%s: %s", rows[i].what, answer.message);
        if (answer.status != 200 || rows[i].status != 200)
            continue;
        REQUIRE(verify(&f, answer_token(&f, &answer), &got));
        CHECK(json_as_boolean(json_get(got.payload, "aikValidated"), &trusted) && trusted == !rows[i].no_certificate);
    }
}
