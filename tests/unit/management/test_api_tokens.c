#include "management/api_tokens.h"
#include "base/clock.h"
#include "base/hex.h"
#include "store/providers.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* Who a request with this Authorization header is. */
static bool who(struct fixture *f, const char *authorization, bool *ret_is_ours, struct http_caller *ret, struct err *err)
{
    const struct http_field header = { BYTES_LIT("authorization"), bytes_of_string(authorization) };
    const struct http_request request = { .arena = &f->a, .headers = { &header, 1 } };

    *ret = (struct http_caller){ HTTP_ANONYMOUS, NULL };
    return api_token_identify(f->store, &request, fixture_time, ret_is_ours, ret, err);
}

static const char *member(struct fixture *f, const struct answer *answer, const char *name)
{
    return arena_string(&f->a, json_text(json_get(answer->json, name), BYTES_NONE));
}

TEST(a_token_is_its_role_until_it_expires)
{
    FIXTURE(f);
    struct answer answer;
    struct http_caller caller;
    struct err err = ERR_INIT;
    const char *header;
    bool ours = false;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"contributor\",\"days\":2}");
    REQUIRE(answer.status == 201);
    header = arena_printf(&f.a, "bearer %s", member(&f, &answer, "token"));
    REQUIRE_OK(who(&f, header, &ours, &caller, &err), err);
    CHECK(ours && caller.role == HTTP_CONTRIBUTOR && strstr(caller.subject, "(ci)"));
    fixture_time += 2 * 24 * 3600 * INT64_C(1000) - 1;
    CHECK(who(&f, header, &ours, &caller, &err));
    fixture_time += 1;
    CHECK(!who(&f, header, &ours, &caller, &err) && err.code == ERR_UNTRUSTED);
}

TEST(the_store_and_the_list_do_not_hold_the_token)
{
    FIXTURE(f);
    struct answer answer;
    const char *token;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"reader\"}");
    token = member(&f, &answer, "token");
    CHECK(strlen(token) == 47 && strncmp(token, "tbt_", 4) == 0);
    fixture_ask(&f, &answer, "GET", "/v1/tokens", NULL);
    CHECK(answer.status == 200 && json_get(answer.json, "value")->array.n == 1);
    CHECK(bytes_find(answer.body, bytes_of_string(token + 4)) == SIZE_MAX);
}

TEST(a_revoked_token_and_one_that_never_was_are_nobody)
{
    FIXTURE(f);
    struct answer answer;
    struct http_caller caller;
    struct err err = ERR_INIT;
    const char *header, *id;
    bool ours;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"owner\"}");
    header = arena_printf(&f.a, "Bearer %s", member(&f, &answer, "token"));
    id = member(&f, &answer, "id");
    fixture_ask(&f, &answer, "DELETE", "/v1/tokens/0000000000000000", NULL);
    CHECK_INT(answer.status, 404);
    CHECK(who(&f, header, &ours, &caller, &err));
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/tokens/%s", id), NULL);
    CHECK_INT(answer.status, 204);
    CHECK(!who(&f, header, &ours, &caller, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!who(&f, "Bearer tb_", &ours, &caller, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!who(&f, "Bearer tbt_", &ours, &caller, &err) && err.code == ERR_UNTRUSTED);
    CHECK(who(&f, "Bearer eyJhbGciOiJub25lIn0.e30.", &ours, &caller, &err) && !ours && caller.role == HTTP_ANONYMOUS);
    CHECK(who(&f, "Basic dGI6", &ours, &caller, &err) && !ours);
}

TEST(wishes_that_make_no_sense_are_refused)
{
    static const char *const wishes[] = {
        "{\"role\":\"reader\"}",
        "{\"name\":\"x\"}",
        "{\"name\":\"x\",\"role\":\"agent\"}",
        "{\"name\":\"x\",\"role\":\"anonymous\"}",
        "{\"name\":\"x\",\"role\":\"reader\",\"days\":0}",
        "{\"name\":\"x\",\"role\":\"reader\",\"days\":3651}",
        "{\"name\":\"x\",\"role\":\"reader\",\"days\":\"1\"}",
        "{\"name\":\"\",\"role\":\"reader\"}",
        "{\"name\":\"x\",\"role\":\"reader\",\"scope\":\"provider/\"}",
        "{\"name\":\"x\",\"role\":\"reader\",\"scope\":\"server/x\"}",
        "{\"name\":\"x\",\"role\":\"reader\",\"scope\":7}",
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        fixture_ask(&f, &answer, "POST", "/v1/tokens", "%s", wishes[i]);
        CHECK_INT(answer.status, 400);
    }
    fixture_call(&f, &(struct call){ .path = "/v1/tokens", .as = HTTP_CONTRIBUTOR }, &answer);
    CHECK_INT(answer.status, 403);
}

TEST(a_token_of_the_first_version_stays_good)
{
    FIXTURE(f);
    struct digest d;
    char sha256[STORE_SHA256_TEXT_LEN];
    const struct store_api_token row = { .sha256 = sha256,
                                         .name = "old",
                                         .role = "reader",
                                         .created_ms = fixture_time,
                                         .expires_ms = fixture_time + 1000,
                                         .by = "uid 0",
                                         .scope = "" };
    struct http_caller caller;
    struct err err = ERR_INIT;
    bool ours = false;

    digest_compute(DIGEST_SHA256, BYTES_LIT("tb_old"), &d);
    hex_encode(digest_bytes(&d), sha256);
    REQUIRE_OK(store_api_token_add(f.store, &row, &err), err);
    REQUIRE_OK(who(&f, "Bearer tb_old", &ours, &caller, &err), err);
    CHECK(ours && caller.role == HTTP_READER && !caller.scope);
}

TEST(when_a_token_was_used_last_is_shown_to_the_minute)
{
    FIXTURE(f);
    struct answer answer, list;
    struct http_caller caller;
    struct err err = ERR_INIT;
    const struct json *row;
    bool ours;
    int64_t first = fixture_time + 5000, shown = 0;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"reader\"}");
    fixture_ask(&f, &list, "GET", "/v1/tokens", NULL);
    row = json_get(list.json, "value")->array.items[0];
    CHECK(json_get(row, "lastUsed") && json_get(row, "lastUsed")->type == JSON_NULL);
    for (int i = 0; i < 3; i++) { /* the second and third use lie within the minute */
        fixture_time = first + i * 20000;
        REQUIRE_OK(who(&f, arena_printf(&f.a, "Bearer %s", member(&f, &answer, "token")), &ours, &caller, &err), err);
    }
    fixture_ask(&f, &list, "GET", "/v1/tokens", NULL);
    row = json_get(list.json, "value")->array.items[0];
    CHECK(clock_parse(json_text(json_get(row, "lastUsed"), BYTES_NONE), &shown) && shown == first);
}

TEST(a_token_with_a_scope_is_good_for_that_scope_only)
{
    FIXTURE(f);
    struct answer answer;
    struct http_caller caller;
    struct err err = ERR_INIT;
    const struct http_field one = { BYTES_LIT("provider"), BYTES_LIT("one") }, other = { BYTES_LIT("provider"), BYTES_LIT("other") },
                            name = { BYTES_LIT("vm"), BYTES_LIT("one") };
    struct http_request request = { .params = { &one, 1 } };
    bool ours;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"contributor\",\"scope\":\"provider/one\"}");
    REQUIRE(answer.status == 201);
    REQUIRE_OK(who(&f, arena_printf(&f.a, "Bearer %s", member(&f, &answer, "token")), &ours, &caller, &err), err);
    CHECK(http_caller_may(&caller, &request, HTTP_CONTRIBUTOR) && !http_caller_may(&caller, &request, HTTP_OWNER));
    request.params.items = &other;
    CHECK(!http_caller_may(&caller, &request, HTTP_READER) && http_caller_may(&caller, &request, HTTP_ANONYMOUS));
    request.params.items = &name;
    CHECK(!http_caller_may(&caller, &request, HTTP_READER));
    request.params.n = 0;
    CHECK(!http_caller_may(&caller, &request, HTTP_READER));
}

TEST(whoever_finds_a_token_can_end_it)
{
    FIXTURE(f);
    struct answer answer;
    struct http_caller caller;
    struct err err = ERR_INIT;
    struct http_response response = { .arena = &f.a };
    struct http_field header = { BYTES_LIT("Authorization"), BYTES_NONE };
    const struct http_request request = { .arena = &f.a, .headers = { &header, 1 } }, bare = { .arena = &f.a };
    bool ours;

    fixture_ask(&f, &answer, "POST", "/v1/tokens", "{\"name\":\"ci\",\"role\":\"reader\"}");
    header.value = bytes_of_string(arena_printf(&f.a, "Bearer %s", member(&f, &answer, "token")));
    CHECK(!api_token_remove_self(&f.management, &bare, &response, &err) && err.code == ERR_MALFORMED);
    CHECK(api_token_remove_self(&f.management, &request, &response, &err) && response.status == 204);
    CHECK(!who(&f, (const char *)header.value.data, &ours, &caller, &err) && err.code == ERR_UNTRUSTED);
}
