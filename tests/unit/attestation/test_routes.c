/* The service's addresses: api-versions, types, key and metadata documents (attestation-service.md 2, 3.4, 3.5). */
#include "support/attestation_fixture.h"
#include "support/test.h"

static struct bytes init_body(struct fixture *f) { return attestation_envelope(&f->a, "{\"type\":\"aikcert\"}", false); }

static void post(struct fixture *f, const char *path, struct answer *ret)
{
    fixture_call(f, &(struct call){ .path = path, .body = init_body(f) }, ret);
}

TEST(every_api_version_in_circulation_is_accepted)
{
    static const char *const versions[] = { "2018-09-01-preview", "2020-10-01", "2022-08-01",        "2022-09-01-preview",
                                            "2023-04-01-preview", "2025-06-01", "2026-03-11-preview" };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        post(&f, arena_printf(&f.a, "/attest/Tpm?api-version=%s", versions[i]), &answer);
        CHECK_INT(answer.status, 200);
    }
}

TEST(a_missing_doubled_or_unknown_api_version_is_refused)
{
    static const struct {
        const char *query, *code;
    } queries[] = { { "", "MissingApiVersionParameter" },
                    { "?api_version=2022-08-01", "MissingApiVersionParameter" },
                    { "?api-version=2022-08-01&api-version=2022-08-01", "MissingApiVersionParameter" },
                    { "?api-version=", "UnsupportedApiVersion" },
                    { "?api-version=2022-08-02", "UnsupportedApiVersion" } };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        post(&f, arena_printf(&f.a, "/attest/Tpm%s", queries[i].query), &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, queries[i].code);
    }
}

TEST(types_are_read_in_any_case_and_unknown_ones_are_not_found)
{
    FIXTURE(f);
    struct answer answer;

    post(&f, "/attest/tPM" FIXTURE_API, &answer);
    CHECK_INT(answer.status, 200);
    post(&f, "/attest/Nothing" FIXTURE_API, &answer);
    CHECK_INT(answer.status, 404);
    post(&f, "/attest/Tpm:reset" FIXTURE_API, &answer);
    CHECK_INT(answer.status, 404);
    fixture_call(&f, &(struct call){ .path = "/attest/Tpm" FIXTURE_API }, &answer);
    CHECK_INT(answer.status, 405);
}

/* "" when it is not there. */
static const char *answer_header(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->response.n_headers; i++)
        if (bytes_equal_string(answer->response.headers[i].name, name))
            return (const char *)answer->response.headers[i].value.data;
    return "";
}

/* 2.5: browsers may call the two documents, and ask first when a client sends a header of its own; nothing else is open to other origins. */
TEST(browsers_may_read_the_documents_and_nothing_else)
{
    static const struct {
        const char *path;
        bool open;
    } rows[] = { { "/certs", true },
                 { "/.well-known/openid-configuration", true },
                 { "/certs/", true },
                 { "/attest/Tpm" FIXTURE_API, false },
                 { "/policies/Tpm" FIXTURE_API, false },
                 { "/servicehealth", false } };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_call(&f, &(struct call){ .method = "OPTIONS", .path = rows[i].path }, &answer);
        CHECK_INT(answer.status, rows[i].open ? 204 : 405);
        CHECK_STRING(answer_header(&answer, "Access-Control-Allow-Origin"), rows[i].open ? "*" : "");
        CHECK_STRING(answer_header(&answer, "Access-Control-Allow-Headers"), rows[i].open ? "*, Authorization" : "");
        CHECK_STRING(answer_header(&answer, "Access-Control-Allow-Methods"), rows[i].open ? "GET, HEAD" : "");
    }
}

TEST(the_answer_comes_in_the_envelope_of_the_question)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    REQUIRE(attestation_begin(&f, vm, &t));
    t.bare = true;
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(answer_token(&f, &answer).len > 0);
}

TEST(two_challenges_differ)
{
    FIXTURE(f);
    struct answer one, two;

    post(&f, "/attest/Tpm" FIXTURE_API, &one);
    post(&f, "/attest/Tpm" FIXTURE_API, &two);
    CHECK(one.body.len == two.body.len && !bytes_equal(one.body, two.body));
}

TEST(the_key_list_holds_both_families_and_is_plain_json)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *keys;

    fixture_call(&f, &(struct call){ .path = "/certs" }, &answer);
    REQUIRE(answer.status == 200);
    /* application/jwk+json makes the widest-spread client read nothing (2.4) */
    CHECK(!answer.response.content_type || strncmp(answer.response.content_type, "application/json", 16) == 0);
    CHECK_STRING(answer.response.cache_control, "max-age=3600");
    keys = json_get(answer.json, "keys");
    REQUIRE(keys && keys->type == JSON_ARRAY && keys->array.n >= 2);
    for (size_t i = 0; i < keys->array.n; i++) {
        const struct json *key = keys->array.items[i];
        CHECK(json_is_string(json_get(key, "kty"), "RSA") && json_get(key, "x5c")->array.n >= 1 && json_get(key, "kid"));
        CHECK(!json_get(key, "d") && !json_get(key, "p"));
    }
}

TEST(the_metadata_names_issuer_and_key_list)
{
    FIXTURE(f);
    struct answer answer;

    fixture_call(&f, &(struct call){ .path = "/.well-known/openid-configuration?api-version=anything" }, &answer);
    REQUIRE(answer.status == 200);
    CHECK(json_is_string(json_get(answer.json, "issuer"), FIXTURE_ISSUER));
    CHECK(json_is_string(json_get(answer.json, "jwks_uri"), FIXTURE_ISSUER "/certs"));
    CHECK(json_is_string(json_get(answer.json, "id_token_signing_alg_values_supported")->array.items[0], "RS256"));
}

TEST(the_metadata_publishes_the_limits_that_hold)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *limits;
    int64_t value = 0;
    struct err err = ERR_INIT;

    fixture_call(&f, &(struct call){ .path = "/.well-known/openid-configuration" }, &answer);
    limits = json_get(answer.json, "trueboot_limits");
    CHECK(json_as_integer(json_get(limits, "attestBodyBytes"), &value) && value == LIMIT_ATTEST_BODY_BYTES);
    CHECK(json_as_integer(json_get(limits, "jsonDepth"), &value) && value == LIMIT_JSON_DEPTH);
    CHECK(!json_get(limits, "attestPerAddress")); /* the fixture counts nobody */
    REQUIRE_OK(rate_limiter_new(64, &f.attestation.per_address, &err), err);
    rate_limiter_set(f.attestation.per_address, 20, 1000, 60);
    fixture_call(&f, &(struct call){ .path = "/.well-known/openid-configuration" }, &answer);
    limits = json_at(answer.json, "trueboot_limits", "attestPerAddress", NULL);
    CHECK(json_as_integer(json_get(limits, "calls"), &value) && value == 20);
    CHECK(json_as_integer(json_get(limits, "burst"), &value) && value == 60);
    rate_limiter_free(f.attestation.per_address);
}

/* 13.3: a path of an older version must not be a way around the limit. */
TEST(whatever_verifies_evidence_for_anybody_comes_from_the_smaller_budget)
{
    FIXTURE(f);
    size_t n = 0;

    for (size_t t = 0; t < ARRAY_LEN(f.tables); t++)
        for (size_t i = 0; i < f.tables[t].n; i++) {
            const struct http_route *route = &f.tables[t].routes[i];
            if (route->role != HTTP_ANONYMOUS || route->max_body == 0)
                continue;
            n++;
            if (route->cost != HTTP_COSTLY)
                test_note("%s %s", route->method, route->pattern);
            CHECK(route->cost == HTTP_COSTLY);
        }
    CHECK(n >= 6);
}

TEST(service_health_is_204_without_a_body)
{
    FIXTURE(f);
    struct answer answer;

    fixture_call(&f, &(struct call){ .path = "/servicehealth" }, &answer);
    CHECK_INT(answer.status, 204);
    CHECK_INT(answer.body.len, 0);
}

TEST(a_body_beyond_the_limit_is_not_read)
{
    FIXTURE(f);
    struct bytes body = { arena_alloc(&f.a, LIMIT_ATTEST_BODY_BYTES + 1), LIMIT_ATTEST_BODY_BYTES + 1 };
    struct answer answer;

    REQUIRE(body.data != NULL);
    fixture_call(&f, &(struct call){ .path = "/attest/Tpm" FIXTURE_API, .body = body }, &answer);
    CHECK_INT(answer.status, 413);
}
