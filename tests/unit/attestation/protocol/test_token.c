/* The report token: members, their order, what a policy cannot say (attestation-service.md 6.6, 9.7, 11). */
#include "attestation/protocol/token.h"
#include "attestation/provider/providers.h"
#include "jose/jwt.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* The payload of a token that verifies under the service's key; NULL with a note otherwise. */
static const struct json *payload_of(struct fixture *f, struct bytes token, struct jws *ret_jws)
{
    const struct verified_jws *verified;
    const struct json *payload;
    struct err err = ERR_INIT;

    if (jws_parse(&f->a, token, 0, ret_jws, &err) &&
        jws_verify(&f->a, ret_jws, fixture_key(f, KEY_USE_REPORT), JWS_ALLOW(JWS_RS256), &verified, &err) &&
        json_parse(&f->a, verified_jws_payload(verified), &(struct json_options){ .refuse_duplicates = true }, &payload, &err))
        return payload;
    test_note("%s", err.text);
    return NULL;
}

static const struct json *attested_payload(struct fixture *f, struct attestation *t, struct jws *ret_jws)
{
    struct answer answer;

    attestation_send(t, &answer);
    if (answer.status != 200)
        test_note("%u %s: %s", answer.status, answer.code, answer.message);
    return payload_of(f, answer_token(f, &answer), ret_jws);
}

static const char *names_of(struct arena *a, const struct json *object)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; object && i < object->object.n; i++) {
        write_string(&w, i ? " " : "");
        write_bytes(&w, object->object.members[i].name);
    }
    return arena_string(a, writer_bytes(&w));
}

/* A service, and an attestation of web1 that has begun: for its claims and its token. */
#define WITH_ATTESTATION(f, vm, t, p, jws)       \
    FIXTURE(f);                                  \
    struct test_vm *vm = fixture_vm(&f, "web1"); \
    struct attestation t;                        \
    const struct json *p;                        \
    struct jws jws;                              \
    REQUIRE(attestation_begin(&f, vm, &t))

TEST(a_report_has_the_published_members_in_the_published_order)
{
    WITH_ATTESTATION(f, vm, t, p, jws);

    t.rp_data = "bm9uY2Ugb2YgdGhlIG1vbml0b3I";
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK_STRING(names_of(&f.a, jws.header), "typ alg x5c kid");
    CHECK_STRING(names_of(&f.a, p),
                 "nbf exp iat iss jti ver x-ms-ver rp_data nonce cnf x-ms-policy-hash aikPubHash aikValidated bootDebuggingDisabled "
                 "iommuEnabled notSafeMode notWinPE secureBootEnabled tpmVersion trueboot vbsEnabled x-ms-attestation-type "
                 "x-ms-tpm-request-key");
}

TEST(a_report_says_what_was_attested)
{
    WITH_ATTESTATION(f, vm, t, p, jws);
    int64_t nbf, exp, iat;

    t.rp_data = "bm9uY2U";
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK(json_is_string(json_get(p, "iss"), FIXTURE_ISSUER));
    CHECK(json_is_string(json_get(p, "rp_data"), "bm9uY2U"));
    CHECK(json_is_string(json_get(p, "nonce"), "bm9uY2U"));
    CHECK(json_is_string(json_get(p, "ver"), "1.0") && json_is_string(json_get(p, "x-ms-ver"), "1.0"));
    CHECK(json_is_string(json_get(p, "x-ms-attestation-type"), "tpm"));
    CHECK(json_is_string(json_at(p, "trueboot", "vm", NULL), vm->uuid));
    CHECK(json_is_string(json_at(p, "trueboot", "verdict", NULL), "Healthy"));
    CHECK_INT(json_text(json_get(p, "jti"), BYTES_NONE).len, 40);
    CHECK(json_as_integer(json_get(p, "iat"), &iat) && iat == fixture_time / 1000);
    CHECK(json_as_integer(json_get(p, "nbf"), &nbf) && nbf == iat - 300);
    CHECK(json_as_integer(json_get(p, "exp"), &exp) && exp == iat + 1440 * 60);
    CHECK_BYTES(json_at(p, "cnf", "jwk", NULL)->raw, bytes_of_string(t.jwk));
    CHECK_BYTES(json_at(p, "x-ms-tpm-request-key", "jwk", NULL)->raw, bytes_of_string(t.jwk));
    CHECK(json_at(p, "secureBootEnabled", NULL)->boolean && json_at(p, "aikValidated", NULL)->boolean);
}

TEST(without_rp_data_there_is_no_nonce)
{
    WITH_ATTESTATION(f, vm, t, p, jws);

    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK(!json_get(p, "rp_data") && !json_get(p, "nonce"));
}

/* A request key in another spelling is bound by its characters, and shown without members that we do not know. */
TEST(unknown_members_of_the_request_key_are_bound_but_not_repeated)
{
    WITH_ATTESTATION(f, vm, t, p, jws);
    const char *plain;

    plain = t.jwk;
    t.jwk = arena_printf(t.a, "{\"note\":\"<b>\", %s", t.jwk + 1);
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK_BYTES(json_at(p, "cnf", "jwk", NULL)->raw, bytes_of_string(plain));
}

TEST(request_keys_may_be_rsa_and_bindings_longer)
{
    static const struct {
        enum privkey_kind kind;
        enum jws_algorithm algorithm;
        const char *hash;
    } ways[] = { { PRIVKEY_RSA_2048, JWS_PS256, "sha-256" },
                 { PRIVKEY_RSA_2048, JWS_RS256, "SHA-384" },
                 { PRIVKEY_P256, JWS_ES256, "sha-512" } };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);
        struct attestation t;
        struct jws jws;

        REQUIRE(attestation_begin(&f, vm, &t));
        t.request_key = test_key(ways[i].kind, 30);
        t.algorithm = ways[i].algorithm;
        json_begin_object(&out, NULL);
        jwk_write_key(&out, privkey_public(t.request_key));
        json_end(&out);
        t.jwk = arena_string(t.a, writer_bytes(&w));
        t.info = arena_printf(t.a, "{\"tpm_quote\":{\"hash_alg\":\"%s\"}}", ways[i].hash);
        CHECK(attested_payload(&f, &t, &jws) != NULL);
    }
}

TEST(an_rsa_attestation_key_attests_as_well)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct bytes token;

    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_RSA_2048, 29)) && fixture_enrol(&f, vm));
    CHECK(attest_once(&f, vm, &token));
}

/* A second VM's key attests for its own VM and for no other. */
TEST(a_token_names_the_vm_of_the_key_that_quoted)
{
    FIXTURE(f);
    struct test_vm *one = fixture_vm(&f, "web1"), *two = fixture_vm(&f, "web2");
    const struct json *p;
    struct attestation t;
    struct jws jws;

    REQUIRE(attestation_begin(&f, two, &t));
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK(json_is_string(json_at(p, "trueboot", "vm", NULL), two->uuid));
    CHECK_INT(fixture_appraisals(&f, one->uuid, NULL), 0);
    CHECK_INT(fixture_appraisals(&f, two->uuid, NULL), 1);
}

/* A genuine TPM that belongs to no VM of ours: its evidence is good, and it is nobody's. */
TEST(evidence_of_an_unknown_vm_gets_a_token_without_a_vm_and_is_stored_nowhere)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct json *p;
    struct attestation t;
    struct jws jws;
    struct err err = ERR_INIT;

    REQUIRE_OK(store_identity_release(f.store, vm->uuid, &err), err);
    REQUIRE(attestation_begin(&f, vm, &t));
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK(json_at(p, "trueboot", "vm", NULL)->type == JSON_NULL);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
}

TEST(custom_claims_reach_the_policy_under_a_name_that_only_they_have)
{
    WITH_ATTESTATION(f, vm, t, p, jws);

    t.more_data = ",\"custom_claims\":[{\"name\":\"secureBootEnabled\",\"value\":false,\"value_type\":\"boolean\"},"
                  "{\"name\":\"aikValidated\",\"value\":\"no\",\"value_type\":\"String\"},"
                  "{\"name\":\"x\",\"value\":5,\"value_type\":\"integer\"}]";
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK(json_get(p, "secureBootEnabled")->boolean);
    CHECK(json_get(p, "aikValidated")->type == JSON_BOOLEAN && json_get(p, "aikValidated")->boolean);
}

/* A policy that says more than it may: what stands for the service itself is not its to say. */
#define SAY(name) "=> issue(type=\"" name "\", value=\"mine\");"
static const char greedy[] = "version= 1.2; authorizationrules{ => permit(); }; issuancerules{" SAY("nbf") SAY("exp") SAY("iat") SAY("iss")
    SAY("jti") SAY("ver") SAY("rp_data") SAY("nonce") SAY("cnf") SAY("aud") SAY("sub") SAY("trueboot") SAY("x-ms-ver")
        SAY("x-ms-policy-hash") SAY("x-ms-attestation-type") SAY("x-ms-tpm-request-key") SAY("x-ms-new")
            SAY("mine") "=> issue(type=\"twice\", value=\"a\"); => issue(type=\"twice\", value=2); => issue(type=\"twice\", value=true);};";

TEST(a_policy_overwrites_no_reserved_name_and_says_the_rest)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(f.attestation.providers);
    struct policy_error why = { 0 };
    const struct policy *policy;
    const struct json *p;
    struct attestation t;
    struct jws jws;

    REQUIRE(policy_parse(&f.a, bytes_of_string(greedy), &policy, &why));
    ((struct provider *)shared)->policies[PROVIDER_TPM].policy = policy;
    REQUIRE(attestation_begin(&f, vm, &t));
    p = attested_payload(&f, &t, &jws);
    REQUIRE(p != NULL);
    CHECK_STRING(names_of(&f.a, p), "nbf exp iat iss jti ver x-ms-ver cnf x-ms-policy-hash mine trueboot twice x-ms-attestation-type "
                                    "x-ms-tpm-request-key");
    for (size_t i = 0; i < p->object.n; i++)
        CHECK(json_is_string(p->object.members[i].value, "mine") == bytes_equal_string(p->object.members[i].name, "mine"));
    CHECK_BYTES(json_get(p, "twice")->raw, BYTES_LIT("[\"a\",2,true]"));
}
