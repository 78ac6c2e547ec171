#include <pthread.h>
#include <sys/wait.h>
#include "http_fixture.h"

static bool slow(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    usleep(400 * 1000);
    response->status = 204;
    return true;
}

static bool say_host(void *context UNUSED, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_put_bytes(&out, "path", request->path);
    for (size_t i = 0; i < request->query.n; i++)
        json_put_bytes(&out, "query", request->query.items[i].value);
    json_put_bytes(&out, "host", http_header(request, "Host"));
    json_end(&out);
    return true;
}

/* clang-format off */
static enum err_code conflict = ERR_CONFLICT, internal = ERR_INTERNAL;
static const struct http_route routes[] = {
    { "GET",    "/v1/vms/{vm}",           HTTP_ANONYMOUS,   0,     HTTP_NO_BODY,       echo,    0 },
    { "PUT",    "/v1/vms/{vm}",           HTTP_ANONYMOUS,   1000,  HTTP_JSON,          echo,    0 },
    { "POST",   "/policies/{type}:reset", HTTP_ANONYMOUS,   1000,  HTTP_ANY_BODY,      echo,    0 },
    { "POST",   "/optional",              HTTP_ANONYMOUS,   1000,  HTTP_JSON_OPTIONAL, echo,    0 },
    { "GET",    "/servicehealth",         HTTP_ANONYMOUS,   0,     HTTP_NO_BODY,       nothing, 0 },
    { "GET",    "/slow",                  HTTP_ANONYMOUS,   0,     HTTP_NO_BODY,       slow,    0 },
    { "GET",    "/host",                  HTTP_ANONYMOUS,   0,     HTTP_NO_BODY,       say_host, 0 },
    { "GET",    "/owner",                 HTTP_OWNER,       0,     HTTP_NO_BODY,       echo,    0 },
    { "GET",    "/reader",                HTTP_READER,      0,     HTTP_NO_BODY,       echo,    401 },
    { "PUT",    "/reader",                HTTP_CONTRIBUTOR, 1000,  HTTP_ANY_BODY,      echo,    401 },
    { "POST",   "/agent",                 HTTP_AGENT,       1000,  HTTP_JSON,          echo,    0 },
    { "GET",    "/portal/{file*}",        HTTP_ANONYMOUS,   0,     HTTP_NO_BODY,       echo,    0 },
};
static const struct http_route conflicting[] = { { "GET", "/conflict", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, fail, 0 } };
static const struct http_route failing[] = { { "GET", "/internal", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, fail, 0 } };
static const struct http_routes tables[] = {
    { routes, ARRAY_LEN(routes), NULL },
    { conflicting, 1, &conflict },
    { failing, 1, &internal },
};
/* clang-format on */

/* "Bearer reader" is a reader, "Bearer owner" an owner, "Bearer agent" an agent; anything else does not hold. */
static bool identify(void *context UNUSED, const struct http_request *request, struct http_caller *ret, struct err *err)
{
    static const enum http_role roles[] = { HTTP_READER, HTTP_OWNER, HTTP_AGENT };
    struct bytes credentials = http_header(request, "Authorization");

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        char want[32];

        snprintf(want, sizeof want, "Bearer %s", http_role_name(roles[i]));
        if (bytes_equal_string(credentials, want)) {
            *ret = (struct http_caller){ roles[i], "somebody" };
            return true;
        }
    }
    return err_set(err, ERR_UNTRUSTED, "the token is not one of ours");
}

TEST(a_request_reaches_its_handler_with_everything_decoded)
{
    SERVER(f, tables);
    struct heard h;

    ask(&f, "GET /v1/vms/my%20vm?api-version=2020-10-01&q=%C3%A4 HTTP/1.1\r\n" HOST "X-Test: one\r\nx-test: two\r\n\r\n", &h);
    CHECK_INT(status_of(&h), 200);
    CHECK(strstr(h.text, "\"method\":\"GET\",\"path\":\"/v1/vms/my%20vm\",\"param\":\"my vm\",\"query\":\"2020-10-01\",\"query\":\"ä\"") !=
          NULL);
    CHECK(strstr(h.text, "\"address\":\"127.0.0.1\",\"local\":false") != NULL);
    CHECK(strstr(h.text, "\"x\":\"one\"") != NULL);
    CHECK(strstr(h.text, "\r\nContent-Type: application/json; charset=utf-8\r\n") != NULL);
    CHECK(strstr(h.text, "\r\nCache-Control: no-store\r\n") != NULL);
    CHECK(strstr(h.text, "\r\nx-ms-request-id: ") != NULL);
}

/* RFC 9112 3.2.2: a server takes the absolute form, and its host counts. */
TEST(an_address_that_is_sent_whole_is_its_path_and_its_host)
{
    static const struct {
        const char *line, *heard;
    } rows[] = {
        { "GET https://own.example:1/host?api-version=1", "\"path\":\"/host\",\"query\":\"1\",\"host\":\"own.example:1\"" },
        { "GET HTTP://Own.Example/host", "\"path\":\"/host\",\"host\":\"Own.Example\"" },
        { "GET /host", "\"path\":\"/host\",\"host\":\"localhost\"" },
        { "GET https://own.example", "NotFound" },
        { "GET https://own.example?x", "NotFound" },
        { "GET ftp://own.example/host", "must begin with a slash" },
        { "GET https:/host", "must begin with a slash" },
        { "GET *", "must begin with a slash" },
    };
    SERVER(f, tables);
    struct heard h;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[256];
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", rows[i].line);
        ask(&f, request, &h);
        if (!strstr(h.text, rows[i].heard))
            test_note("%s: %s", rows[i].line, h.text);
        CHECK(strstr(h.text, rows[i].heard) != NULL);
    }
}

TEST(bodies_arrive_whole_with_a_length_or_in_chunks)
{
    SERVER(f, tables);
    struct heard h;

    ask(&f, "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}", &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":7"));
    ask(&f,
        "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/merge-patch+json;charset=utf-8\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
        &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":7"));
    ask(&f, "POST /policies/Tpm%3Areset HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\neyJ", &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"param\":\"Tpm\"") && strstr(h.text, "\"len\":3"));
    ask(&f, "POST /policies/Tpm:reset HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":0"));
    ask(&f, "POST /optional HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", &h);
    CHECK(status_of(&h) == 200);
}

TEST(refusals_all_look_alike)
{
    static const struct {
        const char *request;
        int status;
        const char *code;
    } cases[] = {
        { "GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404, "NotFound" },
        { "DELETE /v1/vms/a HTTP/1.1\r\n" HOST "\r\n", 405, "MethodNotAllowed" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415, "UnsupportedMediaType" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 415, "UnsupportedMediaType" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415,
          "UnsupportedMediaType" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n\r\n", 411, "LengthRequired" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n", 400, "InvalidParameter" },
        { "PUT /v1/vms/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 999999\r\n\r\n", 413, "PayloadTooLarge" },
        { "GET /portal/%2e%2e/x HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /portal/../x HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a%00b HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/%ff HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/\xff HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a%2Fb HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a?x=%zz HTTP/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /conflict HTTP/1.1\r\n" HOST "\r\n", 409, "Conflict" },
        { "GET /internal HTTP/1.1\r\n" HOST "\r\n", 500, "InternalError" },
        { "GET /owner HTTP/1.1\r\n" HOST "\r\n", 401, "Unauthorized" },
    };
    SERVER(f, tables);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[64], header[64];
        struct heard h;

        ask(&f, cases[i].request, &h);
        CHECK_INT(status_of(&h), cases[i].status);
        snprintf(body, sizeof body, "\r\n\r\n{\"error\":{\"code\":\"%s\",\"message\":\"", cases[i].code);
        snprintf(header, sizeof header, "\r\nx-ms-error-code: %s\r\n", cases[i].code);
        CHECK(strstr(h.text, body) && strstr(h.text, header));
        CHECK(strstr(h.text, "\r\nContent-Type: application/json; charset=utf-8\r\n") != NULL);
        if (test_failed())
            test_note("%s -> %s", cases[i].request, h.text);
    }
}

TEST(a_wrong_method_is_told_which_ones_there_are)
{
    SERVER(f, tables);
    struct heard h;

    ask(&f, "DELETE /v1/vms/a HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(strstr(h.text, "\r\nAllow: GET, HEAD, PUT\r\n") != NULL);
}

TEST(head_answers_like_get_without_the_body)
{
    SERVER(f, tables);
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "HEAD /v1/vms/a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    hear(fd, 0, &h);
    CHECK_INT(status_of(&h), 200);
    CHECK(strstr(h.text, "Content-Length: ") && !strstr(h.text, "Content-Length: 0") && !strstr(h.text, "method"));
    close(fd);
}

TEST(no_content_is_sent_without_a_type)
{
    SERVER(f, tables);
    struct heard h;

    ask(&f, "GET /servicehealth HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(status_of(&h) == 204 && !strstr(h.text, "\r\nContent-Type:"));
}

TEST(a_clients_request_id_comes_back_when_it_is_fit_to_print)
{
    static const char *const echoed[] = { "0123-abc", "a b" };
    SERVER(f, tables);
    char request[512], want[256], long_id[130];
    struct heard h;

    for (size_t i = 0; i < ARRAY_LEN(echoed); i++) {
        snprintf(request, sizeof request, "GET /servicehealth HTTP/1.1\r\n" HOST "x-ms-client-request-id: %s\r\n\r\n", echoed[i]);
        snprintf(want, sizeof want, "\r\nx-ms-client-request-id: %s\r\n", echoed[i]);
        ask(&f, request, &h);
        CHECK(strstr(h.text, want) != NULL);
    }
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[129] = '\0';
    snprintf(request, sizeof request, "GET /servicehealth HTTP/1.1\r\n" HOST "x-ms-client-request-id: %s\r\n\r\n", long_id);
    ask(&f, request, &h);
    CHECK(status_of(&h) == 204 && !strstr(h.text, "client-request-id"));
    ask(&f, "GET /servicehealth HTTP/1.1\r\n" HOST "x-ms-client-request-id: \xc3\xa4\r\n\r\n", &h);
    CHECK(status_of(&h) == 204 && !strstr(h.text, "client-request-id"));
}

TEST(pipelined_requests_are_answered_in_order_on_one_connection)
{
    static const char three[] = "GET /v1/vms/one HTTP/1.1\r\n" HOST "\r\n"
                                "PUT /v1/vms/two HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                                "GET /v1/vms/three HTTP/1.1\r\n" HOST "\r\n";
    SERVER(f, tables);
    struct heard h;
    int fd = dial(&f);
    const char *one, *two, *last;

    REQUIRE(fd >= 0);
    CHECK(say(fd, three, sizeof three - 1));
    hear(fd, 3, &h);
    one = strstr(h.text, "\"param\":\"one\"");
    two = strstr(h.text, "\"param\":\"two\"");
    last = strstr(h.text, "\"param\":\"three\"");
    CHECK(one && two && last && one < two && two < last);
    CHECK(tell(fd, "GET /v1/vms/four HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK(strstr(h.text, "\"param\":\"four\"") != NULL);
    close(fd);
}

TEST(a_refused_request_does_not_turn_its_body_into_the_next_one)
{
    static const char two[] = "PATCH /nothing HTTP/1.1\r\n" HOST "Content-Length: 46\r\n\r\n"
                              "GET /v1/vms/hid HTTP/1.1\r\nHost: localhost    \r\n\r\n"
                              "GET /v1/vms/seen HTTP/1.1\r\n" HOST "\r\n";
    SERVER(f, tables);
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK(say(fd, two, sizeof two - 1));
    hear(fd, 2, &h);
    CHECK_INT(status_of(&h), 404);
    CHECK(!strstr(h.text, "hid"));
    CHECK(h.closed || strstr(h.text, "seen"));
    close(fd);
}

TEST(requests_that_could_be_read_in_two_ways_end_the_connection)
{
    static const char *const twofold[] = {
        "POST /optional HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /optional HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}  ",
        "POST /optional HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\n{}  ",
        "POST /optional HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999999\r\n\r\n{}  ",
        "POST /optional HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /optional HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "GET /v1/vms/a HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET /v1/vms/a HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n",
        "GET /v1/vms/a HTTP/1.1\r\n\r\n",
        "POST /optional HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\n{}  ",
        "GET /v1/vms/a HTTP/1.1\r\n" HOST "X\t: y\r\n\r\n",
        "GET /v1/vms/a HTTP/1.1\r\n" HOST "X(y): z\r\n\r\n",
    };
    SERVER(f, tables);

    for (size_t i = 0; i < ARRAY_LEN(twofold); i++) {
        int fd = dial(&f), status;
        struct heard h;

        REQUIRE(fd >= 0);
        CHECK(say(fd, twofold[i], strlen(twofold[i])));
        hear(fd, 0, &h);
        status = status_of(&h);
        CHECK(status == 400 || status == 413);
        CHECK(h.closed);
        CHECK(!strstr(h.text, "\"method\"")); /* no handler saw it, nor what came behind it */
        if (test_failed())
            test_note("%s -> %s", twofold[i], h.text);
        close(fd);
    }
}

/* What the library refuses by itself: our error body all the same, and an id. */
TEST(what_is_no_http_is_refused_in_our_words)
{
    static const struct {
        const char *request;
        int status;
        const char *code;
    } cases[] = {
        { "GET /v1/vms/a\r\n\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a HTTX/1.1\r\n" HOST "\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a HTTP/9.9\r\n" HOST "\r\n", 505, "InvalidParameter" },
        { "GET /v1/vms/a HTTP/1.1\r\n\r\n", 400, "InvalidParameter" },
        { "GET /v1/vms/a HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400, "InvalidParameter" },
        { "POST /optional HTTP/1.1\r\n" HOST "Content-Length: many\r\n\r\n{}", 400, "InvalidParameter" },
        { "POST /optional HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999999\r\n\r\n{}", 413, "PayloadTooLarge" },
        { "POST /optional HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
          "InvalidParameter" },
        { "POST /optional HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n", 400,
          "InvalidParameter" },
        { "POST /optional HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
          413, "PayloadTooLarge" },
    };
    SERVER(f, tables);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[64], header[64];
        bool before = test_failed();
        struct heard h;

        ask(&f, cases[i].request, &h);
        CHECK_INT(status_of(&h), cases[i].status);
        snprintf(body, sizeof body, "\r\n\r\n{\"error\":{\"code\":\"%s\",\"message\":\"", cases[i].code);
        snprintf(header, sizeof header, "\r\nx-ms-error-code: %s\r\n", cases[i].code);
        CHECK(strstr(h.text, body) && strstr(h.text, header) && strstr(h.text, "\r\nx-ms-request-id: "));
        CHECK(strstr(h.text, "\r\nContent-Type: application/json; charset=utf-8\r\n") != NULL);
        CHECK(!strstr(h.text, "html"));
        CHECK(!strstr(h.text, "\nHTTP/1.1 ")); /* one answer */
        CHECK(strstr(h.text, "\r\nConnection: close\r\n") && strstr(h.text, "\r\nDate: "));
        if (test_failed() && !before)
            test_note("%s -> %s", cases[i].request, h.text);
    }
}

/* RFC 9112 2.2, 3.2, 5.1, 5.2; RFC 9110 5.5: heads that the library takes and that others read otherwise. Each beside one that is plain. */
TEST(a_head_that_reads_in_two_ways_reaches_no_handler)
{
#define LINE       "GET /v1/vms/a HTTP/1.1\r\n"
#define HEAD(text) text, sizeof text - 1
    static const struct {
        const char *request;
        size_t len;
        int status;
    } rows[] = {
        { HEAD(LINE HOST "X-A: b\r\n\r\n"), 200 },
        { HEAD(LINE HOST "X-A:b\r\nX-B: \t c \t\r\nX-C:\r\nX-D: \r\n\r\n"), 200 },
        { HEAD(LINE HOST "X-A: \xc3\xa4\t\"(:;)\r\n\r\n"), 200 },
        { HEAD(LINE "X-A: b\r\nHOST:localhost\r\n\r\n"), 200 },
        { HEAD(LINE HOST "X-A: b\r\n c\r\n\r\n"), 400 },            /* folded, */
        { HEAD(LINE HOST "X-A: b\r\n\tc\r\nX-B: d\r\n\r\n"), 400 }, /* not only at the end, */
        { HEAD(LINE HOST "X-A:\r\n b\r\n\r\n"), 400 },              /* with nothing in the first line, */
        { HEAD(LINE HOST "X-A: b\r\n \r\n\r\n"), 400 },             /* or in the second */
        { HEAD(LINE "Host: local\r\n host\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\0c\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\0\r\nX-B: c\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\0Transfer-Encoding: chunked\r\nX-B: c\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\x01\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\x7f\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\rX-B: c\r\n\r\n"), 400 },
        { HEAD(LINE HOST "X-A: b\nX-B: c\r\n\r\n"), 400 },
        { HEAD("GET /v1/vms/a HTTP/1.1\n" HOST "\r\n"), 400 },
        { HEAD(LINE "Host: localhost\nX-A: b\n\n"), 400 },
        { HEAD(LINE HOST ": b\r\n\r\n"), 400 },
        { HEAD(LINE ": b\r\n" HOST "\r\n"), 400 },
        { HEAD(LINE "Host: a b\r\n\r\n"), 400 },
        { HEAD(LINE "Host: me@localhost\r\n\r\n"), 400 },
        { HEAD(LINE "Host: localhost/x\r\n\r\n"), 400 },
        { HEAD(LINE "\r\n"), 400 },
        { HEAD("GET /v1/vms/a HTTP/1.0\r\n\r\n"), 200 },
        { HEAD("GET /v1/vms/a HTTP/1.0\r\nX-A: b\r\n c\r\n\r\n"), 400 },
        { HEAD("GET https://localhost/v1/vms/a HTTP/1.1\r\n\r\n"), 400 },
    };
    SERVER(f, tables);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct heard h;

        ask_bytes(&f, rows[i].request, rows[i].len, &h);
        if (status_of(&h) != rows[i].status)
            test_note("row %zu: %s -> %s", i, rows[i].request, h.text);
        CHECK_INT(status_of(&h), rows[i].status);
        CHECK((strstr(h.text, "\"method\"") != NULL) == (rows[i].status == 200));
    }
#undef HEAD
#undef LINE
}

TEST(too_many_headers_are_not_called_too_large)
{
    char request[4000];
    SERVER(f, tables);
    struct heard h;

    for (int n = 128; n <= 129; n++) {
        int at = snprintf(request, sizeof request, "GET /v1/vms/a HTTP/1.1\r\n" HOST);
        for (int i = 1; i < n; i++)
            at += snprintf(request + at, sizeof request - (size_t)at, "X-%d: a\r\n", i);
        snprintf(request + at, sizeof request - (size_t)at, "\r\n");
        ask(&f, request, &h);
        CHECK_INT(status_of(&h), n == 128 ? 200 : 431);
        CHECK(n == 128 || strstr(h.text, "more than 128 headers"));
    }
}

TEST(a_head_beyond_the_library_s_memory_is_refused_in_our_words)
{
    enum { LEN = 200000 };
    static const char *const begins[] = { "GET /small HTTP/1.1\r\n" HOST "X-Long: ", "GET /" };
    char *request = malloc(LEN + 100);
    SERVER(f, tables);

    REQUIRE(request);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        int fd = dial(&f), status;
        struct heard h;

        memset(request, 'x', LEN);
        memcpy(request, begins[i], strlen(begins[i]));
        (void)!say(fd, request, LEN); /* the server need not read it all */
        hear(fd, 0, &h);
        status = status_of(&h);
        CHECK(status == 431 || status == 414);
        CHECK(strstr(h.text, "{\"error\":{\"code\":\"RequestHeaderFieldsTooLarge\"") != NULL);
        close(fd);
    }
    free(request);
}

TEST(a_raw_nul_in_the_address_reaches_no_handler)
{
    static const char request[] = "GET /v1/vms/a\0b HTTP/1.1\r\n" HOST "\r\n";
    SERVER(f, tables);
    struct heard h;

    ask_bytes(&f, request, sizeof request - 1, &h);
    CHECK(status_of(&h) != 200);
    CHECK(!strstr(h.text, "\"method\""));
}

TEST(roles_decide_and_the_answer_says_what_is_missing)
{
    static const struct {
        const char *request, *credentials;
        int status;
    } cases[] = {
        { "GET /reader", "Bearer reader", 200 },   { "GET /reader", "Bearer owner", 200 },
        { "GET /reader", "Bearer forged", 401 },   { "GET /owner", "Bearer reader", 403 },
        { "PUT /reader", "Bearer reader", 401 }, /* the attestation data plane's way */
        { "GET /owner", "Bearer owner", 200 },     { "GET /owner", "Bearer agent", 403 },
        { "GET /v1/vms/a", "Bearer forged", 200 }, /* ignored where nobody needs to be known */
    };
    SERVER(f, tables, f.config.identify = identify);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[256];
        struct heard h;

        snprintf(request, sizeof request, "%s HTTP/1.1\r\n" HOST "Authorization: %s\r\n\r\n", cases[i].request, cases[i].credentials);
        ask(&f, request, &h);
        CHECK_INT(status_of(&h), cases[i].status);
        CHECK((cases[i].status == 401) == (strstr(h.text, "WWW-Authenticate: Bearer") != NULL));
    }
}

TEST(the_local_socket_knows_the_users_id_and_its_owner)
{
    SERVER(f, tables);
    struct heard h;
    struct stat st;
    char uid[64];
    int fd = dial_unix(&f);

    REQUIRE(fd >= 0);
    CHECK(stat(f.socket, &st) == 0 && (st.st_mode & 0777) == 0660);
    CHECK(tell(fd, "GET /owner HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 200);
    snprintf(uid, sizeof uid, "\"address\":\"local\",\"local\":true,\"uid\":%u,\"pid\":%d", (unsigned)getuid(), (int)getpid());
    CHECK(strstr(h.text, uid) != NULL);
    CHECK(strstr(h.text, "\"role\":\"owner\"") != NULL);
    close(fd);
}

TEST(another_local_user_is_nobody_until_identified)
{
    SERVER(f, tables);
    struct heard h = { 0 };
    int fd, status = -1;
    pid_t child;

    if (geteuid() != 0)
        SKIP("needs root to become another user");
    REQUIRE(chmod(f.folder, 0755) == 0 && chmod(f.socket, 0666) == 0);
    child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0 || (fd = dial_unix(&f)) < 0)
            _exit(99);
        tell(fd, "GET /owner HTTP/1.1\r\n" HOST "\r\n");
        hear(fd, 1, &h);
        _exit(status_of(&h) == 401 ? 0 : 1);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

enum { CLIENTS = 24, REQUESTS = 20 };

static void *many_requests(void *context)
{
    const struct server_fixture *f = context;
    uintptr_t good = 0;
    int fd = dial(f);

    for (int i = 0; i < REQUESTS && fd >= 0; i++) {
        char request[128], want[32];
        struct heard h;

        snprintf(request, sizeof request, "GET /v1/vms/%d HTTP/1.1\r\n" HOST "\r\n", i);
        snprintf(want, sizeof want, "\"param\":\"%d\"", i);
        say(fd, request, strlen(request));
        hear(fd, 1, &h);
        good += status_of(&h) == 200 && strstr(h.text, want);
    }
    if (fd >= 0)
        close(fd);
    return (void *)good;
}

TEST(many_clients_at_once_get_their_own_answers)
{
    SERVER(f, tables);
    pthread_t threads[CLIENTS];
    uintptr_t good = 0;

    for (int i = 0; i < CLIENTS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, many_requests, &f) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        void *n;

        pthread_join(threads[i], &n);
        good += (uintptr_t)n;
    }
    CHECK_INT(good, CLIENTS * REQUESTS);
    CHECK_INT(http_server_stats(f.server).requests, CLIENTS * REQUESTS);
}

static int observed_status;
static char observed_path[64];

static void observe(void *context UNUSED, const struct http_request *request, const struct http_response *response, int64_t duration_us)
{
    observed_status = (int)response->status;
    snprintf(observed_path, sizeof observed_path, "%.*s", BYTES_FMT(request->path));
    CHECK(duration_us >= 0 && request->id[0] && request->peer.address);
}

TEST(every_answer_is_observed_refusals_too)
{
    SERVER(f, tables, f.config.observe = observe);
    struct heard h;

    ask(&f, "GET /v1/vms/a HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(observed_status, 200);
    ask(&f, "GET /nothing?secret=1 HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(observed_status, 404);
    CHECK_STRING(observed_path, "/nothing");
}

static void *stop(void *context)
{
    struct server_fixture *f = context;

    usleep(100 * 1000);
    http_server_stop(f->server, 3000);
    f->server = NULL;
    return NULL;
}

TEST(stopping_lets_requests_in_flight_finish_and_takes_no_others)
{
    SERVER(f, tables);
    unsigned port = http_server_port(f.server);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    pthread_t stopper;
    struct heard h;
    int fd = dial(&f), late;

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    REQUIRE(pthread_create(&stopper, NULL, stop, &f) == 0);
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 204);
    CHECK(strstr(h.text, "Connection: close") != NULL);
    pthread_join(stopper, NULL);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    late = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(late, (struct sockaddr *)&to, sizeof to) != 0 && errno == ECONNREFUSED);
    CHECK(access(f.socket, F_OK) != 0);
    close(late);
    close(fd);
}

TEST(addresses_that_cannot_be_listened_on_are_explained)
{
    static const char *const bad[] = { "", "8443", "host", "127.0.0.1:", "127.0.0.1:x", "::1:80", "[::1:80", "127.0.0.1:99999" };
    SERVER(f, tables);
    struct server_fixture again = { .config = f.config };
    char where[32];

    snprintf(where, sizeof where, "127.0.0.1:%u", http_server_port(f.server));
    again.config.listen = where;
    again.config.unix_socket = NULL;
    CHECK(!fixture_start(&again) && again.err.code == ERR_CONFLICT && strstr(again.err.text, "in use"));
    test_note("%s", again.err.text);
    again.config.listen = NULL;
    again.config.unix_socket = f.socket;
    CHECK(!fixture_start(&again) && again.err.code == ERR_CONFLICT && strstr(again.err.text, "in use"));
    test_note("%s", again.err.text);
    again.config.unix_socket = f.folder;
    CHECK(!fixture_start(&again) && again.err.code == ERR_CONFLICT);
    again.config.unix_socket = NULL;
    again.config.listen = "192.0.2.1:0";
    CHECK(!fixture_start(&again) && again.err.code == ERR_NOT_FOUND);
    test_note("%s", again.err.text);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        again.config.listen = bad[i];
        CHECK(!fixture_start(&again) && (again.err.code == ERR_MALFORMED || again.err.code == ERR_NOT_FOUND));
    }
    again.config.listen = NULL;
    CHECK(!fixture_start(&again) && again.err.code == ERR_MALFORMED);
}

TEST(a_socket_file_left_by_a_crash_is_replaced)
{
    CLEANUP(fixture_done) struct server_fixture f = { 0 };
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct heard h;
    int stale = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    REQUIRE(fixture_prepare(&f, tables, ARRAY_LEN(tables)));
    memcpy(at.sun_path, f.socket, strlen(f.socket) + 1);
    REQUIRE(bind(stale, (struct sockaddr *)&at, sizeof at) == 0);
    close(stale);
    f.config.listen = NULL;
    REQUIRE_OK(fixture_start(&f), f.err);
    CHECK_INT(http_server_port(f.server), 0);
    REQUIRE((fd = dial_unix(&f)) >= 0);
    CHECK(tell(fd, "GET /servicehealth HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 204);
    close(fd);
}
