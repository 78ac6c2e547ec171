/* Creating and changing providers, and choosing one by its address. */
#include "attestation/resource/provider_api.h"
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
    fixture_ask(&f, &answer, "PATCH", GROUP "/MyProv?api-version=2021-06-01",
                "{\"properties\":{\"trueboot\":{\"tokenProfile\":\"es256\"}}}");
    CHECK_INT(answer.status, 200);
    CHECK_STRING(property(&f, &answer, "tpmAttestationAuthentication"), "Disabled"); /* PATCH merges */
    fixture_ask(&f, &answer, "PUT", GROUP "/MyProv?api-version=2021-06-01", "{\"location\":\"eastus\",\"tags\":null,\"properties\":{}}");
    CHECK_INT(answer.status, 200);
    CHECK_STRING(property(&f, &answer, "tpmAttestationAuthentication"), "Enabled"); /* PUT replaces */
    CHECK_STRING(text_at(&f, json_get(answer.json, "location")), "East US");
    CHECK_INT(json_get(answer.json, "tags")->object.n, 0);
    CHECK_STRING(text_at(&f, json_at(answer.json, "properties", "trueboot", "tokenProfile", NULL)),
                 "es256"); /* what tools do not know stays */
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
        { "myprov", "{\"location\":\"a\\u0000b\",\"properties\":{}}", "NUL", 400 },
        { "myprov", "{\"location\":\"x\",\"tags\":{\"a\\u0000\":\"\"},\"properties\":{}}", "NUL", 400 },
        { "myprov", "{\"location\":\"x\",\"properties\":{},\"n\":1e400}", "too large", 400 },
        { "aa", BODY, "3 to 24", 400 },
        { "aaaaaaaaaaaaaaaaaaaaaaaaa", BODY, "3 to 24", 400 },
        { "dash-", BODY, "hyphens", 400 },
        { "a.b.c", BODY, "hyphens", 400 },
        { "my%20prov", BODY, "hyphens", 400 },
        { "caf%C3%A9", BODY, "hyphens", 400 },
    };
    FIXTURE(f);
    char *location = arena_alloc(&f.a, 4 * LIMIT_NAME_BYTES + 2);
    struct answer answer;

    memset(location, 'x', 4 * LIMIT_NAME_BYTES + 1);
    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", "{\"location\":\"%s\",\"properties\":{}}", location);
    CHECK(answer.status == 400 && strstr(answer.message, "the location is longer than"));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/%s", rows[i].name), "%s", rows[i].body);
        CHECK_INT(answer.status, rows[i].status);
        CHECK(strstr(answer.message, rows[i].words) != NULL);
    }
    fixture_ask(&f, &answer, "GET", "/v1/providers", NULL);
    CHECK(json_get(answer.json, "value")->array.n == 0);
    fixture_ask(&f, &answer, "GET", "/v1/operations", NULL); /* nor is there an operation that failed */
    CHECK(json_get(answer.json, "value")->array.n == 0);
}

TEST(what_is_fixed_at_creation_is_refused_later)
{
    static const struct {
        const char *method, *path, *body, *words;
        unsigned status;
    } rows[] = {
        { "PUT", GROUP "/myprov", "{\"properties\":{}}", "location and properties", 400 },
        { "PUT", GROUP "/myprov", "{\"location\":\"x\"}", "location and properties", 400 },
        { "PUT", GROUP "/myprov", "{\"location\":\"y\",\"properties\":{}}", "cannot be changed", 409 },
        { "PUT", GROUP "/myprov", "{\"location\":\"x\",\"properties\":{\"policySigningCertificates\":{\"keys\":[]}}}", "trust model AAD",
          409 },
        { "PUT", "/subscriptions/other/resourceGroups/rg/providers/Microsoft.Attestation/attestationProviders/myprov", BODY, "taken", 409 },
        { "PATCH", GROUP "/myprov", "[]", "not an object", 400 },
        { "PATCH", GROUP "/myprov", "{\"properties\":[]}", "properties", 400 },
        { "PATCH", GROUP "/myprov", "{\"properties\":{\"trueboot\":1}}", "trueboot", 400 },
        { "PATCH", GROUP "/shared", "{}", "no such", 404 },
        { "DELETE", GROUP "/shared", NULL, "shared provider", 409 },
        { "DELETE", GROUP "/SHARED", NULL, "shared provider", 409 },
    };
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "PUT", GROUP "/myprov?api-version=2021-06-01", "{\"location\":\"x\",\"properties\":{}}");
    CHECK_INT(answer.status, 201);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *path = arena_printf(&f.a, "%s?api-version=2021-06-01", rows[i].path);
        if (rows[i].body)
            fixture_ask(&f, &answer, rows[i].method, path, "%s", rows[i].body);
        else
            fixture_ask(&f, &answer, rows[i].method, path, NULL);
        if (answer.status != rows[i].status || !strstr(answer.message, rows[i].words))
            test_note("%s %s %s: %u %s", rows[i].method, path, rows[i].body ? rows[i].body : "", answer.status, answer.message);
        CHECK(answer.status == rows[i].status && strstr(answer.message, rows[i].words));
    }
    fixture_ask(&f, &answer, "GET", GROUP "/myprov?api-version=2021-06-01", NULL);
    CHECK_STRING(text_at(&f, json_get(answer.json, "location")), "x");
    CHECK_STRING(property(&f, &answer, "trustModel"), "AAD");
}

TEST(an_address_of_its_own_has_one_spelling_and_one_owner)
{
    static const struct {
        const char *given, *stored; /* NULL: refused */
        unsigned status;
    } rows[] = {
        { "https://a.example", "https://a.example", 201 },
        { "https://A.example.:443", NULL, 409 },
        { "HTTPS://b.Example:8443", "https://b.example:8443", 201 },
        { "https://[::1]:9", "https://[::1]:9", 201 },
        { "https://ATTEST.test:8443", NULL, 409 },
        { "https://attest.test", "https://attest.test", 201 }, /* another port than the shared one's is another address */
        { "https://c.example/", NULL, 400 },
        { "https://c.example?x", NULL, 400 },
        { "https://c.example#x", NULL, 400 },
        { "https://user@c.example", NULL, 400 },
        { "https://c.example:0", NULL, 400 },
        { "https://c.example:65536", NULL, 400 },
        { "https://c.example:x", NULL, 400 },
        { "https://c example", NULL, 400 },
        { "https://c\\\"example", NULL, 400 },
        { "https://", NULL, 400 },
        { "https://1.2.3", NULL, 400 },
        { "http://c.example", NULL, 400 },
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/prov%zu", i),
                    "{\"location\":\"x\",\"properties\":{\"trueboot\":{\"attestUri\":\"%s\"}}}", rows[i].given);
        if (answer.status != rows[i].status)
            test_note("%s: %u %s", rows[i].given, answer.status, answer.message);
        CHECK_INT(answer.status, rows[i].status);
        if (rows[i].stored)
            CHECK_STRING(property(&f, &answer, "attestUri"), rows[i].stored);
    }
}

TEST(a_list_goes_on_at_its_next_link)
{
    FIXTURE(f);
    struct answer answer;
    const char *path = GROUP "?api-version=2021-06-01&$top=2";
    size_t n = 0, pages = 0;

    for (unsigned i = 0; i < 5; i++)
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, GROUP "/prov%u?api-version=2021-06-01", i), BODY);
    fixture_ask(&f, &answer, "PUT", "/v1/providers/prov2x", BODY); /* in no group of these */
    while (path && pages < 9) {
        fixture_ask(&f, &answer, "GET", path, NULL);
        REQUIRE(answer.status == 200);
        n += json_get(answer.json, "value")->array.n;
        pages++;
        path = json_get(answer.json, "nextLink") ? text_at(&f, json_get(answer.json, "nextLink")) + strlen(FIXTURE_ISSUER) : NULL;
    }
    CHECK_INT(n, 5);
    CHECK_INT(pages, 3);
    fixture_ask(&f, &answer, "GET", "/v1/providers?top=6", NULL);
    CHECK(json_get(answer.json, "value")->array.n == 6);
    fixture_ask(&f, &answer, "GET", "/v1/providers?top=1001", NULL);
    CHECK_INT(answer.status, 400);
    fixture_ask(&f, &answer, "GET", "/v1/providers?top=0", NULL);
    CHECK_INT(answer.status, 400);
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
    fixture_ask(&f, &answer, "GET", "/providers/Microsoft.Attestation/operations?api-version=2021-06-01", NULL);
    CHECK_INT(answer.status, 200);
}

TEST(a_host_chooses_its_provider)
{
    static const struct {
        const char *host, *name; /* NULL: nobody */
    } rows[] = {
        { "", "shared" },
        { "attest.test:8443", "shared" },
        { "attest.test", "shared" },
        { "ATTEST.test.:1", "shared" },
        { "10.0.2.2:8443", "shared" },
        { "127.0.0.1", "shared" },
        { "[::1]:8443", "shared" },
        { "[fe80::1]", "shared" },
        { "localhost:8443", "shared" },
        { "myprov.attest.test:8443", "myprov" },
        { "myprov.eus.attest.example", "myprov" },
        { "MYPROV.x", "myprov" },
        { "myprov.x.", "myprov" },
        { "myprov", "shared" },
        { "shared.eus.attest.example", "shared" },
        { "own.example.com", "named" },
        { "own.example.com:443", "named" },
        { "OWN.example.com.", "named" },
        { "own.example.com:1", "named" },
        { "named.x", "named" },
        { "two.example.com:1001", "two1" },
        { "two.example.com:1002", "two2" },
        { "127.example.com", "127" },
        { "127.0.0.1:8443", "shared" }, /* no name, whatever a provider is called */
        { "nobody.attest.test", NULL },
        { "example.com", NULL },
        { "own.example.com.evil.test", NULL },
        { "myprov.x:port", NULL },
        { "myprov.x:99999", NULL },
        { "evil myprov.x", NULL },
        { "user@myprov.x", NULL },
        { "myprov..x", NULL },
        { ".myprov.x", NULL },
        { "256.0.0.1", NULL },
        { "[::1", NULL },
        { "[myprov.x]", NULL },
        { "::1", NULL },
        { "\xc3\xa9.x", NULL },
    };
    static const struct {
        const char *name, *uri;
    } made[] = { { "myprov", NULL },
                 { "named", "https://own.example.com" },
                 { "two1", "https://two.example.com:1001" },
                 { "two2", "https://two.example.com:1002" },
                 { "127", NULL } };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const char *own = made[i].uri ? arena_printf(&f.a, ",\"trueboot\":{\"attestUri\":\"%s\"}", made[i].uri) : "";
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/%s", made[i].name),
                    "{\"location\":\"x\",\"properties\":{\"publicNetworkAccess\":\"Enabled\"%s}}", own);
        CHECK_INT(answer.status, 201);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider *p CLEANUP(provider_free_at) = NULL;
        struct err err = ERR_INIT;
        bool found = providers_by_host(f.attestation.providers, bytes_of_string(rows[i].host), &p, &err);

        if (found != (rows[i].name != NULL) || (found && strcmp(p->name, rows[i].name) != 0))
            test_note("%s: %s", rows[i].host, found ? p->name : err.text);
        CHECK(found ? rows[i].name && strcmp(p->name, rows[i].name) == 0 : !rows[i].name && err.code != ERR_NONE);
    }
}

TEST(a_host_that_nobody_has_is_not_found_and_one_that_is_none_is_refused)
{
    FIXTURE(f);
    struct answer answer;

    fixture_call(&f, &(struct call){ .path = "/certs", .host = "nobody.attest.test" }, &answer);
    CHECK_INT(answer.status, 404);
    CHECK_STRING(answer.code, "NotFound");
    fixture_call(&f, &(struct call){ .path = "/certs", .host = "a b" }, &answer);
    CHECK_INT(answer.status, 400);
    fixture_call(&f, &(struct call){ .path = "/servicehealth", .host = "nobody.attest.test" }, &answer);
    CHECK_INT(answer.status, 204);
    fixture_call(&f, &(struct call){ .path = "/providers/nobody/servicehealth" }, &answer);
    CHECK_INT(answer.status, 404);
}

TEST(a_token_for_one_provider_is_good_for_it_by_path_and_by_host_and_for_no_other)
{
    static const struct {
        const char *path, *host;
        unsigned status;
    } rows[] = {
        { "/providers/myprov/policies/Tpm" FIXTURE_API, NULL, 200 },
        { "/providers/MYPROV/policies/Tpm" FIXTURE_API, NULL, 200 },
        { "/policies/Tpm" FIXTURE_API, "myprov.x:8443", 200 },
        { "/policies/Tpm" FIXTURE_API, "attest.test:8443", 403 },
        { "/policies/Tpm" FIXTURE_API, NULL, 403 },
        { "/policies/Tpm" FIXTURE_API, "other.x", 403 },
        { "/providers/other/policies/Tpm" FIXTURE_API, "myprov.x", 403 },
    };
    FIXTURE(f);
    struct answer answer;

    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
    fixture_ask(&f, &answer, "PUT", "/v1/providers/other", BODY);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_call(&f, &(struct call){ .path = rows[i].path, .host = rows[i].host, .as = HTTP_READER, .scope = "provider/myprov" },
                     &answer);
        if (answer.status != rows[i].status)
            test_note("%s at %s", rows[i].path, rows[i].host ? rows[i].host : "no host");
        CHECK_INT(answer.status, rows[i].status);
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
        { "GET", "/subscriptions/s/providers/Microsoft.Attestation/defaultProviders" },
        { "GET", "/subscriptions/s/providers/Microsoft.Attestation/locations/local/defaultProvider" },
        { "GET", "/providers/Microsoft.Attestation/operations" },
        { "GET", GROUP "/myprov/privateEndpointConnections" },
        { "GET", GROUP "/myprov/privateLinkResources" },
    };
    static const struct {
        const char *version;
        bool fine;
    } versions[] = { { "2018-09-01-preview", true }, { "2020-10-01", true },  { "2021-06-01-Preview", true },
                     { "2021-06-01", true },         { "2030-12-31", true },  { "2018-08-31", false },
                     { "2021-13-01", false },        { "2021-06-32", false }, { "2021-6-1", false },
                     { "2021-06-01x", false },       { "", false },           { "2021-06-01-beta", false } };
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
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        fixture_ask(&f, &answer, "GET", arena_printf(&f.a, GROUP "?api-version=%s", versions[i].version), NULL);
        CHECK_INT(answer.status, versions[i].fine ? 200 : 400);
    }
}
