#include <fcntl.h>
#include "http/client/client.h"
#include "tls_fixture.h"

static const struct http_route routes[] = { { "POST", "/echo/{what}", HTTP_ANONYMOUS, 100000, HTTP_JSON, echo, 0 },
                                            { "GET", "/health", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, nothing, 0 } };
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

#define TLS_SERVER(f, c, ...) SERVER(f, tables, f.config.plain = false, f.config.cert_pem = c.cert, f.config.key_pem = c.key, ##__VA_ARGS__)

/* One request with a client of its own. */
static enum http_failure get(const struct server_fixture *f, struct bytes ca, const char *host, struct http_answer *ret, struct arena *a)
{
    struct http_client_config config = { .ca_pem = ca, .total_timeout_ms = PATIENCE_MS };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    enum http_failure failure = HTTP_FAILURE_LOCAL;
    struct err err = ERR_INIT;
    char url[128];
    struct http_call call = { .method = "GET", .url = url };

    snprintf(url, sizeof url, "https://%s:%u/health", host, http_server_port(f->server));
    if (http_client_new(&config, &client, &err) && !http_client_send(client, a, &call, ret, &failure, &err))
        test_note("%s", err.text);
    return failure;
}

TEST(our_client_and_server_talk_over_tls)
{
    CERTIFICATES(c, "IP:127.0.0.1,DNS:localhost", 10);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    struct arena a = { 0 };
    struct http_answer answer;
    char url[128], id[64];
    static char body[50000];
    struct http_call call = { .method = "POST", .url = url };

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/echo/a%%20b", http_server_port(f.server));
    memset(body, ' ', sizeof body);
    body[0] = '1';
    call.body = BYTES_OF(body);
    for (int i = 0; i < 5; i++) {
        struct http_field header = { BYTES_LIT("x-ms-client-request-id"), { (const uint8_t *)id, 0 } };

        header.value.len = (size_t)snprintf(id, sizeof id, "request-%d", i);
        call.headers = &header;
        call.n_headers = 1;
        REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
        CHECK_INT(answer.status, 200);
        CHECK(bytes_find(answer.body, BYTES_LIT("\"param\":\"a b\"")) != SIZE_MAX);
        CHECK(bytes_find(answer.body, BYTES_LIT("\"len\":50000")) != SIZE_MAX);
        CHECK_BYTES(http_answer_header(&answer, "X-MS-Client-Request-Id"), header.value);
    }
    CHECK_INT(http_server_stats(f.server).connections_open, 1); /* one connection for all */
    arena_done(&a);
}

TEST(a_certificate_that_does_not_hold_is_told_apart)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    CERTIFICATES(other, "DNS:elsewhere.example", 10);
    TLS_SERVER(f, c);
    struct http_answer answer;
    struct arena a = { 0 };

    CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_NONE);
    CHECK_INT(get(&f, other.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_TLS_UNTRUSTED);
    CHECK_INT(get(&f, c.ca, "localhost", &answer, &a), HTTP_FAILURE_TLS_NAME);
    CHECK_INT(get(&f, BYTES_LIT("no certificate"), "127.0.0.1", &answer, &a), HTTP_FAILURE_CA_FILE);
    arena_done(&a);
}

TEST(an_expired_certificate_points_at_the_clock)
{
    CERTIFICATES(c, "IP:127.0.0.1", -1);
    TLS_SERVER(f, c);
    struct http_answer answer;
    struct arena a = { 0 };

    CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_TLS_TIME);
    arena_done(&a);
}

TEST(the_certificate_changes_while_the_server_runs_and_open_connections_stay)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    CERTIFICATES(next, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    struct arena a = { 0 };
    struct http_answer answer;
    char url[128];
    struct http_call call = { .method = "GET", .url = url };

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/health", http_server_port(f.server));
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    CHECK(!http_server_replace_certificate(f.server, next.cert, c.key, &f.err) && f.err.code == ERR_MALFORMED);
    test_note("%s", f.err.text);
    CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_NONE);
    REQUIRE_OK(http_server_replace_certificate(f.server, next.cert, next.key, &f.err), f.err);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(get(&f, next.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_NONE);
        CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_TLS_UNTRUSTED);
    }
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err); /* over the connection it has */
    CHECK_INT(answer.status, 204);
    REQUIRE_OK(http_server_replace_certificate(f.server, c.cert, c.key, &f.err), f.err);
    CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_NONE);
    arena_done(&a);
}

TEST(a_certificate_and_a_key_that_do_not_fit_are_refused_at_the_start)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    CERTIFICATES(other, "IP:127.0.0.1", 10);
    CLEANUP(fixture_done) struct server_fixture f = { 0 };

    REQUIRE(fixture_prepare(&f, tables, ARRAY_LEN(tables)));
    f.config.plain = false;
    CHECK(!fixture_start(&f) && f.err.code == ERR_MALFORMED);
    f.config.cert_pem = c.cert;
    f.config.key_pem = other.key;
    CHECK(!fixture_start(&f) && f.err.code == ERR_MALFORMED);
    test_note("%s", f.err.text);
    f.config.key_pem = BYTES_LIT("rubbish");
    CHECK(!fixture_start(&f) && f.err.code == ERR_MALFORMED);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

TEST(refused_certificates_and_stopped_servers_leave_no_descriptor_behind)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    int before = open_descriptors();

    for (int i = 0; i < 3; i++) {
        TLS_SERVER(f, c);
        int running = open_descriptors();

        CHECK(!http_server_replace_certificate(f.server, BYTES_LIT("x"), c.key, &f.err));
        CHECK(!http_server_replace_certificate(f.server, c.cert, BYTES_LIT("x"), &f.err));
        CHECK_INT(open_descriptors(), running);
        REQUIRE_OK(http_server_replace_certificate(f.server, c.cert, c.key, &f.err), f.err);
    }
    CHECK_INT(open_descriptors(), before);
}

/* What the openssl command says about a connection with these options. */
static bool connects(const struct server_fixture *f, const char *options)
{
    char command[256];

    snprintf(command, sizeof command, "openssl s_client %s -connect 127.0.0.1:%u </dev/null 2>/dev/null | grep -q '^New, TLSv1'", options,
             http_server_port(f->server));
    return system(command) == 0;
}

TEST(only_tls_1_2_and_1_3_are_spoken)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);

    CHECK(connects(&f, "-tls1_3"));
    CHECK(connects(&f, "-tls1_2"));
    CHECK(!connects(&f, "-tls1_1 -cipher DEFAULT@SECLEVEL=0"));
    CHECK(!connects(&f, "-tls1_2 -cipher AES128-SHA"));
}

TEST(a_tls_handshake_that_never_comes_is_cut_off)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c, f.config.deadline_ms = 2000); /* a handshake has to fit, on a busy machine, too */
    struct http_answer answer;
    struct arena a = { 0 };
    struct heard h;
    int fd = dial(&f);

    REQUIRE(fd >= 0);
    CHECK_INT(get(&f, c.ca, "127.0.0.1", &answer, &a), HTTP_FAILURE_NONE); /* others are served meanwhile */
    hear(fd, 0, &h);
    CHECK(h.closed && h.len == 0);
    CHECK(http_server_stats(f.server).deadlines_hit >= 1);
    close(fd);
    arena_done(&a);
}

TEST(plain_http_on_the_tls_port_gets_nothing)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct heard h;

    ask(&f, "GET /health HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(h.closed && status_of(&h) == -1);
}

/* The SPKI's SHA-256 of the leaf, hexadecimal: what net.pins takes. */
static bool pin_of(const struct certificates *c, char out[static 65])
{
    char command[300];
    FILE *pipe;
    size_t n;

    snprintf(command, sizeof command, "openssl x509 -in %s/leaf.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum",
             c->folder);
    if (!(pipe = popen(command, "r")))
        return false;
    n = fread(out, 1, 64, pipe);
    out[n] = 0;
    return pclose(pipe) == 0 && n == 64;
}

TEST(a_pinned_key_passes_and_any_other_does_not)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char pin[65], both[200], url[64];
    const struct {
        const char *pins;
        enum http_failure failure;
    } cases[] = { { pin, HTTP_FAILURE_NONE }, { both, HTTP_FAILURE_NONE }, { other, HTTP_FAILURE_TLS_UNTRUSTED } };

    REQUIRE(pin_of(&c, pin));
    snprintf(both, sizeof both, "%s, sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= %s", other, pin);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/health", http_server_port(f.server));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_client_config config = { .ca_pem = c.ca, .pins = cases[i].pins };
        CLEANUP(http_client_free_at) struct http_client *client = NULL;
        struct http_call call = { .method = "GET", .url = url };
        struct arena a CLEANUP(arena_done) = { 0 };
        enum http_failure failure = HTTP_FAILURE_NONE;
        struct http_answer answer;
        bool sent;

        REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
        sent = http_client_send(client, &a, &call, &answer, &failure, &f.err);
        CHECK_INT(sent, cases[i].failure == HTTP_FAILURE_NONE);
        CHECK_INT(failure, cases[i].failure);
    }
    CHECK(strstr(f.err.text, "none of net.pins"));
}

TEST(what_is_no_pin_is_refused_when_the_client_is_made)
{
    static const char *const wrong[] = { "x", "sha256//AAAA", "00", "000000000000000000000000000000000000000000000000000000000000000g" };
    struct http_client *client;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK(!http_client_new(&(struct http_client_config){ .pins = wrong[i] }, &client, &err));
        CHECK_INT(err.code, ERR_MALFORMED);
    }
}
