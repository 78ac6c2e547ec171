#include "management/api_tokens.h"
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
    CHECK(strlen(token) == 46 && strncmp(token, "tb_", 3) == 0);
    fixture_ask(&f, &answer, "GET", "/v1/tokens", NULL);
    CHECK(answer.status == 200 && json_get(answer.json, "value")->array.n == 1);
    CHECK(bytes_find(answer.body, bytes_of_string(token + 3)) == SIZE_MAX);
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
