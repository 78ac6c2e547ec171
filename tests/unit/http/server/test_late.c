/* An answer that takes too long is 503, and the request's work ends (attestation-service.md 13.3). The clock is ours: nothing here waits. */
#include <stdatomic.h>
#include "base/deadline.h"
#include "http_fixture.h"

static _Atomic int64_t now;
static int64_t now_us(void) { return now; }

/* Takes eleven seconds, and looks at the clock once a second, as loops over events do. */
static bool long_loop(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err)
{
    for (int second = 0; second < 11; second++) {
        if (!deadline_check("counting seconds", err))
            return false;
        now += 1000 * 1000;
    }
    response->status = 204;
    return true;
}

/* Does not look at it at all, and has half an answer with headers. */
static bool heedless(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response,
                     struct err *err UNUSED)
{
    struct json_out out = http_response_json(response, 200);

    http_response_header(response, "Location", "/somewhere");
    json_begin_object(&out, NULL);
    json_put_string(&out, "secret", "of the answer that nobody waits for");
    json_end(&out);
    now += 10 * 1000 * 1000;
    return true;
}

static bool refuses_late(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response UNUSED,
                         struct err *err)
{
    now += 20 * 1000 * 1000;
    return err_set(err, ERR_MALFORMED, "the body is wrong");
}

/* The change is on disk before the time is up; what follows takes long. */
static bool stores(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    deadline_note_stored();
    now += 60 * 1000 * 1000;
    response->status = 201;
    return true;
}

static bool in_time(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err)
{
    now += 10 * 1000 * 1000 - 1;
    response->status = 204;
    return deadline_check("being quick", err);
}

/* Proving who calls writes something down, too. */
static bool identify(void *context UNUSED, const struct http_request *request UNUSED, struct http_caller *ret, struct err *err UNUSED)
{
    deadline_note_stored();
    *ret = (struct http_caller){ HTTP_OWNER, "somebody", NULL };
    return true;
}

static struct {
    unsigned status;
    char text[256], outcome[32];
} seen;

static void observe(void *context UNUSED, const struct http_request *request UNUSED, const struct http_response *response,
                    int64_t duration_us UNUSED)
{
    seen.status = response->status;
    snprintf(seen.text, sizeof seen.text, "%s", response->error_text ? response->error_text : "");
    snprintf(seen.outcome, sizeof seen.outcome, "%s", response->outcome ? response->outcome : "");
}

static const struct http_route routes[] = {
    { "GET", "/loop", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, long_loop, 0 },
    { "GET", "/heedless", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, heedless, 0 },
    { "POST", "/refuses", HTTP_ANONYMOUS, 1000, HTTP_ANY_BODY, refuses_late, 0 },
    { "PUT", "/stores", HTTP_ANONYMOUS, 1000, HTTP_ANY_BODY, stores, 0 },
    { "GET", "/owner", HTTP_OWNER, 0, HTTP_NO_BODY, long_loop, 0 },
    { "GET", "/quick", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, in_time, 0 },
};
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

#define LATE_SERVER(f) SERVER(f, tables, f.config.now_us = now_us, f.config.observe = observe, f.config.identify = identify)

TEST(an_answer_that_takes_longer_than_ten_seconds_is_503_and_the_work_ends)
{
    static const char *const requests[] = { "GET /loop", "GET /heedless", "POST /refuses" };
    LATE_SERVER(f);
    struct heard h;
    char text[200];

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        snprintf(text, sizeof text, "%s HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", requests[i]);
        ask(&f, text, &h);
        test_note("%s", requests[i]);
        CHECK_INT(status_of(&h), 503);
        CHECK(strstr(h.text, "\r\nRetry-After: 10\r\n") && strstr(h.text, "{\"error\":{\"code\":\"ServiceUnavailable\",\"message\":\""));
        CHECK(strstr(h.text, "takes too long") && !strstr(h.text, "secret") && !strstr(h.text, "Location") && !strstr(h.text, "wrong"));
        CHECK(seen.status == 503 && strcmp(seen.outcome, "late") == 0 && strstr(seen.text, "takes too long"));
        CHECK_INT(http_server_stats(f.server).late, i + 1);
    }
    CHECK(!strstr(h.text, "Connection: close"));
}

TEST(a_request_after_a_late_one_has_ten_seconds_of_its_own_on_the_same_connection)
{
    LATE_SERVER(f);
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "GET /loop HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 503);
    CHECK(tell(fd, "GET /quick HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 204);
    close(fd);
}

TEST(a_change_that_was_stored_is_answered_as_such_however_late)
{
    LATE_SERVER(f);
    struct heard h;

    ask(&f, "PUT /stores HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", &h);
    CHECK_INT(status_of(&h), 201);
    CHECK_INT(http_server_stats(f.server).late, 0);
}

TEST(what_proves_a_caller_is_no_change_that_keeps_a_request_alive)
{
    LATE_SERVER(f);
    struct heard h;

    ask(&f, "GET /owner HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n", &h);
    CHECK_INT(status_of(&h), 503);
}

TEST(the_time_for_an_answer_is_a_setting)
{
    SERVER(f, tables, f.config.now_us = now_us, f.config.answer_ms = 11 * 1000 + 1);
    struct heard h;

    ask(&f, "GET /loop HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(status_of(&h), 204);
}
