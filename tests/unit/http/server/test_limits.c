#include <pthread.h>
#include "base/limits.h"
#include "http/server/connections.h"
#include "http_fixture.h"

/* The deadline where one is waited for: enough for a request on a busy machine, and less than `slow` takes. */
enum { DEADLINE_MS = 1500, SLOW_MS = 2000 };

static bool slow(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    usleep(SLOW_MS * 1000);
    response->status = 204;
    return true;
}

/* clang-format off */
static const struct http_route routes[] = {
    { "GET",    "/small",    HTTP_ANONYMOUS, 0,                       HTTP_NO_BODY,  nothing, 0 },
    { "POST",   "/body",     HTTP_ANONYMOUS, 1000,                    HTTP_ANY_BODY, echo,    0 },
    { "POST",   "/evidence", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, echo,    0 },
    { "GET",    "/slow",     HTTP_ANONYMOUS, 0,                       HTTP_NO_BODY,  slow,    0 },
};
/* clang-format on */
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

static void post(const struct server_fixture *f, const char *path, size_t len, struct heard *h)
{
    char head[256];
    char *body = malloc(len + 1);
    int fd = dial(f);

    *h = (struct heard){ .len = 0 };
    if (fd >= 0 && body) {
        memset(body, 'x', len);
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path, len);
        if (say(fd, head, strlen(head)))
            (void)say(fd, body, len); /* a refusal may come before all is sent */
        hear(fd, 1, h);
        close(fd);
    }
    free(body);
}

TEST(a_body_may_be_as_large_as_its_route_says_and_no_larger)
{
    SERVER(f, tables);
    struct heard h;

    post(&f, "/body", 1000, &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":1000"));
    post(&f, "/body", 1001, &h);
    CHECK_INT(status_of(&h), 413);
    post(&f, "/evidence", LIMIT_ATTEST_BODY_BYTES, &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":16777216"));
    post(&f, "/evidence", LIMIT_ATTEST_BODY_BYTES + 1, &h);
    CHECK_INT(status_of(&h), 413);
}

TEST(a_body_in_chunks_is_cut_off_at_the_limit)
{
    SERVER(f, tables);
    struct heard h;
    char chunk[1024 + 16];
    int fd = dial(&f);
    bool gone = false;
    int i;

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "400\r\n", 5);
    memcpy(chunk + 5 + 1024, "\r\n", 2);
    CHECK(say(fd, chunk, 5 + 1024 + 2) && tell(fd, "0\r\n\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 413); /* a little more is read to its end */
    close(fd);

    REQUIRE((fd = dial(&f)) >= 0);
    CHECK(tell(fd, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    for (i = 0; i < 16 * 1024 && !gone; i++)
        gone = !say(fd, chunk, 5 + 1024 + 2);
    CHECK(gone); /* an endless one is not */
    test_note("cut after %d KiB", i);
    close(fd);
}

TEST(expect_continue_is_answered_before_the_body_travels)
{
    SERVER(f, tables);
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 100);
    CHECK(tell(fd, "abc"));
    hear(fd, 1, &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":3"));
    close(fd);

    REQUIRE((fd = dial(&f)) >= 0);
    CHECK(tell(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 413);
    CHECK(!strstr(h.text, "100 Continue"));
    close(fd);
}

/* ---- memory for bodies --------------------------------------------------------------------------------------------------- */

/* A request of 1 MiB of which all but the last byte has been sent; -1: it did not work. */
static int begin_large(const struct server_fixture *f)
{
    enum { LEN = 1024 * 1024 };
    static const char head[] = "POST /evidence HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n";
    char *body = calloc(1, LEN);
    int fd = body ? dial(f) : -1;

    if (fd >= 0 && (!say(fd, head, sizeof head - 1) || !say(fd, body, LEN - 1))) {
        close(fd);
        fd = -1;
    }
    free(body);
    return fd;
}

static bool comes_to_hold(const struct server_fixture *f, uint64_t bytes)
{
    for (size_t ms = 0; ms < PATIENCE_MS && http_server_stats(f->server).body_bytes != bytes; ms += 10)
        usleep(10 * 1000);
    return http_server_stats(f->server).body_bytes == bytes;
}

TEST(large_bodies_share_a_budget_and_small_ones_pass_beside_them)
{
    enum { ROOM = 4, MORE = 3 };
    SERVER(f, tables, f.config.max_body_memory = ROOM * 1024 * 1024);
    int held[ROOM];
    struct heard h;

    for (size_t i = 0; i < ROOM; i++) {
        held[i] = begin_large(&f);
        REQUIRE(held[i] >= 0);
    }
    CHECK(comes_to_hold(&f, ROOM * 1024 * 1024));
    for (size_t i = 0; i < MORE; i++) {
        post(&f, "/evidence", 1024 * 1024, &h);
        CHECK_INT(status_of(&h), 503);
        CHECK(strstr(h.text, "Retry-After: 5") && strstr(h.text, "ServiceUnavailable"));
    }
    CHECK_INT(http_server_stats(f.server).body_bytes, ROOM * 1024 * 1024); /* what is refused holds nothing */
    post(&f, "/evidence", LIMIT_SMALL_BODY_BYTES, &h);
    CHECK_INT(status_of(&h), 200);
    post(&f, "/body", 10, &h);
    CHECK_INT(status_of(&h), 200);
    CHECK(say(held[0], "x", 1));
    hear(held[0], 1, &h);
    CHECK(status_of(&h) == 200 && strstr(h.text, "\"len\":1048576"));
    close(held[0]);
    CHECK(comes_to_hold(&f, (ROOM - 1) * 1024 * 1024)); /* given back when the answer is through, a little behind its last byte */
    post(&f, "/evidence", 1024 * 1024, &h);             /* what one gave back is another's */
    CHECK_INT(status_of(&h), 200);
    for (size_t i = 1; i < ROOM; i++)
        close(held[i]);
}

static struct connection *from(struct connections *all, const char *address)
{
    struct sockaddr_in in = { .sin_family = AF_INET };

    inet_pton(AF_INET, address, &in.sin_addr);
    return connections_add(all, -1, (const struct sockaddr *)&in);
}

TEST(one_address_holds_an_eighth_of_that_budget_whatever_number_of_connections_it_has)
{
    enum { MIB = 1024 * 1024 };
    struct connections all = { .max_held = 64 * MIB, .deadline_ms = 1000 };
    struct connection *many[9], *other, *proxy;

    pthread_mutex_init(&all.lock, NULL);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = from(&all, "192.0.2.1");
    other = from(&all, "192.0.2.2");
    proxy = from(&all, "127.0.0.1");
    for (size_t i = 0; i < 8; i++)
        CHECK(connection_hold(&all, many[i], MIB));
    CHECK(!connection_may_hold(&all, many[8], MIB) && !connection_hold(&all, many[8], MIB));
    CHECK(!connection_hold(&all, many[0], 2 * MIB)); /* nor may one of them grow */
    CHECK(connection_hold(&all, many[8], LIMIT_SMALL_BODY_BYTES));
    CHECK(connection_hold(&all, other, 8 * MIB) && !connection_hold(&all, other, 8 * MIB + 1));
    CHECK(connection_hold(&all, proxy, 48 * MIB) && !connection_hold(&all, proxy, 48 * MIB + 1));
    connection_let_go(&all, many[0]);
    CHECK(connection_hold(&all, many[8], MIB));
    CHECK_INT(connections_held(&all), 64 * MIB);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        connections_remove(&all, many[i]);
    connections_remove(&all, other);
    connections_remove(&all, proxy);
    CHECK_INT(connections_held(&all), 0);
    pthread_mutex_destroy(&all.lock);
}

TEST(long_headers_and_addresses_are_refused_with_our_error_body)
{
    static const struct {
        const char *before, *after;
        size_t len;
        int status;
    } cases[] = {
        { "GET /small?x=", " HTTP/1.1\r\n" HOST "\r\n", 8000, 204 },
        { "GET /small?x=", " HTTP/1.1\r\n" HOST "\r\n", 8200, 414 },
        { "GET /small HTTP/1.1\r\n" HOST "X-Long: ", "\r\n\r\n", 16000, 204 },
        { "GET /small HTTP/1.1\r\n" HOST "X-Long: ", "\r\n\r\n", 16400, 431 },
    };
    SERVER(f, tables);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char request[40000];
        struct heard h;
        size_t n = strlen(cases[i].before);

        strcpy(request, cases[i].before);
        memset(request + n, 'x', cases[i].len);
        strcpy(request + n + cases[i].len, cases[i].after);
        ask(&f, request, &h);
        CHECK_INT(status_of(&h), cases[i].status);
        CHECK(cases[i].status == 204 || strstr(h.text, "{\"error\":{\"code\":"));
    }
    static char many[20000] = "GET /small HTTP/1.1\r\n" HOST;
    struct heard h;
    for (int i = 0; i < 200; i++)
        strcat(many, "X: y\r\n");
    strcat(many, "\r\n");
    ask(&f, many, &h);
    CHECK_INT(status_of(&h), 431);
}

/* Sends the letters of `text` over and over, one now and then; true when the other side has gone in the end. */
static bool drip(int fd, const char *text)
{
    int64_t until = clock_monotonic_ms() + PATIENCE_MS;
    char byte;

    for (size_t i = 0; clock_monotonic_ms() < until; i++) {
        struct pollfd p = { fd, POLLIN, 0 };

        if (*text && send(fd, text + i % strlen(text), 1, MSG_NOSIGNAL) != 1)
            return true;
        if (poll(&p, 1, 50) == 1 && recv(fd, &byte, 1, 0) <= 0)
            return true;
    }
    return false;
}

TEST(a_client_that_drips_bytes_is_cut_off_at_the_deadline_wherever_it_is)
{
    static const char *const starts[] = {
        "",
        "GET /small HTTP/1.1\r\n",
        "POST /body HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n",
    };
    SERVER(f, tables, f.config.deadline_ms = 500);

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        int64_t began = clock_monotonic_ms();
        int fd = dial(&f);

        REQUIRE(fd >= 0);
        CHECK(say(fd, starts[i], strlen(starts[i])));
        CHECK(drip(fd, "X-Slow-Header-That-Never-Ends: a")); /* each byte in time: only a deadline of the whole ends it */
        CHECK(clock_monotonic_ms() - began >= 500);
        close(fd);
    }
    CHECK_INT(http_server_stats(f.server).deadlines_hit, 3);
}

TEST(silence_after_an_answer_is_cut_off_too_but_a_working_handler_is_not)
{
    SERVER(f, tables, f.config.deadline_ms = DEADLINE_MS);
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK(tell(fd, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 204);
    CHECK(tell(fd, "GET /small HTTP/1.1\r\n" HOST "\r\n")); /* the clock has started again */
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), 204);
    CHECK(drip(fd, ""));
    close(fd);
}

TEST(one_address_gets_so_many_connections)
{
    SERVER(f, tables, f.config.max_per_loopback = 3);
    int fds[4];
    struct heard h;

    for (int i = 0; i < 4; i++) {
        REQUIRE((fds[i] = dial(&f)) >= 0);
        tell(fds[i], "GET /small HTTP/1.1\r\n" HOST "\r\n");
        hear(fds[i], 1, &h);
        CHECK_INT(status_of(&h), i < 3 ? 204 : -1);
        CHECK(h.closed == (i == 3));
    }
    CHECK_INT(http_server_stats(f.server).connections_refused, 1);
    close(fds[0]);
    for (int ms = 0; ms < PATIENCE_MS && http_server_stats(f.server).connections_open == 3; ms += 10)
        usleep(10 * 1000); /* the server hears of it a little later */
    ask(&f, "GET /small HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(status_of(&h), 204);
    for (int i = 1; i < 4; i++)
        close(fds[i]);
}

TEST(when_all_places_are_taken_by_idle_clients_a_new_one_is_still_served)
{
    enum { IDLE = 40 };
    SERVER(f, tables, f.config.max_connections = IDLE);
    int fds[IDLE];
    struct heard h;

    for (int i = 0; i < IDLE; i++)
        REQUIRE((fds[i] = dial(&f)) >= 0);
    for (int i = 0; i < 5; i++) {
        ask(&f, "GET /small HTTP/1.1\r\n" HOST "\r\n", &h);
        CHECK_INT(status_of(&h), 204);
    }
    CHECK_INT(http_server_stats(f.server).connections_refused, 0);
    for (int i = 0; i < IDLE; i++)
        close(fds[i]);
}

TEST(a_request_cut_anywhere_gets_no_answer_from_a_handler)
{
    static const char whole[] = "POST /body HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde";
    SERVER(f, tables, f.config.deadline_ms = DEADLINE_MS);
    int fds[sizeof whole];

    for (size_t n = 0; n < sizeof whole; n++) {
        REQUIRE((fds[n] = dial(&f)) >= 0);
        CHECK(say(fds[n], whole, n));
        shutdown(fds[n], SHUT_WR);
    }
    for (size_t n = 0; n < sizeof whole; n++) {
        struct heard h;

        hear(fds[n], 1, &h);
        CHECK((status_of(&h) == 200) == (n == sizeof whole - 1));
        close(fds[n]);
    }
}
