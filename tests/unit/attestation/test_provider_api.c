/* Creating and changing providers, and choosing one by its address. */
#include "attestation/provider_api.h"
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define GROUP "/subscriptions/s/resourceGroups/g/providers/Microsoft.Attestation/attestationProviders"
#define BODY  "{\"location\":\"East US\",\"properties\":{}}"

static const char *text_at(struct fixture *f, const struct json *v) { return arena_string(&f->a, json_text(v, BYTES_LIT("absent"))); }

static const char *property(struct fixture *f, const struct answer *answer, const char *name)
{
    return text_at(f, json_at(answer->json, "properties", name, NULL));
}

TEST(a_provider_is_created_shown_changed_listed_and_deleted)
{
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "PUT", GROUP "/myprov?api-version=2021-06-01", "%s",
                "{\"location\":\"East US\",\"tags\":{\"k\":\"v\"},\"properties\":{\"tpmAttestationAuthentication\":\"Disabled\"}}");
    CHECK_INT(answer.status, 201);
    CHECK_STRING(text_at(&f, json_get(answer.json, "id")), GROUP "/myprov");
    CHECK_STRING(property(&f, &answer, "attestUri"), FIXTURE_ISSUER "/providers/myprov");
    CHECK_STRING(property(&f, &answer, "trustModel"), "AAD");
    CHECK_STRING(property(&f, &answer, "status"), "Ready");
    CHECK_STRING(property(&f, &answer, "tpmAttestationAuthentication"), "Disabled");
    CHECK_STRING(property(&f, &answer, "publicNetworkAccess"), "Enabled");
    fixture_ask(&f, &answer, "PUT", GROUP "/MyProv?api-version=2021-06-01", BODY);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(property(&f, &answer, "tpmAttestationAuthentication"), "Disabled");
    fixture_ask(&f, &answer, "PATCH", "/v1/providers/myprov",
                "{\"tags\":{\"a\":\"b\"},\"properties\":{\"publicNetworkAccess\":\"Disabled\"}}");
    CHECK_INT(answer.status, 200);
    CHECK_STRING(text_at(&f, json_at(answer.json, "tags", "a", NULL)), "b");
    fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
    CHECK_INT(answer.status, 403);
    fixture_ask(&f, &answer, "GET", GROUP "?api-version=2020-10-01", NULL);
    CHECK(answer.status == 200 && json_get(answer.json, "value")->array.n == 1);
    fixture_ask(&f, &answer, "GET", "/subscriptions/other/providers/Microsoft.Attestation/attestationProviders?api-version=2021-06-01",
                NULL);
    CHECK(answer.status == 200 && json_get(answer.json, "value")->array.n == 0);
    fixture_ask(&f, &answer, "GET",
                "/subscriptions/s/resourceGroups/other/providers/Microsoft.Attestation/attestationProviders/myprov?api-version=2021-06-01",
                NULL);
    CHECK_INT(answer.status, 404);
    fixture_ask(&f, &answer, "DELETE", GROUP "/myprov?api-version=2021-06-01", NULL);
    CHECK_INT(answer.status, 200);
    fixture_ask(&f, &answer, "DELETE", GROUP "/myprov?api-version=2021-06-01", NULL);
    CHECK_INT(answer.status, 204);
    fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
    CHECK_INT(answer.status, 404);
}

TEST(bodies_that_make_no_provider_are_refused_by_name)
{
    static const struct {
        const char *name, *body, *words;
        unsigned status;
    } rows[] = {
        { "myprov", "{\"properties\":{}}", "location", 400 },
        { "myprov", "{\"location\":\"x\"}", "properties", 400 },
        { "my_prov", BODY, "lower-case", 400 },
        { "-dash", BODY, "hyphens", 400 },
        { "shared", BODY, "shared provider", 409 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"publicNetworkAccess\":\"On\"}}", "publicNetworkAccess", 400 },
        { "myprov", "{\"location\":\"x\",\"tags\":[],\"properties\":{}}", "tags", 400 },
        { "myprov", "{\"location\":\"x\",\"tags\":{\"a\":1},\"properties\":{}}", "tag", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"policySigningCertificates\":{\"keys\":[{\"kty\":\"RSA\"}]}}}",
          "not an X509 security key", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"policySigningCertificates\":{\"keys\":[]}}}", "no keys", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"trueboot\":{\"attestUri\":\"http://a.b\"}}}", "attestUri", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"trueboot\":{\"attestUri\":\"https://a.b/c\"}}}", "attestUri", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{\"trueboot\":{\"attestUri\":\"" FIXTURE_ISSUER "\"}}}", "shared", 409 },
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/%s", rows[i].name), "%s", rows[i].body);
        CHECK_INT(answer.status, rows[i].status);
        CHECK(strstr(answer.message, rows[i].words) != NULL);
    }
    fixture_ask(&f, &answer, "GET", "/v1/providers", NULL);
    CHECK(json_get(answer.json, "value")->array.n == 0);
}

TEST(certificates_at_creation_make_a_provider_isolated)
{
    FIXTURE(f);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    struct answer answer;

    REQUIRE(ca_self_signed_signer(test_key(PRIVKEY_P256, 1), "signer", fixture_time, CA_VALIDITY_MS, &cert, &err));
    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov",
                "{\"location\":\"x\",\"properties\":{\"policySigningCertificates\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[\"%s\"]}]}}}",
                base64_in(&f.a, BASE64_STANDARD, cert->der));
    CHECK_INT(answer.status, 201);
    CHECK_STRING(property(&f, &answer, "trustModel"), "Isolated");
    CHECK(bytes_find(answer.body, BYTES_LIT("policySigningCertificates")) == SIZE_MAX);
}

TEST(the_shared_provider_is_the_default_of_its_location)
{
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "GET", "/subscriptions/s/providers/Microsoft.Attestation/defaultProviders?api-version=2021-06-01", NULL);
    CHECK_STRING(text_at(&f, json_get(json_get(answer.json, "value")->array.items[0], "id")),
                 "providers/Microsoft.Attestation/attestationProviders/shared");
    fixture_ask(&f, &answer, "GET",
                "/subscriptions/s/providers/Microsoft.Attestation/locations/Lo%20Cal/defaultProvider?api-version=2021-06-01", NULL);
    CHECK_STRING(property(&f, &answer, "attestUri"), FIXTURE_ISSUER);
    fixture_ask(&f, &answer, "GET",
                "/subscriptions/s/providers/Microsoft.Attestation/locations/westus/defaultProvider?api-version=2021-06-01", NULL);
    CHECK_INT(answer.status, 404);
    fixture_ask(&f, &answer, "GET", "/providers/Microsoft.Attestation/operations", NULL);
    CHECK_INT(answer.status, 200);
}

TEST(a_host_chooses_its_provider)
{
    static const struct {
        const char *host, *name;
    } rows[] = {
        { "", "shared" },
        { "attest.test:8443", "shared" },
        { "10.0.2.2:8443", "shared" },
        { "myprov.attest.test:8443", "myprov" },
        { "MYPROV.x", "myprov" },
        { "myprov", "shared" },
        { "own.example.com", "named" },
        { "OWN.example.com", "named" },
        { "own.example.com:1", "shared" },
        { "named.x", "named" },
        { "nobody.attest.test", "shared" },
    };
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
    fixture_ask(&f, &answer, "PUT", "/v1/providers/named",
                "{\"location\":\"x\",\"properties\":{\"trueboot\":{\"attestUri\":\"https://own.example.com\"}}}");
    CHECK_INT(answer.status, 201);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider *p CLEANUP(provider_free_at) = providers_by_host(f.attestation.providers, bytes_of_string(rows[i].host));
        CHECK_STRING(p->name, rows[i].name);
    }
}

TEST(reading_wants_a_reader_and_changing_the_owner)
{
    FIXTURE(f);
    struct answer answer;

    fixture_call(&f, &(struct call){ .path = "/v1/providers", .as = HTTP_ANONYMOUS }, &answer);
    CHECK_INT(answer.status, 401);
    fixture_call(&f, &(struct call){ .path = "/v1/providers", .as = HTTP_READER }, &answer);
    CHECK_INT(answer.status, 200);
    fixture_call(&f, &(struct call){ .method = "PUT", .path = "/v1/providers/myprov", .body = BYTES_LIT(BODY), .as = HTTP_CONTRIBUTOR },
                 &answer);
    CHECK_INT(answer.status, 403);
}

/* ---- the api-version of the management plane -------------------------------------------------------------------------- */

TEST(every_call_below_subscriptions_names_a_known_api_version)
{
    static const struct {
        const char *method, *path;
    } rows[] = {
        { "GET", GROUP "/myprov" },
        { "PUT", GROUP "/myprov" },
        { "PATCH", GROUP "/myprov" },
        { "DELETE", GROUP "/myprov" },
        { "GET", GROUP },
        { "GET", "/subscriptions/s/providers/Microsoft.Attestation/attestationProviders" },
        { "GET", "/subscriptions/s/providers/Microsoft.Attestation/deletedAttestationProviders" },
        { "POST", GROUP "/myprov/undelete" },
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, rows[i].method, rows[i].path, "%s", BODY);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "MissingApiVersionParameter");
        fixture_ask(&f, &answer, rows[i].method, arena_printf(&f.a, "%s?api-version=2010-01-01", rows[i].path), "%s", BODY);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "InvalidApiVersionParameter");
    }
}
