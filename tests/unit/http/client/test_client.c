#include <stdatomic.h>
#include <sys/wait.h>
#include "http/client/client.h"
#include "http_fixture.h"

static bool big(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    static uint8_t zeros[10000];

    response->content_type = "application/octet-stream";
    write_bytes(&response->body, BYTES_OF(zeros));
    return true;
}

static bool redirect(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response,
                     struct err *err UNUSED)
{
    response->status = 302;
    http_response_header(response, "Location", "http://localhost/elsewhere");
    return true;
}

static atomic_bool waited_long_enough;

static bool late(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    for (int ms = 0; ms < PATIENCE_MS && !waited_long_enough; ms += 10)
        usleep(10 * 1000);
    response->status = 204;
    return true;
}

/* clang-format off */
static const struct http_route routes[] = {
    { "GET",    "/big",      HTTP_ANONYMOUS, 0,    HTTP_NO_BODY,  big,      0 },
    { "GET",    "/redirect", HTTP_ANONYMOUS, 0,    HTTP_NO_BODY,  redirect, 0 },
    { "GET",    "/late",     HTTP_ANONYMOUS, 0,    HTTP_NO_BODY,  late,     0 },
    { "GET",    "/thing",    HTTP_ANONYMOUS, 0,    HTTP_NO_BODY,  echo,     0 },
    { "POST",   "/thing",    HTTP_ANONYMOUS, 1000, HTTP_JSON_OPTIONAL, echo, 0 },
    { "PUT",    "/thing",    HTTP_ANONYMOUS, 1000, HTTP_JSON,     echo,     0 },
    { "DELETE", "/thing",    HTTP_ANONYMOUS, 0,    HTTP_NO_BODY,  nothing,  0 },
};
/* clang-format on */
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

struct sent {
    struct arena arena;
    struct http_answer answer;
    enum http_failure failure;
    struct err err;
    bool ok;
};

static void sent_done(struct sent *s) { arena_done(&s->arena); }

static void send_to(const char *url, const char *method, struct bytes body, struct http_client_config config, struct sent *s)
{
    struct http_call call = { .method = method, .url = url, .body = body };
    struct http_client *client = NULL;

    *s = (struct sent){ .failure = HTTP_FAILURE_LOCAL };
    if (!http_client_new(&config, &client, &s->err))
        return;
    s->ok = http_client_send(client, &s->arena, &call, &s->answer, &s->failure, &s->err);
    if (!s->ok)
        test_note("%s", s->err.text);
    http_client_free(client);
}

static void send_path(const struct server_fixture *f, const char *path, const char *method, struct bytes body,
                      struct http_client_config config, struct sent *s)
{
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(f->server), path);
    send_to(url, method, body, config, s);
}

static bool body_has(const struct sent *s, const char *text) { return bytes_find(s->answer.body, bytes_of_string(text)) != SIZE_MAX; }

TEST(the_methods_carry_what_they_should)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent get = { 0 }, post = { 0 }, empty = { 0 }, put = { 0 }, drop = { 0 }, head = { 0 };

    send_path(&f, "/thing", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &get);
    CHECK(get.ok && get.answer.status == 200 && body_has(&get, "\"method\":\"GET\""));
    send_path(&f, "/thing", "POST", BYTES_LIT("{}"), (struct http_client_config){ 0 }, &post);
    CHECK(post.ok && post.answer.status == 200 && body_has(&post, "\"len\":2"));
    send_path(&f, "/thing", "POST", BYTES_NONE, (struct http_client_config){ 0 }, &empty);
    CHECK(empty.ok && empty.answer.status == 200 && body_has(&empty, "\"len\":0"));
    send_path(&f, "/thing", "PUT", BYTES_LIT("[1]"), (struct http_client_config){ 0 }, &put);
    CHECK(put.ok && put.answer.status == 200 && body_has(&put, "\"method\":\"PUT\"") && body_has(&put, "\"len\":3"));
    send_path(&f, "/thing", "DELETE", BYTES_NONE, (struct http_client_config){ 0 }, &drop);
    CHECK(drop.ok && drop.answer.status == 204 && drop.answer.body.len == 0);
    send_path(&f, "/thing", "HEAD", BYTES_NONE, (struct http_client_config){ 0 }, &head);
    CHECK(head.ok && head.answer.status == 200 && head.answer.body.len == 0);
}

/* Options stay from call to call; what is one call's own does not. */
TEST(a_call_leaves_nothing_for_the_next_one_of_its_client)
{
    static uint8_t large[1000];
    static const struct {
        const char *method, *path;
        size_t sends;
        unsigned status;
        const char *has; /* in the answer's body; NULL: there is none */
    } calls[] = {
        { "POST", "/thing", sizeof large, 200, "\"len\":1000" },
        { "GET", "/thing", 0, 200, "\"len\":0" },
        { "HEAD", "/thing", 0, 200, NULL },
        { "PUT", "/thing", 3, 200, "\"len\":3" },
        { "POST", "/thing", 0, 200, "\"len\":0" },
        { "DELETE", "/thing", 0, 204, NULL },
        { "HEAD", "/big", 0, 200, NULL },
        { "GET", "/nowhere", 0, 404, "" },
        { "POST", "/thing", 2, 200, "\"len\":2" },
    };
    SERVER(f, tables);
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    const struct http_client_config config = { 0 };
    struct err err = ERR_INIT;

    memset(large, ' ', sizeof large);
    memcpy(large, "[1]", 3);
    REQUIRE_OK(http_client_new(&config, &client, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        CLEANUP(sent_done) struct sent s = { .err = ERR_INIT };
        const struct bytes body = calls[i].sends == 2 ? BYTES_LIT("{}") : (struct bytes){ large, calls[i].sends };
        struct http_call call = { .method = calls[i].method, .body = body };

        call.url = arena_printf(&s.arena, "http://127.0.0.1:%u%s", http_server_port(f.server), calls[i].path);
        test_note("%s %s", calls[i].method, calls[i].path);
        REQUIRE_OK(http_client_send(client, &s.arena, &call, &s.answer, &s.failure, &s.err), s.err);
        CHECK_INT(s.answer.status, calls[i].status);
        CHECK(calls[i].has ? body_has(&s, calls[i].has) : s.answer.body.len == 0);
        if (calls[i].has && *calls[i].has)
            CHECK(body_has(&s, arena_printf(&s.arena, "\"method\":\"%s\"", calls[i].method)));
    }
    CHECK_INT(http_server_stats(f.server).connections_made, 1);
}

TEST(an_error_status_is_an_answer)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent s = { 0 };

    send_path(&f, "/nothing", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
    CHECK(s.ok && s.failure == HTTP_FAILURE_NONE && s.answer.status == 404 && body_has(&s, "NotFound"));
    CHECK_BYTES(http_answer_header(&s.answer, "x-ms-error-code"), BYTES_LIT("NotFound"));
    CHECK(!http_answer_header(&s.answer, "x-none").data);
}

/* A token out of a file must not end its line. */
TEST(a_header_is_one_line_or_nothing_is_sent)
{
    static const char *const values[] = { "a\r\nX-Test: b", "a\nX-Test: b", "a\r\n\r\nGET /thing HTTP/1.1", "a\x01", "a\x7f" };
    SERVER(f, tables);
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/thing", http_server_port(f.server));
    for (size_t i = 0; i <= ARRAY_LEN(values); i++) {
        struct http_field field = { BYTES_LIT("X-Other"), i < ARRAY_LEN(values) ? bytes_of_string(values[i]) : BYTES_LIT("a\0b") };
        struct http_call call = { .method = "GET", .url = url, .headers = &field, .n_headers = 1 };
        struct http_client *client CLEANUP(http_client_free_at) = NULL;
        CLEANUP(sent_done) struct sent s = { 0 };

        REQUIRE_OK(http_client_new(&(struct http_client_config){ 0 }, &client, &s.err), s.err);
        CHECK(!http_client_send(client, &s.arena, &call, &s.answer, &s.failure, &s.err));
        CHECK_INT(s.err.code, ERR_MALFORMED);
        CHECK_INT(s.failure, HTTP_FAILURE_LOCAL);
        field = (struct http_field){ BYTES_LIT("X-\r\nTest"), BYTES_LIT("b") };
        CHECK(!http_client_send(client, &s.arena, &call, &s.answer, &s.failure, &s.err));
        field = (struct http_field){ BYTES_LIT("X-Test"), BYTES_LIT("one\ttwo \xc3\xa4") };
        CHECK(http_client_send(client, &s.arena, &call, &s.answer, &s.failure, &s.err));
    }
}

TEST(redirects_are_shown_not_followed)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent s = { 0 };

    send_path(&f, "/redirect", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
    CHECK(s.ok && s.answer.status == 302);
    CHECK_BYTES(http_answer_header(&s.answer, "location"), BYTES_LIT("http://localhost/elsewhere"));
}

TEST(an_answer_may_be_as_large_as_allowed)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent fits = { 0 }, large = { 0 };

    send_path(&f, "/big", "GET", BYTES_NONE, (struct http_client_config){ .max_response = 10000 }, &fits);
    CHECK(fits.ok && fits.answer.body.len == 10000);
    send_path(&f, "/big", "GET", BYTES_NONE, (struct http_client_config){ .max_response = 9999 }, &large);
    CHECK(!large.ok && large.failure == HTTP_FAILURE_TOO_LARGE && large.err.code == ERR_LIMIT);
}

TEST(the_local_socket_is_reached_by_its_path)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent s = { 0 };

    send_to("http://localhost/thing", "GET", BYTES_NONE, (struct http_client_config){ .unix_socket = f.socket }, &s);
    CHECK(s.ok && body_has(&s, "\"local\":true"));
}

/* A socket of ours with a port that is nobody else's; until it listens, connections are refused. */
static int port_holder(unsigned *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, len) != 0 || getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return -1;
    *port = ntohs(at.sin_port);
    return fd;
}

static int listener(unsigned *port)
{
    int fd = port_holder(port);

    return fd >= 0 && listen(fd, 5) == 0 ? fd : -1;
}

TEST(failures_are_told_apart)
{
    SERVER(f, tables);
    struct http_client_config quick = { .total_timeout_ms = 1000 };
    unsigned port;
    int fd = port_holder(&port);
    char url[64];

    REQUIRE(fd >= 0);
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        send_path(&f, "/late", "GET", BYTES_NONE, quick, &s);
        waited_long_enough = true;
        CHECK_INT(s.failure, HTTP_FAILURE_TIMEOUT);
        CHECK_INT(s.err.code, ERR_UNREACHABLE);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", http_server_port(f.server)); /* no TLS there */
        send_to(url, "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
        CHECK_INT(s.failure, HTTP_FAILURE_TLS_PROTO);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
        send_to(url, "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
        CHECK_INT(s.failure, HTTP_FAILURE_CONNECT_REFUSED);
        close(fd);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        send_to("http://no-such-host.invalid/", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
        CHECK_INT(s.failure, HTTP_FAILURE_DNS);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        send_to("ftp://127.0.0.1/", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
        CHECK_INT(s.failure, HTTP_FAILURE_URL);
        CHECK_INT(s.err.code, ERR_MALFORMED);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        send_to("https://127.0.0.1:1/", "GET", BYTES_NONE, (struct http_client_config){ .ca_file = "/nonexistent" }, &s);
        CHECK(s.failure == HTTP_FAILURE_CA_FILE || s.failure == HTTP_FAILURE_CONNECT_REFUSED);
    }
    {
        CLEANUP(sent_done) struct sent s = { 0 };
        send_to("http://192.0.2.1/", "GET", BYTES_NONE, (struct http_client_config){ .connect_timeout_ms = 200 }, &s);
        CHECK(s.failure == HTTP_FAILURE_CONNECT_TIMEOUT || s.failure == HTTP_FAILURE_CONNECT_REFUSED); /* or no route in a sandbox */
    }
}

/* A proxy or server that says one thing to whoever comes. */
static void one_shot(int fd, const char *answer)
{
    char request[2048];
    int peer = accept(fd, NULL, NULL);

    if (peer < 0 || recv(peer, request, sizeof request, 0) <= 0)
        _exit(1);
    say(peer, answer, strlen(answer));
    close(peer);
    _exit(0);
}

TEST(proxies_and_broken_servers_are_told_apart_too)
{
    static const struct {
        const char *answer;
        bool is_proxy;
        enum http_failure failure;
    } cases[] = {
        { "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", true, HTTP_FAILURE_PROXY_AUTH },
        { "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", true, HTTP_FAILURE_PROXY_BLOCK },
        { "", false, HTTP_FAILURE_DROPPED },
        { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", false, HTTP_FAILURE_DROPPED },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, HTTP_FAILURE_NONE },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(sent_done) struct sent s = { 0 };
        struct http_client_config config = { .total_timeout_ms = PATIENCE_MS };
        unsigned port;
        int fd = listener(&port);
        char here[64];
        pid_t child;

        REQUIRE(fd >= 0);
        snprintf(here, sizeof here, "http://127.0.0.1:%u/", port);
        child = fork();
        if (child == 0)
            one_shot(fd, cases[i].answer);
        close(fd);
        config.proxy = cases[i].is_proxy ? here : NULL;
        send_to(cases[i].is_proxy ? "https://verifier.example/" : here, "GET", BYTES_NONE, config, &s);
        CHECK_INT(s.failure, cases[i].failure);
        waitpid(child, NULL, 0);
    }
}

/* Refuses and hangs up, as many do, until the credentials come; then it has another reason. */
static void proxy_that_hangs_up(int fd)
{
    for (;;) {
        char request[2048];
        int peer = accept(fd, NULL, NULL);
        ssize_t n = peer < 0 ? -1 : recv(peer, request, sizeof request - 1, 0);
        const char *answer;

        if (n <= 0)
            _exit(1);
        request[n] = 0;
        answer = strstr(request, "Proxy-Authorization: Basic dXNlcjpwYTpzcw==") ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
                                                                                : "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic "
                                                                                  "realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
        say(peer, answer, strlen(answer));
        close(peer);
    }
}

TEST(a_proxy_that_hangs_up_after_its_question_gets_the_credentials)
{
    static const struct {
        const char *credentials;
        enum http_failure failure;
    } cases[] = { { NULL, HTTP_FAILURE_PROXY_AUTH },
                  { "user:wrong", HTTP_FAILURE_PROXY_AUTH },
                  { "user:pa:ss", HTTP_FAILURE_PROXY_BLOCK } };
    unsigned port;
    int fd = listener(&port);
    char proxy[64];
    pid_t child;

    REQUIRE(fd >= 0);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u/", port);
    child = fork();
    if (child == 0)
        proxy_that_hangs_up(fd);
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(sent_done) struct sent s = { 0 };

        send_to("https://verifier.example/", "GET", BYTES_NONE,
                (struct http_client_config){ .total_timeout_ms = PATIENCE_MS, .proxy = proxy, .proxy_credentials = cases[i].credentials },
                &s);
        CHECK_INT(s.failure, cases[i].failure);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

TEST(loopback_never_goes_through_a_proxy)
{
    SERVER(f, tables);
    CLEANUP(sent_done) struct sent s = { 0 };

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("no_proxy", "example.org", 1);
    send_path(&f, "/thing", "GET", BYTES_NONE, (struct http_client_config){ 0 }, &s);
    CHECK(s.ok && s.answer.status == 200);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
}

TEST(every_failure_has_a_slug_and_a_meaning)
{
    CHECK_STRING(http_failure_slug(HTTP_FAILURE_NONE), "none");
    CHECK_STRING(http_failure_slug(HTTP_FAILURE_TLS_TIME), "tls_time");
    CHECK_STRING(http_failure_slug(HTTP_FAILURE_LOCAL), "local");
    for (int i = 0; i <= HTTP_FAILURE_LOCAL; i++)
        CHECK(*http_failure_slug((enum http_failure)i) && *http_failure_meaning((enum http_failure)i));
}
