#include "http/server/message.h"
#include "support/test.h"

TEST(a_role_is_enough_for_itself_and_for_less_but_an_agent_stands_apart)
{
    static const bool enough[HTTP_ROLE_COUNT][HTTP_ROLE_COUNT] = {
        /* needed: anonymous, agent, reader, enroller, auditor, policy-admin, security-admin, contributor, owner */
        [HTTP_ANONYMOUS] = { 1, 0, 0, 0, 0, 0, 0, 0, 0 },      [HTTP_AGENT] = { 1, 1, 0, 0, 0, 0, 0, 0, 0 },
        [HTTP_READER] = { 1, 0, 1, 0, 0, 0, 0, 0, 0 },         [HTTP_ENROLLER] = { 1, 0, 0, 1, 0, 0, 0, 0, 0 },
        [HTTP_AUDITOR] = { 1, 0, 1, 0, 1, 0, 0, 0, 0 },        [HTTP_POLICY_ADMIN] = { 1, 0, 1, 0, 0, 1, 0, 0, 0 },
        [HTTP_SECURITY_ADMIN] = { 1, 0, 1, 0, 0, 0, 1, 0, 0 }, [HTTP_CONTRIBUTOR] = { 1, 0, 1, 1, 0, 1, 1, 1, 0 },
        [HTTP_OWNER] = { 1, 0, 1, 1, 1, 1, 1, 1, 1 },
    };

    for (unsigned has = 0; has < HTTP_ROLE_COUNT; has++)
        for (unsigned needed = 0; needed < HTTP_ROLE_COUNT; needed++)
            CHECK(http_role_suffices((enum http_role)has, (enum http_role)needed) == enough[has][needed]);
    CHECK(!http_role_suffices(HTTP_ROLE_COUNT, HTTP_ANONYMOUS) && !http_role_suffices(HTTP_OWNER, HTTP_ROLE_COUNT));
    CHECK_STRING(http_role_name(HTTP_SECURITY_ADMIN), "security-admin");
    CHECK_STRING(http_role_name(HTTP_CONTRIBUTOR), "contributor");
}

struct made {
    struct arena arena;
    struct http_response response;
};

static void made_done(struct made *m)
{
    writer_done(&m->response.body);
    arena_done(&m->arena);
}

#define RESPONSE(m)                           \
    CLEANUP(made_done) struct made m = { 0 }; \
    m.response.arena = &m.arena

TEST(an_error_has_the_published_body)
{
    RESPONSE(m);

    CHECK(http_response_error(&m.response, 400, "PolicyEvaluationError", "secureboot.disabled", "A \"%s\" claim", "Deny"));
    CHECK_INT(m.response.status, 400);
    CHECK_BYTES(writer_bytes(&m.response.body),
                BYTES_LIT("{\"error\":{\"code\":\"PolicyEvaluationError\",\"message\":\"A \\\"Deny\\\" claim\","
                          "\"innererror\":{\"code\":\"secureboot.disabled\"}}}"));
    CHECK(http_response_error(&m.response, 404, "NotFound", NULL, "gone"));
    CHECK_BYTES(writer_bytes(&m.response.body), BYTES_LIT("{\"error\":{\"code\":\"NotFound\",\"message\":\"gone\"}}"));
    CHECK_INT(m.response.n_headers, 1);
    CHECK_BYTES(m.response.headers[0].value, BYTES_LIT("NotFound"));
}

TEST(errors_map_to_a_status_and_internal_ones_keep_their_sentence)
{
    static const struct {
        enum err_code code;
        unsigned status;
        bool shown;
    } cases[] = {
        { ERR_TRUNCATED, 400, true },   { ERR_MALFORMED, 400, true }, { ERR_LIMIT, 413, true },      { ERR_UNSUPPORTED, 400, true },
        { ERR_UNTRUSTED, 400, true },   { ERR_DENIED, 403, true },    { ERR_NOT_FOUND, 404, true },  { ERR_CONFLICT, 409, true },
        { ERR_UNREACHABLE, 503, true }, { ERR_IO, 500, false },       { ERR_NO_MEMORY, 500, false }, { ERR_INTERNAL, 500, false },
        { ERR_NONE, 500, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        RESPONSE(m);
        struct err err = { cases[i].code, "/secret/path" };

        CHECK(http_response_err(&m.response, &err));
        CHECK_INT(m.response.status, cases[i].status);
        CHECK((bytes_find(writer_bytes(&m.response.body), BYTES_LIT("/secret/path")) != SIZE_MAX) == cases[i].shown);
        if (!cases[i].shown)
            CHECK_STRING(m.response.internal, "/secret/path");
    }
}

TEST(an_error_body_says_for_programs_what_is_meant_and_what_to_do_once)
{
    RESPONSE(m);
    struct err err = ERR_INIT;

    CHECK(!(err_set(&err, ERR_MALFORMED, "bad") || err_at(&err, "/tags") || err_remedy(&err, "docs/x.md", "trueboot %s list", "vm")));
    CHECK(http_response_err(&m.response, &err));
    CHECK_BYTES(
        writer_bytes(&m.response.body),
        BYTES_LIT(
            "{\"error\":{\"code\":\"InvalidParameter\",\"message\":\"bad\",\"target\":\"/tags\",\"additionalInfo\":[{\"type\":\"Remedy\","
            "\"info\":{\"command\":\"trueboot vm list\",\"doc\":\"docs/x.md\"}}]}}"));
    CHECK(http_response_error(&m.response, 404, "NotFound", NULL, "gone"));
    CHECK_BYTES(writer_bytes(&m.response.body), BYTES_LIT("{\"error\":{\"code\":\"NotFound\",\"message\":\"gone\"}}"));
    CHECK(!(err_set(&err, ERR_IO, "/secret/path") || err_at(&err, "/secret") || err_remedy(&err, "docs/x.md", "cat /secret/path")));
    CHECK(http_response_err(&m.response, &err));
    CHECK(bytes_find(writer_bytes(&m.response.body), BYTES_LIT("secret")) == SIZE_MAX);
}

TEST(a_header_with_a_line_break_is_our_mistake_and_not_sent)
{
    RESPONSE(m);

    http_response_header(&m.response, "Location", "/a\r\nSet-Cookie: x");
    CHECK_INT(m.response.status, 500);
    CHECK_INT(m.response.n_headers, 1);
    CHECK_BYTES(m.response.headers[0].name, BYTES_LIT("x-ms-error-code"));
}

TEST(headers_beyond_the_sixteenth_are_our_mistake)
{
    RESPONSE(m);

    for (int i = 0; i < 16; i++)
        http_response_header(&m.response, "X-A", "b");
    CHECK_INT(m.response.status, 0);
    http_response_header(&m.response, "X-A", "b");
    CHECK_INT(m.response.status, 500);
}

/* A limit of the parser is no limit of the body's length: 400, not 413. */
TEST(a_body_whose_values_nobody_can_store_is_malformed)
{
    static const char *const bodies[] = { "{\"a\":\"b\\u0000c\"}", "{\"a\\u0000\":1}", "[[\"\\u0000\"]]", "{\"a\":1e400}" };
    char deep[2 * (LIMIT_JSON_DEPTH + 2) + 1];
    struct arena a = { 0 };

    memset(deep, '[', sizeof deep / 2);
    memset(deep + sizeof deep / 2, ']', sizeof deep / 2);
    deep[sizeof deep - 1] = '\0';
    for (size_t i = 0; i <= ARRAY_LEN(bodies); i++) {
        struct http_request request = { .arena = &a, .body = bytes_of_string(i < ARRAY_LEN(bodies) ? bodies[i] : deep) };
        const struct json *value;
        struct err err = ERR_INIT;

        CHECK(!http_body_json(&request, NULL, &value, &err));
        CHECK_INT(err.code, ERR_MALFORMED);
        CHECK(strstr(err.text, "the request's body: ") == err.text);
    }
    arena_done(&a);
}

TEST(a_body_that_is_no_json_says_where)
{
    struct arena a = { 0 };
    struct http_request request = { .arena = &a, .body = BYTES_LIT("{\"a\":1,}") };
    const struct json *value;
    struct err err = ERR_INIT;

    CHECK(!http_body_json(&request, NULL, &value, &err) && err.code == ERR_MALFORMED);
    CHECK(strstr(err.text, "body") != NULL);
    request.body = BYTES_LIT("{\"a\":1}");
    CHECK(http_body_json(&request, NULL, &value, &err));
    request.body = BYTES_LIT("\xef\xbb\xbf{\"a\":1}"); /* a byte order mark */
    CHECK(http_body_json(&request, NULL, &value, &err) && value->type == JSON_OBJECT);
    arena_done(&a);
}
