/* Setting up providers and policies as tracked operations; bringing back what was deleted; what a kill leaves behind. */
#include "attestation/resource/deleted_api.h"
#include "attestation/resource/operation_kinds.h"
#include "attestation/resource/provider_api.h"
#include "base/hex.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define GROUP "/subscriptions/s/resourceGroups/g/providers/Microsoft.Attestation/attestationProviders"
#define BODY  "{\"location\":\"x\",\"properties\":{\"tpmAttestationAuthentication\":\"Disabled\"}}"
#define DAY   INT64_C(86400000)
/* version=1.2; authorizationrules{=>permit();}; */
#define POLICY_JWS         \
    "eyJhbGciOiJub25lIn0." \
    "eyJBdHRlc3RhdGlvblBvbGljeSI6ImRtVnljMmx2YmoweExqSTdJR0YxZEdodmNtbDZZWFJwYjI1eWRXeGxjM3M5UG5CbGNtMXBkQ2dwTzMwNyJ9."

static const char *header(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->response.n_headers; i++)
        if (bytes_equal_string(answer->response.headers[i].name, name))
            return (const char *)answer->response.headers[i].value.data;
    return NULL;
}

/* The path of an address of this server. */
static const char *path_of(const char *url)
{
    return url && strncmp(url, FIXTURE_ISSUER, strlen(FIXTURE_ISSUER)) == 0 ? url + strlen(FIXTURE_ISSUER) : "/nowhere";
}

static const char *word(struct fixture *f, const struct json *v, const char *name)
{
    return arena_string(&f->a, json_text(json_get(v, name), BYTES_LIT("absent")));
}

static size_t operations_in(struct fixture *f, const char *status)
{
    struct answer answer;
    size_t n = 0;

    fixture_ask(f, &answer, "GET", "/v1/operations", NULL);
    for (size_t i = 0; i < json_get(answer.json, "value")->array.n; i++)
        n += json_is_string(json_get(json_get(answer.json, "value")->array.items[i], "status"), status);
    return n;
}

TEST(creating_a_provider_is_an_operation_with_steps_that_anybody_can_ask_for)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *steps;

    fixture_ask(&f, &answer, "PUT", GROUP "/myprov?api-version=2021-06-01", BODY);
    CHECK_INT(answer.status, 201);
    fixture_ask(&f, &answer, "GET", path_of(header(&answer, "Azure-AsyncOperation")), NULL);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(word(&f, answer.json, "status"), "Succeeded");
    CHECK(json_get(answer.json, "startTime") && json_get(answer.json, "endTime"));
    CHECK_STRING(word(&f, json_get(answer.json, "properties"), "kind"), "provider.create");
    CHECK_STRING(word(&f, json_get(answer.json, "properties"), "target"), "myprov");
    steps = json_at(answer.json, "properties", "steps", NULL);
    REQUIRE(steps && steps->array.n == 2);
    CHECK_STRING(word(&f, steps->array.items[0], "name"), "endpoint");
    CHECK_STRING(word(&f, steps->array.items[1], "status"), "Succeeded");
    CHECK(strstr(word(&f, steps->array.items[0], "did"), "https://attest.test:8443/providers/myprov"));
    fixture_ask(&f, &answer, "GET", "/v1/operations/00000000000000000000000000000000", NULL);
    CHECK_INT(answer.status, 404);
}

TEST(a_provider_deleted_by_mistake_comes_back_with_policy_roots_and_switches)
{
    FIXTURE(f);
    struct answer answer;
    const char *operation, *location;

    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
    fixture_call(
        &f,
        &(struct call){
            .method = "PUT", .path = "/providers/myprov/policies/Tpm" FIXTURE_API, .body = BYTES_LIT(POLICY_JWS), .as = HTTP_OWNER },
        &answer);
    CHECK_INT(answer.status, 200);
    CHECK(header(&answer, "Azure-AsyncOperation") != NULL);
    fixture_ask(&f, &answer, "DELETE", "/v1/providers/myprov", NULL);
    CHECK_INT(answer.status, 200);
    fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
    CHECK_INT(answer.status, 404);
    fixture_ask(&f, &answer, "GET", "/v1/deletedProviders", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    fixture_ask(&f, &answer, "GET",
                "/subscriptions/other/providers/Microsoft.Attestation/deletedAttestationProviders?api-version=2021-06-01", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 0);
    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
    CHECK_INT(answer.status, 409);
    CHECK(strstr(answer.message, "provider undelete myprov") && strstr(answer.message, "provider purge myprov"));
    fixture_ask(&f, &answer, "POST", GROUP "/myprov/undelete?api-version=2021-06-01", NULL);
    CHECK_INT(answer.status, 404); /* of another subscription */
    fixture_ask(&f, &answer, "POST", "/v1/providers/MyProv:undelete", NULL);
    CHECK_INT(answer.status, 202);
    CHECK_STRING(header(&answer, "Retry-After"), "1");
    operation = path_of(header(&answer, "Azure-AsyncOperation"));
    location = path_of(header(&answer, "Location"));
    fixture_ask(&f, &answer, "GET", operation, NULL);
    CHECK_STRING(word(&f, answer.json, "status"), "Succeeded");
    CHECK_INT(json_at(answer.json, "properties", "steps", NULL)->array.n, 5);
    CHECK(strstr(word(&f, json_at(answer.json, "properties", "steps", NULL)->array.items[0], "did"), "1 policies of its own"));
    fixture_ask(&f, &answer, "GET", location, NULL);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(word(&f, json_get(answer.json, "properties"), "tpmAttestationAuthentication"), "Disabled");
    fixture_ask(&f, &answer, "GET", "/providers/myprov/policies/Tpm/history" FIXTURE_API, NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    fixture_ask(&f, &answer, "POST", "/v1/providers/myprov:undelete", NULL);
    CHECK_INT(answer.status, 409);
    fixture_ask(&f, &answer, "POST", "/v1/providers/nobody:undelete", NULL);
    CHECK_INT(answer.status, 404);
}

TEST(a_deleted_provider_is_purged_by_wish_or_when_its_time_has_passed)
{
    FIXTURE(f);
    struct answer answer;

    for (int wish = 0; wish < 2; wish++) {
        fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
        CHECK_INT(answer.status, 201);
        fixture_ask(&f, &answer, "DELETE", "/v1/deletedProviders/myprov", NULL);
        CHECK_INT(answer.status, 404); /* it is there */
        fixture_ask(&f, &answer, "DELETE", "/v1/providers/myprov", NULL);
        if (wish) {
            fixture_ask(&f, &answer, "DELETE", "/v1/deletedProviders/myprov", NULL);
            CHECK_INT(answer.status, 202);
            fixture_ask(&f, &answer, "GET", path_of(header(&answer, "Location")), NULL);
            CHECK_INT(answer.status, 204);
        } else {
            fixture_time += LIMIT_DELETED_PROVIDER_DAYS * DAY - 1;
            fixture_ask(&f, &answer, "GET", "/v1/deletedProviders/myprov", NULL);
            CHECK_INT(answer.status, 200);
            fixture_time += 1;
        }
        fixture_ask(&f, &answer, "POST", "/v1/providers/myprov:undelete", NULL);
        CHECK_INT(answer.status, 404);
    }
    fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
    CHECK_INT(answer.status, 201);
}

/* ---- what a kill leaves ------------------------------------------------------------------------------------------------ */

/* A row as a process leaves it that was killed before step `step`. */
static void leave(struct fixture *f, const char *kind, const char *input, int64_t step)
{
    struct store_operation row = { .id = "000000000000000000000000000000aa",
                                   .kind = kind,
                                   .target = "myprov",
                                   .step = step,
                                   .input = bytes_of_string(input),
                                   .steps = step ? "[{\"did\":\"before\"}]" : "[]",
                                   .started_ms = fixture_time,
                                   .by = "owner" };
    struct err err = ERR_INIT;

    CHECK(store_operation_add(f->store, &row, &err));
}

static void resume(struct fixture *f)
{
    struct err err = ERR_INIT;
    size_t n;

    CHECK(operations_resume(&f->attestation, &n, &err));
    CHECK_INT(n, 1);
}

TEST(an_interrupted_creation_is_finished_by_the_next_start)
{
    /* Killed before the row was stored, and after it but before that was noted. */
    for (int stored = 0; stored < 2; stored++) {
        FIXTURE(f);
        struct store_provider p = { .name = "myprov",
                                    .subscription = "s",
                                    .resource_group = "g",
                                    .location = "x",
                                    .attest_uri = FIXTURE_ISSUER "/providers/myprov",
                                    .tags = "{}",
                                    .created_ms = fixture_time,
                                    .created_by = "owner",
                                    .public_network_access = true };
        struct answer answer;
        struct err err = ERR_INIT;

        leave(&f, OPERATION_PROVIDER_CREATE, operation_input_create(&f.a, &p, NULL, 0), 0);
        if (stored)
            REQUIRE_OK(store_provider_create(f.store, &p, NULL, 0, &err), err);
        CHECK_INT(operations_in(&f, "Running"), 1);
        resume(&f);
        CHECK_INT(operations_in(&f, "Running"), 0);
        CHECK_INT(operations_in(&f, "Succeeded"), 1);
        fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
        CHECK_INT(answer.status, 200);
    }
}

TEST(an_interrupted_policy_change_is_made_once)
{
    for (int stored = 0; stored < 2; stored++) {
        FIXTURE(f);
        struct store_policy policy = { .provider = "myprov", .type = "Tpm", .jws = BYTES_LIT(POLICY_JWS), .hash = "h", .by = "owner" };
        struct answer answer;
        struct err err = ERR_INIT;

        fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
        leave(&f, OPERATION_POLICY_SET, operation_input_policy(&f.a, "Tpm", policy.jws, "h"), 0);
        policy.time_ms = fixture_time;
        if (stored)
            REQUIRE_OK(store_policy_add(f.store, &policy, NULL, &err), err);
        resume(&f);
        fixture_ask(&f, &answer, "GET", "/providers/myprov/policies/Tpm/history" FIXTURE_API, NULL);
        CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    }
}

TEST(an_interrupted_undelete_is_finished)
{
    for (int64_t step = 0; step < 5; step++) {
        FIXTURE(f);
        struct answer answer;
        struct err err = ERR_INIT;

        fixture_ask(&f, &answer, "PUT", "/v1/providers/myprov", BODY);
        fixture_ask(&f, &answer, "DELETE", "/v1/providers/myprov", NULL);
        leave(&f, OPERATION_PROVIDER_UNDELETE, "{}", step);
        if (step == 4)
            REQUIRE_OK(store_provider_undelete(f.store, "myprov", &err), err);
        resume(&f);
        CHECK_INT(operations_in(&f, "Succeeded"), 3);
        fixture_ask(&f, &answer, "GET", "/providers/myprov/certs", NULL);
        CHECK_INT(answer.status, 200);
    }
}

TEST(an_interrupted_operation_that_cannot_be_finished_is_marked_failed_with_the_reason)
{
    static const struct {
        const char *kind, *input, *words;
    } rows[] = {
        { "provider.transmogrify", "{}", "knows no operation of the kind" },
        { OPERATION_PROVIDER_CREATE, "{}", "tokenProfile" },
        { OPERATION_PROVIDER_CREATE, "{", "" },
        { OPERATION_POLICY_SET, "{\"type\":\"Tpm\"}", "jws" },
        { OPERATION_PROVIDER_UNDELETE, "{}", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FIXTURE(f);
        struct answer answer;

        leave(&f, rows[i].kind, rows[i].input, 0);
        resume(&f);
        fixture_ask(&f, &answer, "GET", "/v1/operations/000000000000000000000000000000aa", NULL);
        CHECK_STRING(word(&f, answer.json, "status"), "Failed");
        CHECK(strstr(word(&f, json_get(answer.json, "error"), "message"), rows[i].words));
        fixture_ask(&f, &answer, "GET", "/v1/operations/000000000000000000000000000000aa/result", NULL);
        CHECK_INT(answer.status, 409);
    }
}

TEST(a_list_of_operations_goes_on_where_the_page_ended)
{
    FIXTURE(f);
    struct answer answer;
    const char *next;

    for (int i = 0; i < 5; i++) {
        fixture_time++;
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/myprov%d", i), BODY);
    }
    fixture_ask(&f, &answer, "GET", "/v1/operations?top=3", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 3);
    CHECK_STRING(word(&f, json_get(json_get(answer.json, "value")->array.items[0], "properties"), "target"), "myprov4");
    next = word(&f, answer.json, "nextLink");
    fixture_ask(&f, &answer, "GET", path_of(next), NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 2);
    CHECK(!json_get(answer.json, "nextLink"));
    fixture_ask(&f, &answer, "GET", "/v1/operations?top=0", NULL);
    CHECK_INT(answer.status, 400);
    fixture_ask(&f, &answer, "GET", "/v1/operations?top=1001", NULL);
    CHECK_INT(answer.status, 400);
    fixture_ask(&f, &answer, "GET", "/v1/operations?before=zz", NULL);
    CHECK_INT(answer.status, 404);
}
