/* Clients that come again after their connection was closed: what is saved, and what is never left out. The clock is this program's. */
#include <time.h>
#include "http/client/client.h"
#include "tls_fixture.h"
#include "x509/tls_peer.h"

static const struct http_route routes[] = { { "GET", "/health", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, nothing, 0 } };
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };
static time_t ahead; /* of the real time, for everybody in this process */

/* Instead of libc's, for libcrypto and GnuTLS as well. */
time_t time(time_t *ret)
{
    struct timespec now = { 0 };

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec + ahead;
    return now.tv_sec + ahead;
}

#define TLS_SERVER(f, c) SERVER(f, tables, f.config.plain = false, f.config.cert_pem = c.cert, f.config.key_pem = c.key)

/* A request after which the connection is closed. */
static enum http_failure come(struct http_client *client, const struct server_fixture *f, const char *host)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct http_field close = { BYTES_LIT("Connection"), BYTES_LIT("close") };
    char url[128];
    struct http_call call = { .method = "GET", .url = url, .headers = &close, .n_headers = 1 };
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct http_answer answer;
    struct err err = ERR_INIT;

    snprintf(url, sizeof url, "https://%s:%u/health", host, http_server_port(f->server));
    if (!http_client_send(client, &a, &call, &answer, &failure, &err))
        test_note("%s", err.text);
    return failure;
}

static bool resumed(const struct http_client *client) { return http_client_trace(client)->peer->resumed; }

TEST(a_client_that_comes_again_goes_on_from_its_earlier_handshake)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
        CHECK_INT(resumed(client), i > 0);
        CHECK_STRING(http_client_trace(client)->peer->version, "TLSv1.3");
        CHECK_INT(http_client_trace(client)->peer->n_chain, 1); /* who it is can be shown all the same */
    }
}

TEST(a_ticket_holds_for_a_day_and_not_for_long)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;

    ahead = 0;
    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    ahead = 24 * 3600;
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(resumed(client));
    ahead += 27 * 3600;
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(!resumed(client));
    ahead = 0;
}

TEST(a_session_whose_certificate_has_expired_is_not_gone_on_with)
{
    CERTIFICATES(c, "IP:127.0.0.1", 1);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;

    ahead = 0;
    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    ahead = 25 * 3600; /* the ticket would do for another hour */
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_TLS_TIME);
    CHECK(!resumed(client)); /* what is told is about the certificate that the server has now */
    ahead = 0;
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
}

TEST(a_new_certificate_of_the_server_ends_the_sessions_of_the_old_one)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    CERTIFICATES(next, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct arena a CLEANUP(arena_done) = { 0 };
    char *both = arena_printf(&a, "%.*s%.*s", BYTES_FMT(c.ca), BYTES_FMT(next.ca));
    struct http_client_config config = { .ca_pem = bytes_of_string(both) };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    struct bytes first;

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(arena_copy(&a, http_client_trace(client)->peer->chain[0], &first));
    REQUIRE_OK(http_server_replace_certificate(f.server, next.cert, next.key, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(!resumed(client) && !bytes_equal(http_client_trace(client)->peer->chain[0], first));
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(resumed(client));
}

TEST(a_session_is_for_the_name_that_it_began_with)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    struct http_client_config config = { .ca_pem = c.ca };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK_INT(come(client, &f, "localhost"), HTTP_FAILURE_TLS_NAME);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
}

/* One request after which the connection is kept. */
static enum http_failure stay(struct http_client *client, const struct server_fixture *f)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    char url[128];
    struct http_call call = { .method = "GET", .url = url };
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct http_answer answer;
    struct err err = ERR_INIT;

    snprintf(url, sizeof url, "https://127.0.0.1:%u/health", http_server_port(f->server));
    if (!http_client_send(client, &a, &call, &answer, &failure, &err))
        test_note("%s", err.text);
    return failure;
}

TEST(another_file_of_ca_certificates_ends_sessions_and_connections)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    CERTIFICATES(other, "IP:127.0.0.1", 10);
    TLS_SERVER(f, c);
    char path[128];
    struct http_client_config config = { .ca_file = path };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;

    snprintf(path, sizeof path, "%s/ca.pem", c.folder);
    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK_INT(stay(client, &f), HTTP_FAILURE_NONE);
    REQUIRE_OK(file_write(path, other.ca, 0600, &f.err), f.err);
    CHECK_INT(stay(client, &f), HTTP_FAILURE_TLS_UNTRUSTED);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_TLS_UNTRUSTED);
    REQUIRE_OK(file_write(path, c.ca, 0600, &f.err), f.err);
    CHECK_INT(come(client, &f, "127.0.0.1"), HTTP_FAILURE_NONE);
    CHECK(!resumed(client));
}
