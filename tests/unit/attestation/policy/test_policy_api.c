/* Policies and their signers, through the routes. */
#include <pthread.h>
#include "attestation/provider/providers.h"
#include "base/base64.h"
#include "base/hex.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define VERSION    "?api-version=2020-10-01"
#define AT(path)   "/providers/myprov" path VERSION
#define PERMIT_ALL "version= 1.0;authorizationrules{=> permit();};issuancerules{};"

/* ---- helpers --------------------------------------------------------------------------------------------------------- */

struct signer {
    const struct privkey *key;
    struct cert *cert;
};

static void signer_done(struct signer *s) { cert_free(s->cert); }

static bool signer_make(unsigned number, struct signer *ret)
{
    struct err err = ERR_INIT;

    ret->key = test_key(PRIVKEY_P256, number);
    return ca_self_signed_signer(ret->key, "signer", fixture_time, CA_VALIDITY_MS, &ret->cert, &err);
}

static bool provider_make(struct fixture *f, const struct signer *signer)
{
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct store_provider row = { .name = "myprov",
                                  .subscription = "s",
                                  .resource_group = "g",
                                  .location = "local",
                                  .attest_uri = FIXTURE_ISSUER "/providers/myprov",
                                  .isolated = signer != NULL,
                                  .public_network_access = true,
                                  .tags = "{}",
                                  .created_ms = fixture_time,
                                  .created_by = "test" };
    struct store_signer first = { .provider = "myprov", .sha256 = sha256, .added_ms = fixture_time, .by = "test" };
    struct err err = ERR_INIT;

    if (signer) {
        first.der = signer->cert->der;
        hex_encode((struct bytes){ signer->cert->sha256, CERT_SHA256_LEN }, sha256);
    }
    if (store_provider_create(f->store, &row, &first, signer != NULL, &err) && providers_reload(f->attestation.providers, "myprov", &err))
        return true;
    test_note("%s", err.text);
    return false;
}

static void send(struct fixture *f, const char *method, const char *path, struct bytes body, struct answer *ret)
{
    struct call call = { .method = method, .path = path, .body = body, .as = HTTP_OWNER };
    fixture_call(f, &call, ret);
}

static struct bytes policy_payload(struct fixture *f, const char *text)
{
    char *encoded = base64_in(&f->a, BASE64_URL, bytes_of_string(text));
    char *payload = arena_printf(&f->a, "{\"AttestationPolicy\":\"%s\"}", encoded);
    return bytes_of_string(payload);
}

static struct bytes unsecured(struct fixture *f, struct bytes payload)
{
    struct err err = ERR_INIT;
    struct bytes jws = BYTES_NONE;

    CHECK(jws_make_unsecured(&f->a, BYTES_LIT("{\"alg\":\"none\"}"), payload, &jws, &err));
    return jws;
}

static struct bytes signed_by(struct fixture *f, const struct signer *s, struct bytes payload)
{
    char *der = base64_in(&f->a, BASE64_STANDARD, s->cert->der);
    char *header = arena_printf(&f->a, "{\"alg\":\"ES256\",\"x5c\":[\"%s\"]}", der);
    struct err err = ERR_INIT;
    struct bytes jws = BYTES_NONE;

    CHECK(jws_sign(&f->a, s->key, JWS_ES256, bytes_of_string(header), payload, &jws, &err));
    return jws;
}

static struct bytes certificate_payload(struct fixture *f, const char *name, const struct cert *cert)
{
    char *der = base64_in(&f->a, BASE64_STANDARD, cert->der);
    char *payload = arena_printf(&f->a, "{\"%s\":{\"kty\":\"EC\",\"x5c\":[\"%s\"]}}", name, der);
    return bytes_of_string(payload);
}

/* The claims of {"token": …}, which must be signed by the key that /certs publishes first. */
static const struct json *claims_of(struct fixture *f, const struct answer *answer)
{
    const struct verified_jws *verified;
    struct err err = ERR_INIT;
    const struct json *v;
    struct jws jws;

    if (answer->status != 200)
        test_note("%u %s: %s", answer->status, answer->code, answer->message);
    if (!jws_parse(&f->a, json_text(json_get(answer->json, "token"), BYTES_NONE), 1024 * 1024, &jws, &err) ||
        !jws_verify(&f->a, &jws, fixture_key(f, KEY_USE_TOKEN), JWS_ALLOW(JWS_RS256), &verified, &err) ||
        !json_parse(&f->a, verified_jws_payload(verified), NULL, &v, &err)) {
        test_note("%s", err.text);
        return NULL;
    }
    return v;
}

static const char *claim(struct fixture *f, const struct answer *answer, const char *name)
{
    return arena_string(&f->a, json_text(json_get(claims_of(f, answer), name), BYTES_LIT("absent")));
}

/* ---- policies -------------------------------------------------------------------------------------------------------- */

TEST(the_hash_of_a_submitted_policy_is_that_of_the_published_vector)
{
    static const char jws[] =
        "eyJhbGciOiJub25lIn0."
        "eyJBdHRlc3RhdGlvblBvbGljeSI6ImRtVnljMmx2YmoweExqQTdJR0YxZEdodmNtbDZZWFJwYjI1eWRXeGxjM3M5UGlCd1pYSnRhWFFvS1R0OU95"
        "QnBjM04xWVc1alpYSjFiR1Z6ZTMwNyJ9.";
    static const char hash[] = "c6sEJQItV50OeP9IrP_bzywAMOVvj5uDPbklA_bwdYQ";
    FIXTURE(f);
    struct answer answer;

    REQUIRE(provider_make(&f, NULL));
    send(&f, "PUT", AT("/policies/Tpm"), bytes_of_string(jws), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-token-hash"), hash);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Updated");
    CHECK_STRING(claim(&f, &answer, "iss"), FIXTURE_ISSUER "/providers/myprov");
    CHECK(!json_get(claims_of(&f, &answer), "x-ms-policy-signer"));
    CHECK(bytes_starts_with(bytes_of_string(json_to_string(&f.a, claims_of(&f, &answer), JSON_COMPACT)), BYTES_LIT("{\"exp\":")));
    send(&f, "PUT", AT("/policies/tpm"), bytes_of_string(arena_printf(&f.a, " \"%s\"\r\n", jws)), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-token-hash"), hash);
    send(&f, "GET", AT("/policies/TPM"), BYTES_NONE, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy"), jws);
}

TEST(the_hash_in_tokens_is_that_of_the_published_vector)
{
    FIXTURE(f);
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    struct answer answer;

    REQUIRE(provider_make(&f, NULL));
    send(&f, "PUT", AT("/policies/AzureGuest"), unsecured(&f, policy_payload(&f, "version= 1.0;authorizationrules{=> permit();};")),
         &answer);
    REQUIRE(answer.status == 200);
    p = providers_get(f.attestation.providers, BYTES_LIT("myprov"));
    REQUIRE(p);
    CHECK_STRING(p->policies[PROVIDER_AZURE_GUEST].hash, "9NY0VnTQ-IiBriBplVUpFbczcDaEBUwsiFYAzHu_gco");
}

TEST(every_type_has_a_policy_that_clients_can_read_before_and_after)
{
    static const char *const places[] = { "", "/providers/myprov", "/providers/shared" };
    FIXTURE(f);

    REQUIRE(provider_make(&f, NULL));
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++) {
            struct cert *signer CLEANUP(cert_free_at) = NULL;
            struct err err = ERR_INIT;
            struct answer answer;
            struct bytes text = BYTES_NONE;

            send(&f, "GET", arena_printf(&f.a, "%s/policies/%s" VERSION, places[i], provider_type_name(t)), BYTES_NONE, &answer);
            CHECK(provider_stored_policy(&f.a, bytes_of_string(claim(&f, &answer, "x-ms-policy")), &text, &signer, &err));
            CHECK_STRING(arena_string(&f.a, text), provider_default_policy(t, i != 1));
        }
}

TEST(a_reset_brings_back_what_was_built_in_and_history_remembers)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *steps;
    const char *before;

    REQUIRE(provider_make(&f, NULL));
    send(&f, "GET", AT("/policies/AzureGuest"), BYTES_NONE, &answer);
    before = claim(&f, &answer, "x-ms-policy");
    send(&f, "PUT", AT("/policies/AzureGuest"), unsecured(&f, policy_payload(&f, PERMIT_ALL)), &answer);
    CHECK_INT(answer.status, 200);
    send(&f, "POST", AT("/policies/AzureGuest:reset"), BYTES_LIT("eyJhbGciOiJub25lIn0.."), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Removed");
    CHECK(!json_get(claims_of(&f, &answer), "x-ms-policy-token-hash"));
    send(&f, "POST", AT("/policies/AzureGuest%3Areset"), unsecured(&f, BYTES_LIT("{}")), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Removed");
    send(&f, "GET", AT("/policies/AzureGuest"), BYTES_NONE, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy"), before);
    send(&f, "GET", AT("/policies/AzureGuest/history"), BYTES_NONE, &answer);
    steps = json_get(answer.json, "value");
    REQUIRE(steps && steps->array.n == 3);
    CHECK(json_is_string(json_get(steps->array.items[0], "action"), "reset"));
    CHECK(json_is_string(json_get(steps->array.items[2], "action"), "set"));
    CHECK(json_is_string(json_get(steps->array.items[2], "by"), "uid 0"));
    CHECK(json_is_string(json_get(steps->array.items[2], "policy"), PERMIT_ALL));
}

TEST(what_is_wrong_with_a_policy_is_said_in_the_words_people_search_for)
{
    static const struct {
        const char *body; /* NULL: of `text` */
        const char *text;
        const char *code, *words;
    } rows[] = {
        { "nonsense", NULL, "InvalidOperation", "Malformed JWT: Could not find first period in the token." },
        { "a.b", NULL, "InvalidOperation", "Could not find second period" },
        { "", NULL, "InvalidOperation", "Malformed JWT" },
        { "eyJhbGciOiJub25lIn0.e)J9.", NULL, "InvalidOperation", "Unknown base64 character: 41 (')')" },
        { "eyJhbGciOiJub25lIn0.e30.", NULL, "InvalidOperation", "Could not find \"AttestationPolicy\" claim" },
        { "eyJhbGciOiJub25lIn0.W10.", NULL, "InvalidOperation", "AttestationPolicy" },
        { "eyJhbGciOiJub25lIn0.e30.AAAA", NULL, "InvalidOperation", "signature" },
        { NULL, "version=1.0; authorizationrules{ => allow(); }; issuancerules{};", "PolicyParsingError",
          "offending symbol 'allow', line 1, column 37, authorization rule 1: mismatched input 'allow' expecting permit" },
        { NULL, "", "PolicyParsingError", "(policy > versionInfo)\n" },
    };
    FIXTURE(f);
    struct answer answer;
    char deep[400];

    REQUIRE(provider_make(&f, NULL));
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    send(&f, "PUT", AT("/policies/Tpm"), unsecured(&f, BYTES_OF(deep)), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidOperation") == 0 && strstr(answer.message, "nested too deeply"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        send(&f, "PUT", AT("/policies/Tpm"), rows[i].body ? bytes_of_string(rows[i].body) : unsecured(&f, policy_payload(&f, rows[i].text)),
             &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, rows[i].code);
        CHECK(strstr(answer.message, rows[i].words) != NULL);
        if (!strstr(answer.message, rows[i].words))
            test_note("row %zu: %s", i, answer.message);
    }
    /* Raw text is what the preview's clients sent, and only they. */
    send(&f, "PUT", AT("/policies/Tpm"), unsecured(&f, BYTES_LIT("{\"AttestationPolicy\":\"" PERMIT_ALL "\"}")), &answer);
    CHECK(answer.status == 400 && strstr(answer.message, "Unknown base64 character: 32"));
    send(&f, "PUT", "/providers/myprov/policies/Tpm?api-version=2018-09-01-preview",
         unsecured(&f, BYTES_LIT("{\"AttestationPolicy\":\"" PERMIT_ALL "\"}")), &answer);
    CHECK_INT(answer.status, 200);
    send(&f, "GET", AT("/policies/Tpm/history"), BYTES_NONE, &answer);
    CHECK(json_get(answer.json, "value")->array.n == 1);
}

TEST(the_shared_provider_keeps_its_policies_and_has_no_signers)
{
    FIXTURE(f);
    struct answer answer;

    send(&f, "PUT", "/policies/Tpm" VERSION, unsecured(&f, policy_payload(&f, PERMIT_ALL)), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidOperation") == 0);
    send(&f, "POST", "/policies/Tpm:reset" VERSION, BYTES_LIT("eyJhbGciOiJub25lIn0.."), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidOperation") == 0);
    send(&f, "GET", "/certificates" VERSION, BYTES_NONE, &answer);
    CHECK_STRING(json_to_string(&f.a, json_get(claims_of(&f, &answer), "x-ms-policy-certificates"), JSON_COMPACT), "{\"keys\":[]}");
    send(&f, "POST", "/certificates:add" VERSION, BYTES_LIT("eyJhbGciOiJub25lIn0.e30."), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidOperation") == 0);
}

TEST(versions_types_providers_and_roles_are_checked)
{
    static const struct {
        const char *method, *path;
        enum http_role as;
        unsigned status;
    } rows[] = {
        { "GET", "/policies/Tpm", HTTP_OWNER, 400 },
        { "GET", "/policies/Tpm?api-version=1999-01-01", HTTP_OWNER, 400 },
        { "GET", "/policies/Nonsense" VERSION, HTTP_OWNER, 404 },
        { "GET", "/providers/nobody/policies/Tpm" VERSION, HTTP_OWNER, 404 },
        { "GET", "/providers/nobody/certs", HTTP_ANONYMOUS, 404 },
        { "GET", AT("/policies/Tpm"), HTTP_READER, 200 },
        { "GET", AT("/policies/Tpm"), HTTP_ANONYMOUS, 401 },
        { "GET", AT("/certificates"), HTTP_ANONYMOUS, 401 },
        { "GET", AT("/certs"), HTTP_ANONYMOUS, 200 },
        { "GET", AT("/.well-known/openid-configuration"), HTTP_ANONYMOUS, 200 },
        { "GET", "/providers/myprov/servicehealth", HTTP_ANONYMOUS, 204 },
    };
    FIXTURE(f);

    REQUIRE(provider_make(&f, NULL));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct call call = { .method = rows[i].method, .path = rows[i].path, .as = rows[i].as };
        struct answer answer;

        fixture_call(&f, &call, &answer);
        CHECK_INT(answer.status, rows[i].status);
    }
    for (size_t i = 0; i < attestation_n_routes; i++)
        CHECK(attestation_routes[i].role == HTTP_ANONYMOUS || attestation_routes[i].forbidden == 401);
}

/* Half of the threads set one of two policies, the others read: each answer is one of the two, whole. */
struct busy {
    struct fixture *f;
    struct bytes jws; /* BYTES_NONE: reads */
    unsigned wrong;
};

static void *keep_busy(void *context)
{
    struct busy *b = context;

    for (int i = 0; i < 20; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        const struct provider *p CLEANUP(provider_free_at) = NULL;
        struct answer answer;

        fixture_call(b->f,
                     &(struct call){
                         .method = b->jws.len ? "PUT" : "GET", .path = AT("/policies/Tpm"), .body = b->jws, .as = HTTP_OWNER, .arena = &a },
                     &answer);
        p = providers_get(b->f->attestation.providers, BYTES_LIT("myprov"));
        b->wrong += answer.status != 200 || !p || !policy_text(p->policies[PROVIDER_TPM].policy).len;
    }
    return NULL;
}

TEST(policies_are_replaced_while_others_read_them)
{
    FIXTURE(f);
    struct busy busy[4] = { { .f = &f }, { .f = &f }, { .f = &f }, { .f = &f } };
    pthread_t threads[ARRAY_LEN(busy)];
    struct answer answer;

    REQUIRE(provider_make(&f, NULL));
    busy[0].jws = unsecured(&f, policy_payload(&f, PERMIT_ALL));
    busy[1].jws = unsecured(&f, policy_payload(&f, "version= 1.0;authorizationrules{=> deny();};issuancerules{};"));
    for (size_t i = 0; i < ARRAY_LEN(busy); i++)
        REQUIRE(pthread_create(&threads[i], NULL, keep_busy, &busy[i]) == 0);
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(busy[i].wrong, 0);
    }
    send(&f, "GET", AT("/policies/Tpm/history"), BYTES_NONE, &answer);
    CHECK_INT(json_get(answer.json, "value")->array.n, 40);
}

/* ---- attesting ------------------------------------------------------------------------------------------------------- */

static void ask_init(struct fixture *f, const char *path, enum http_role as, struct answer *answer)
{
    struct call call = { .path = path, .body = BYTES_LIT("{\"data\":\"eyJwYXlsb2FkIjp7InR5cGUiOiJhaWtjZXJ0In19\"}"), .as = as };
    fixture_call(f, &call, answer);
}

TEST(a_custom_provider_attests_only_once_it_has_a_policy)
{
    FIXTURE(f);
    struct answer answer;

    REQUIRE(provider_make(&f, NULL));
    ask_init(&f, AT("/attest/Tpm"), HTTP_ANONYMOUS, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "InvalidOperation");
    CHECK(strstr(answer.message, "A VBS attestation policy has not been set on the attestation provider. ") == answer.message);
    CHECK(strstr(answer.message, FIXTURE_ISSUER "/providers/myprov/policies/Tpm") != NULL); /* section 15: the API to call */
    send(&f, "PUT", AT("/policies/Tpm"), unsecured(&f, policy_payload(&f, PERMIT_ALL)), &answer);
    ask_init(&f, AT("/attest/Tpm"), HTTP_ANONYMOUS, &answer);
    CHECK_INT(answer.status, 200);
    send(&f, "POST", AT("/policies/Tpm:reset"), BYTES_LIT("eyJhbGciOiJub25lIn0.."), &answer);
    ask_init(&f, AT("/attest/Tpm"), HTTP_ANONYMOUS, &answer);
    CHECK_INT(answer.status, 400);
}

TEST(the_switches_of_a_provider_are_honoured)
{
    FIXTURE(f);
    struct store_provider row;
    struct err err = ERR_INIT;
    struct answer answer;

    REQUIRE(provider_make(&f, NULL));
    send(&f, "PUT", AT("/policies/Tpm"), unsecured(&f, policy_payload(&f, PERMIT_ALL)), &answer);
    REQUIRE(store_provider_get(f.store, &f.a, "myprov", &row, &err));
    row.tpm_authentication = true;
    REQUIRE(store_provider_update(f.store, &row, &err) && providers_reload(f.attestation.providers, "myprov", &err));
    ask_init(&f, AT("/attest/Tpm"), HTTP_ANONYMOUS, &answer);
    CHECK(answer.status == 401 && strcmp(answer.code, "Unauthorized") == 0);
    ask_init(&f, AT("/attest/Tpm"), HTTP_READER, &answer);
    CHECK_INT(answer.status, 200);
    row.version++;
    row.public_network_access = false;
    REQUIRE(store_provider_update(f.store, &row, &err) && providers_reload(f.attestation.providers, "myprov", &err));
    ask_init(&f, AT("/attest/Tpm"), HTTP_READER, &answer);
    CHECK(answer.status == 403 && strcmp(answer.code, "Forbidden") == 0);
    send(&f, "GET", AT("/policies/Tpm"), BYTES_NONE, &answer);
    CHECK_INT(answer.status, 403);
}

/* ---- Isolated -------------------------------------------------------------------------------------------------------- */

TEST(an_isolated_provider_takes_policies_of_its_signers_only)
{
    FIXTURE(f);
    struct signer mine CLEANUP(signer_done) = { 0 }, other CLEANUP(signer_done) = { 0 };
    struct bytes payload = policy_payload(&f, PERMIT_ALL), broken;
    const struct json *signer;
    struct answer answer;

    REQUIRE(signer_make(1, &mine) && signer_make(2, &other) && provider_make(&f, &mine));
    send(&f, "PUT", AT("/policies/Tpm"), unsecured(&f, payload), &answer);
    CHECK_STRING(answer.code, "InvalidOperation");
    CHECK_STRING(answer.message, "Unsigned JWS specified but enclave is configured with signing certificates.");
    send(&f, "PUT", AT("/policies/Tpm"), signed_by(&f, &other, payload), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidParameter") == 0);
    broken = signed_by(&f, &(struct signer){ other.key, mine.cert }, payload);
    send(&f, "PUT", AT("/policies/Tpm"), broken, &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidParameter") == 0);
    send(&f, "PUT", AT("/policies/Tpm"), signed_by(&f, &mine, payload), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Updated");
    signer = json_get(claims_of(&f, &answer), "x-ms-policy-signer");
    CHECK(json_is_string(json_get(signer, "kty"), "EC") && json_get(signer, "x5c") && json_at(signer, "jwk", "x5c", NULL));
    send(&f, "POST", AT("/policies/Tpm:reset"), BYTES_LIT("eyJhbGciOiJub25lIn0.."), &answer);
    CHECK_STRING(answer.code, "InvalidOperation");
    send(&f, "POST", AT("/policies/Tpm:reset"), signed_by(&f, &mine, BYTES_NONE), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Removed");
}

TEST(a_signed_policy_is_not_the_signed_word_that_it_goes)
{
    FIXTURE(f);
    struct signer mine CLEANUP(signer_done) = { 0 };
    struct bytes policy;
    struct answer answer;

    REQUIRE(signer_make(1, &mine) && provider_make(&f, &mine));
    policy = signed_by(&f, &mine, policy_payload(&f, PERMIT_ALL));
    send(&f, "PUT", AT("/policies/Tpm"), policy, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Updated");
    send(&f, "POST", AT("/policies/Tpm:reset"), policy, &answer);
    CHECK_STRING(answer.code, "InvalidOperation");
    send(&f, "POST", AT("/policies/Tpm:reset"), signed_by(&f, &mine, BYTES_LIT(" {} ")), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Removed");
}

TEST(a_signers_dates_count_unless_the_operator_says_otherwise)
{
    FIXTURE(f);
    struct signer mine CLEANUP(signer_done) = { 0 };
    struct answer answer;
    struct bytes policy;

    REQUIRE(signer_make(1, &mine) && provider_make(&f, &mine));
    policy = signed_by(&f, &mine, policy_payload(&f, PERMIT_ALL));
    fixture_time += CA_VALIDITY_MS + 301 * 1000;
    send(&f, "PUT", AT("/policies/Tpm"), policy, &answer);
    CHECK(strcmp(answer.code, "InvalidParameter") == 0 && strstr(answer.message, "expired"));
    f.attestation.signer_dates_do_not_count = true;
    send(&f, "PUT", AT("/policies/Tpm"), policy, &answer);
    CHECK_INT(answer.status, 200);
}

TEST(an_aad_provider_notes_who_signed_and_refuses_a_signature_that_does_not_hold)
{
    FIXTURE(f);
    struct signer any CLEANUP(signer_done) = { 0 }, other CLEANUP(signer_done) = { 0 };
    struct bytes payload = policy_payload(&f, PERMIT_ALL);
    struct answer answer;

    REQUIRE(signer_make(1, &any) && signer_make(2, &other) && provider_make(&f, NULL));
    send(&f, "PUT", AT("/policies/Tpm"), signed_by(&f, &(struct signer){ other.key, any.cert }, payload), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidParameter") == 0);
    send(&f, "PUT", AT("/policies/Tpm"), signed_by(&f, &any, payload), &answer);
    CHECK(json_get(claims_of(&f, &answer), "x-ms-policy-signer") != NULL);
}

/* The text after a JWS's parts were padded as for the standard's other uses. */
static struct bytes padded(struct fixture *f, struct bytes jws)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes copy = BYTES_NONE;
    size_t in_part = 0;

    for (size_t i = 0; i <= jws.len; i++) {
        if (i == jws.len || jws.data[i] == '.') {
            for (; in_part % 4; in_part++)
                write_u8(&w, '=');
            in_part = 0;
        } else {
            in_part++;
        }
        if (i < jws.len)
            write_u8(&w, jws.data[i]);
    }
    CHECK(writer_ok(&w) && arena_copy(&f->a, writer_bytes(&w), &copy));
    return copy;
}

TEST(a_policy_may_be_padded_and_signed_as_the_python_client_names_it)
{
    FIXTURE(f);
    struct signer any CLEANUP(signer_done) = { .key = test_key(PRIVKEY_RSA_2048, 1) };
    struct bytes payload = policy_payload(&f, PERMIT_ALL), input, signature, jws;
    uint8_t room[PRIVKEY_SIGNATURE_MAX];
    struct err err = ERR_INIT;
    struct answer answer;
    const char *header;

    REQUIRE(ca_self_signed_signer(any.key, "signer", fixture_time, CA_VALIDITY_MS, &any.cert, &err) && provider_make(&f, &any));
    send(&f, "PUT", AT("/policies/Tpm"), padded(&f, unsecured(&f, payload)), &answer);
    CHECK_STRING(answer.message, "Unsigned JWS specified but enclave is configured with signing certificates.");
    header = arena_printf(&f.a, "{\"alg\":\"RSA256\",\"x5c\":[\"%s\"]}", base64_in(&f.a, BASE64_STANDARD, any.cert->der));
    REQUIRE(jws_signing_input(&f.a, bytes_of_string(header), payload, &input, &err));
    REQUIRE(privkey_sign(any.key, SIGNATURE_RSASSA, DIGEST_SHA256, input, room, &signature.len, &err));
    signature.data = room;
    REQUIRE(jws_attach(&f.a, input, signature, &jws, &err));
    send(&f, "PUT", AT("/policies/Tpm"), jws, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Updated");
    send(&f, "GET", AT("/policies/Tpm"), BYTES_NONE, &answer);
    CHECK(bytes_equal_string(jws, claim(&f, &answer, "x-ms-policy"))); /* exactly as submitted (4.1) */
    CHECK(providers_reload(f.attestation.providers, "myprov", &err));  /* as at a start */
    /* padding after the fact is another signing input */
    send(&f, "PUT", AT("/policies/Tpm"), padded(&f, jws), &answer);
    CHECK_STRING(answer.code, "InvalidParameter");
}

TEST(an_unsigned_policy_may_be_padded)
{
    FIXTURE(f);
    struct bytes jws = padded(
        &f, unsecured(&f, BYTES_LIT("{\"attestationpolicy\": \"dmVyc2lvbj0gMS4wO2F1dGhvcml6YXRpb25ydWxlc3s9PiBwZXJtaXQoKTt9OyA=\"}")));
    struct err err = ERR_INIT;
    struct answer answer;

    REQUIRE(provider_make(&f, NULL) && memchr(jws.data, '=', jws.len));
    send(&f, "PUT", AT("/policies/Tpm"), jws, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policy-result"), "Updated");
    CHECK(providers_reload(f.attestation.providers, "myprov", &err));
    send(&f, "GET", AT("/policies/Tpm"), BYTES_NONE, &answer);
    CHECK(bytes_equal_string(jws, claim(&f, &answer, "x-ms-policy")));
}

TEST(signers_come_and_go_by_the_word_of_a_signer)
{
    FIXTURE(f);
    struct signer mine CLEANUP(signer_done) = { 0 }, next CLEANUP(signer_done) = { 0 };
    struct answer answer;
    struct bytes add;

    REQUIRE(signer_make(1, &mine) && signer_make(2, &next) && provider_make(&f, &mine));
    send(&f, "POST", AT("/certificates:add"), signed_by(&f, &next, certificate_payload(&f, "policyCertificate", next.cert)), &answer);
    CHECK(answer.status == 400 && strcmp(answer.code, "InvalidParameter") == 0);
    send(&f, "POST", AT("/certificates:add"), signed_by(&f, &mine, BYTES_LIT("{}")), &answer);
    CHECK(strstr(answer.message, "Could not find \"policyCertificate\" claim in policy token") != NULL);
    add = signed_by(&f, &mine, certificate_payload(&f, "maa-policyCertificate", next.cert));
    for (int twice = 0; twice < 2; twice++) {
        send(&f, "POST", AT("/certificates:add"), bytes_of_string(arena_printf(&f.a, "\"%.*s\"", BYTES_FMT(add))), &answer);
        CHECK_STRING(claim(&f, &answer, "x-ms-policycertificates-result"), "IsPresent");
        CHECK_INT(strlen(claim(&f, &answer, "x-ms-certificate-thumbprint")), 40);
    }
    send(&f, "GET", AT("/certificates"), BYTES_NONE, &answer);
    CHECK_INT(json_at(claims_of(&f, &answer), "x-ms-policy-certificates", "keys", NULL)->array.n, 2);
    add = signed_by(&f, &next, certificate_payload(&f, "policyCertificate", mine.cert));
    send(&f, "POST", AT("/certificates:remove"),
         bytes_of_string(arena_printf(&f.a, "{\"policyCertificateToRemove\":\"%.*s\"}", BYTES_FMT(add))), &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policycertificates-result"), "IsAbsent");
    send(&f, "POST", AT("/certificates:remove"), add, &answer);
    CHECK_STRING(claim(&f, &answer, "x-ms-policycertificates-result"), "IsAbsent");
    send(&f, "POST", AT("/certificates:remove"), signed_by(&f, &next, certificate_payload(&f, "policyCertificate", next.cert)), &answer);
    CHECK_STRING(answer.code, "InvalidOperation");
    send(&f, "PUT", AT("/policies/Tpm"), signed_by(&f, &mine, policy_payload(&f, PERMIT_ALL)), &answer);
    CHECK_STRING(answer.code, "InvalidParameter");
}
