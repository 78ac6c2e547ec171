/* What is read out of a server's answer, whoever wrote it (guest-agent.md 3.4, 3.8, 8.5). */
#include "agent/protocol/server.h"
#include "support/test.h"

struct row {
    unsigned status;
    const char *body, *location, *coding;
    enum failure_id id;
    const char *text; /* a part of the sentence */
};

static const struct row rows[] = {
    { 400, "{\"error\":{\"code\":\"C\",\"message\":\"M\"}}", NULL, NULL, FAILURE_REFUSED, "C: M" },
    { 400, "{\"Error\":{\"Code\":\"C\",\"Message\":\"M\"}}", NULL, NULL, FAILURE_REFUSED, "C: M" },
    { 400, "\xef\xbb\xbf {\"error\":{\"code\":\"C\",\"message\":\"M\"}}\r\n", NULL, NULL, FAILURE_REFUSED, "C: M" },
    { 400, "{\"error\":{\"message\":\"M\"}}", NULL, NULL, FAILURE_REFUSED, "the server answers HTTP 400: M" },
    { 400, "{\"error\":{\"code\":\"C\"}}", NULL, NULL, FAILURE_REFUSED, "the server answers HTTP 400: C" },
    { 400, "{\"error\":[{\"code\":\"C\",\"message\":\"M\"}]}", NULL, NULL, FAILURE_REFUSED, "C: M" },
    { 400, "{\"error\":[]}", NULL, NULL, FAILURE_REFUSED, "the server answers HTTP 400" },
    { 400, "{\"error\":{\"code\":7,\"message\":[]}}", NULL, NULL, FAILURE_REFUSED, "the server answers HTTP 400" },
    { 400, "", NULL, NULL, FAILURE_REFUSED, "the server answers HTTP 400" },
    { 401, "{\"error\":\"invalid_token\",\"error_description\":\"it expired\"}", NULL, NULL, FAILURE_NOT_AUTHORISED,
      "invalid_token: it expired" },
    { 403, "{\"error\":\"no\",\"message\":\"not you\"}", NULL, NULL, FAILURE_NOT_AUTHORISED, "no: not you" },
    { 429, "{\"code\":\"Busy\",\"message\":\"later\"}", NULL, NULL, FAILURE_SERVER_TROUBLE, "Busy: later" },
    { 503, "{\"type\":\"about:blank\",\"title\":\"No room\",\"detail\":\"full\"}", NULL, NULL, FAILURE_SERVER_TROUBLE, "No room: full" },
    { 500, "\"a text\"", NULL, NULL, FAILURE_SERVER_TROUBLE, "HTTP 500: a text" },
    { 404, "{\"error\":{\"code\":\"C\",\"message\":\"M\"}}", NULL, NULL, FAILURE_WRONG_ENDPOINT, "C: M" },
    { 404, "", NULL, NULL, FAILURE_WRONG_ENDPOINT, "HTTP 404" },
    { 404, "404 page not found\n", NULL, NULL, FAILURE_WRONG_ENDPOINT, "404 page not found" },
    { 404, "<html>\r\n<h1>Not\x1b Found</h1>", NULL, NULL, FAILURE_WRONG_ENDPOINT, "<html><h1>Not Found</h1>" },
    { 302, "", "https://portal.example/login?token=hunter2", NULL, FAILURE_BAD_ANSWER, "points to https://portal.example/login, where" },
    { 302, "<html>moved</html>", "https://portal.example/?token=hunter2", NULL, FAILURE_PROXY_BLOCK,
      "points to https://portal.example/, where" },
    { 302, "", "https://u:hunter2@portal.example/", NULL, FAILURE_BAD_ANSWER, "the server answers HTTP 302" },
    { 304, "", NULL, NULL, FAILURE_BAD_ANSWER, "the server answers HTTP 304" },
    { 200, "<html>log in</html>", NULL, NULL, FAILURE_PROXY_BLOCK, "it says: <html>log in</html>" },
    { 403, "<html>blocked</html>", NULL, NULL, FAILURE_PROXY_BLOCK, "it says: <html>blocked</html>" },
    { 200, "OK", NULL, NULL, FAILURE_PROXY_BLOCK, "it says: OK" },
    { 200, "\x1f\x8b\x08", NULL, "gzip", FAILURE_BAD_ANSWER, "the coding \"gzip\", which was not asked for" },
    { 200, "<html>", NULL, "Identity", FAILURE_PROXY_BLOCK, "it says: <html>" },
    { 200, "{\"token\":\"hunter2", NULL, NULL, FAILURE_BAD_ANSWER, "HTTP 200 with JSON that cannot be used" },
    { 502, "{\"token\":\"hunter2", NULL, NULL, FAILURE_SERVER_TROUBLE, "HTTP 502 with JSON that cannot be used" },
};

static bool read_row(const struct row *row, struct arena *a, struct server_answer *answer, struct failure *why)
{
    struct http_field fields[2];
    struct http_answer http = { .status = row->status, .headers = { fields, 0 }, .body = bytes_of_string(row->body) };

    if (row->location)
        fields[http.headers.n++] = (struct http_field){ BYTES_LIT("Location"), bytes_of_string(row->location) };
    if (row->coding)
        fields[http.headers.n++] = (struct http_field){ BYTES_LIT("content-encoding"), bytes_of_string(row->coding) };
    return server_answer_read(&http, a, answer, why);
}

TEST(each_shape_of_error_is_shown_in_its_own_words_and_sorted)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct failure why = FAILURE_INIT;
        struct server_answer answer;

        if (read_row(&rows[i], &a, &answer, &why))
            CHECK(!server_refusal(&answer, &why));
        if (why.id != rows[i].id || !strstr(why.text, rows[i].text))
            test_note("%u %s: %s [%s]", rows[i].status, rows[i].body, why.text, failure_name(why.id));
        CHECK(why.id == rows[i].id && strstr(why.text, rows[i].text) && !strstr(why.text, "hunter2"));
    }
}

TEST(a_token_without_an_object_around_it_is_taken_with_200_alone)
{
    static const char token[] = "eyJFbmNyeXB0ZWRJbm5lcktleSI6IkFBQUEiLCJKd3QiOiJBQUFBIiwiSXYiOiJBQUFB-_0\n";
    static const struct {
        unsigned status;
        const char *text;
        bool taken;
    } cases[] = { { 200, token, true },
                  { 403, token, false },
                  { 200, token + 1, false },
                  { 200, "eyJ9", false },
                  { 200, "eyJFbmNyeXB0ZWRJbm5lcktleSI6IkFBQUEiLCJKd3QiOiJBQUFBIiwiSXYiOiJBQU FB", false } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct row row = { cases[i].status, cases[i].text, NULL, NULL, FAILURE_NONE, "" };
        struct arena a CLEANUP(arena_done) = { 0 };
        struct failure why = FAILURE_INIT;
        struct server_answer answer;
        bool read = read_row(&row, &a, &answer, &why);

        CHECK_INT(read, cases[i].taken);
        if (read)
            CHECK(answer.json && answer.json->type == JSON_STRING && answer.json->string.len == sizeof token - 2);
        else
            CHECK(why.id == FAILURE_PROXY_BLOCK);
    }
}
