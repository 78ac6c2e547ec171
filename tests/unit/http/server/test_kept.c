/* Connections of agents wait from one heartbeat to the next: whose, how many, how long, and what ends them. */
#include <linux/filter.h>
#include "base/limits.h"
#include "http/client/internal.h"
#include "http/server/connections.h"
#include "tls_fixture.h"

#define AGENT   "GET /agent HTTP/1.1\r\n" HOST "Authorization: agent\r\n\r\n"
#define ANYBODY "GET /small HTTP/1.1\r\n" HOST "\r\n"

/* The deadline of others is waited for, but has to be enough for a request on a busy machine. */
enum { KEPT_MS = 60 * 60 * 1000, DEADLINE_MS = 1000 };

static bool refuse(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    return http_response_error(response, 400, "No", NULL, "no");
}

static bool identify(void *context UNUSED, const struct http_request *request UNUSED, struct http_caller *ret, struct err *err UNUSED)
{
    *ret = (struct http_caller){ .role = HTTP_AGENT, .subject = "vm" };
    return true;
}

static const struct http_route routes[] = {
    { "GET", "/small", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, nothing, 0 },
    { "GET", "/agent", HTTP_AGENT, 0, HTTP_NO_BODY, nothing, 0 },
    { "GET", "/refused", HTTP_AGENT, 0, HTTP_NO_BODY, refuse, 0 },
};
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

static int ask_and_stay(const struct server_fixture *f, const char *request, int status)
{
    int fd = dial(f);
    struct heard h;

    CHECK(fd >= 0 && tell(fd, request));
    hear(fd, 1, &h);
    CHECK_INT(status_of(&h), status);
    return fd;
}

/* The answer arrives a moment before the connection is counted. */
static uint64_t kept_after_a_while(const struct server_fixture *f, uint64_t awaited)
{
    for (int ms = 0; ms < PATIENCE_MS && http_server_stats(f->server).connections_kept != awaited; ms += 10)
        usleep(10 * 1000);
    return http_server_stats(f->server).connections_kept;
}

static bool is_closed_by_server(int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    char byte;

    return poll(&p, 1, PATIENCE_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

TEST(an_agents_connection_outlives_the_deadline_of_others_and_is_gone_on_with)
{
    SERVER(f, tables, f.config.deadline_ms = DEADLINE_MS, f.config.kept_ms = KEPT_MS, f.config.identify = identify);
    int agent = ask_and_stay(&f, AGENT, 204), other = ask_and_stay(&f, ANYBODY, 204);
    struct heard h;

    CHECK_INT(kept_after_a_while(&f, 1), 1);
    CHECK(is_closed_by_server(other));
    for (int i = 0; i < 3; i++) {
        CHECK(tell(agent, AGENT));
        hear(agent, 1, &h);
        CHECK_INT(status_of(&h), 204);
    }
    CHECK_INT(http_server_stats(f.server).connections_made, 2);
    CHECK_INT(kept_after_a_while(&f, 1), 1);
    CHECK(tell(agent, ANYBODY)); /* whoever speaks last on it decides */
    hear(agent, 1, &h);
    CHECK_INT(status_of(&h), 204);
    CHECK(is_closed_by_server(agent));
    CHECK_INT(kept_after_a_while(&f, 0), 0);
    close(agent);
    close(other);
}

TEST(a_request_on_a_kept_connection_has_no_more_time_than_others)
{
    SERVER(f, tables, f.config.deadline_ms = DEADLINE_MS, f.config.kept_ms = KEPT_MS, f.config.identify = identify);
    int agent = ask_and_stay(&f, AGENT, 204);

    CHECK_INT(kept_after_a_while(&f, 1), 1);
    CHECK(tell(agent, "GET /agent HTTP/1.1\r\nHost: ")); /* and no more */
    CHECK(is_closed_by_server(agent));
    close(agent);
}

TEST(only_agents_that_were_answered_well_are_kept_and_nobody_where_it_is_off)
{
    SERVER(f, tables, f.config.kept_ms = KEPT_MS, f.config.identify = identify);
    SERVER(off, tables, off.config.identify = identify);
    int fds[] = { ask_and_stay(&f, ANYBODY, 204), ask_and_stay(&f, "GET /refused HTTP/1.1\r\n" HOST "Authorization: agent\r\n\r\n", 400),
                  ask_and_stay(&f, "GET /agent HTTP/1.1\r\n" HOST "\r\n", 401), ask_and_stay(&f, AGENT, 204),
                  ask_and_stay(&off, AGENT, 204) };

    CHECK_INT(kept_after_a_while(&f, 1), 1);
    CHECK_INT(kept_after_a_while(&off, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    CHECK_INT(kept_after_a_while(&f, 0), 0);
}

/* Counting, without a server: addresses as they are on a network. */

struct many {
    struct connections all;
    struct connection *c[8];
    int fds[8][2];
    size_t n;
};

static void many_done(struct many *m)
{
    for (size_t i = 0; i < m->n; i++) {
        connections_remove(&m->all, m->c[i]);
        close(m->fds[i][0]);
        close(m->fds[i][1]);
    }
    connections_done(&m->all);
}

static struct sockaddr_in address(uint8_t host)
{
    struct sockaddr_in a = { .sin_family = AF_INET };

    a.sin_addr.s_addr = htonl(0xc0000200u | host); /* 192.0.2.0/24 */
    return a;
}

static bool admit(struct many *m, uint8_t host)
{
    struct sockaddr_in from = address(host);

    return connections_admit(&m->all, (struct sockaddr *)&from, sizeof from);
}

/* A second after it was opened: then it may be cut for others. */
static struct connection *add(struct many *m, uint8_t host, bool keep)
{
    struct sockaddr_in from = address(host);
    struct connection *c;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, m->fds[m->n]) == 0);
    c = m->c[m->n] = connections_add(&m->all, m->fds[m->n][0], (struct sockaddr *)&from);
    m->n++;
    c->opened_ms -= 2000;
    if (keep)
        connection_keep(&m->all, c);
    c->since_ms += (int64_t)m->n; /* one after the other */
    return c;
}

#define MANY(m)                                                                                                                 \
    CLEANUP(many_done) struct many m = { .all = { .max = 6, .max_per_address = 4, .deadline_ms = 60000, .kept_ms = KEPT_MS } }; \
    struct err err = ERR_INIT;                                                                                                  \
    REQUIRE_OK(connections_init(&m.all, &err), err)

TEST(half_of_all_connections_and_half_of_an_addresss_are_kept)
{
    MANY(m);

    CHECK(add(&m, 1, true)->kept && add(&m, 1, true)->kept);
    CHECK(!add(&m, 1, true)->kept); /* of four */
    CHECK(add(&m, 2, true)->kept);
    CHECK(!add(&m, 3, true)->kept); /* of six */
    CHECK_INT(connections_kept(&m.all), 3);
    connection_start_clock(&m.all, m.c[0]);
    CHECK_INT(connections_kept(&m.all), 2);
    connection_keep(&m.all, m.c[1]); /* which has its place already */
    CHECK(m.c[1]->kept);
    connection_keep(&m.all, m.c[4]);
    CHECK(m.c[4]->kept);
    CHECK_INT(connections_kept(&m.all), 3);
}

TEST(what_is_kept_makes_room_for_who_has_something_to_say)
{
    MANY(m);

    for (uint8_t i = 0; i < 4; i++)
        add(&m, 1, i < 2);
    CHECK(admit(&m, 1) && m.c[0]->cut && !m.c[1]->cut); /* its address has no place left */
    CHECK(admit(&m, 1) && m.c[1]->cut);
    CHECK(!admit(&m, 1) && !m.c[2]->cut && !m.c[3]->cut); /* these are not only kept */
    for (uint8_t i = 0; i < 2; i++)
        add(&m, 2, true);
    m.c[5]->since_ms -= 100; /* the one that has waited longest */
    CHECK(admit(&m, 3) && m.c[5]->cut && !m.c[4]->cut);
}

TEST(a_kept_connection_does_not_outlive_its_certificate_or_half_a_day)
{
    MANY(m);
    struct connection *old = add(&m, 1, false), *young = add(&m, 2, true);

    old->opened_ms -= INT64_C(1000) * LIMIT_HTTP_CONNECTION_LIFE_SECONDS;
    connection_keep(&m.all, old);
    CHECK(!old->kept && young->kept);
    CHECK(young->deadline_ms > clock_monotonic_ms() + KEPT_MS / 2);
    connections_outdate(&m.all);
    CHECK(!young->kept && young->deadline_ms <= clock_monotonic_ms() + 60000);
    connection_keep(&m.all, young);
    CHECK(!young->kept);
    CHECK(add(&m, 3, true)->kept);
    CHECK_INT(connections_kept(&m.all), 1);
}

/* The client's side. */

TEST(a_client_goes_on_with_its_connection_until_a_certificate_of_the_server_expires)
{
    CERTIFICATES(c, "IP:127.0.0.1", 10);
    SERVER(f, tables, f.config.plain = false, f.config.cert_pem = c.cert, f.config.key_pem = c.key);
    struct http_client_config config = { .ca_pem = c.ca, .kept_seconds = 3600 };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    char url[128];
    struct http_call call = { .method = "GET", .url = url };
    struct http_answer answer;
    int on = 0;
    socklen_t len = sizeof on;

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/small", http_server_port(f.server));
    for (int i = 0; i < 3; i++)
        REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    CHECK_INT(http_server_stats(f.server).connections_made, 1);
    CHECK(getsockopt(client->sockets[0], SOL_SOCKET, SO_KEEPALIVE, &on, &len) == 0 && on); /* the kernel looks after it */
    CHECK(client->peer.expires_ms > clock_now_ms() + INT64_C(9) * 86400000);
    CHECK(client->peer.expires_ms < clock_now_ms() + INT64_C(11) * 86400000); /* the leaf's ten days, not the CA's thirty */
    client->peer.expires_ms = clock_now_ms();
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    CHECK_INT(http_server_stats(f.server).connections_made, 2);
    CHECK(!client->peer.resumed); /* everything is asked anew */
    CHECK(client->peer.expires_ms > clock_now_ms());
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    CHECK_INT(http_server_stats(f.server).connections_made, 2);
}

/* The server's end of the client's connection hears nothing from now on, and says nothing: as if a firewall had forgotten it. */
static bool silence(int client_fd)
{
    struct sock_filter drop[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
    struct sock_fprog program = { ARRAY_LEN(drop), drop };
    struct sockaddr_in own, other;
    socklen_t len = sizeof own;

    if (getsockname(client_fd, (struct sockaddr *)&own, &len) != 0)
        return false;
    for (int fd = 0; fd < 1024; fd++) {
        len = sizeof other;
        if (getpeername(fd, (struct sockaddr *)&other, &len) == 0 && other.sin_family == AF_INET && other.sin_port == own.sin_port)
            return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
    }
    return false;
}

TEST(a_kept_connection_that_leads_nowhere_is_replaced_before_anybody_waits_for_an_answer)
{
    SERVER(f, tables);
    struct http_client_config config = { .kept_seconds = 3600, .first_byte_timeout_ms = 30000 };
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    char url[128];
    struct http_call call = { .method = "GET", .url = url };
    struct http_answer answer;
    enum http_failure failure;

    REQUIRE_OK(http_client_new(&config, &client, &f.err), f.err);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/small", http_server_port(f.server));
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    REQUIRE(silence(client->sockets[0]));
    REQUIRE_OK(http_client_send(client, &a, &call, &answer, NULL, &f.err), f.err);
    CHECK_INT(answer.status, 204);
    CHECK_INT(http_server_stats(f.server).connections_made, 2);
    CHECK_INT(http_server_stats(f.server).requests, 2);

    REQUIRE(silence(client->sockets[0])); /* and when there is no other way: what is wrong with a new connection */
    http_server_stop(f.server, 0);
    f.server = NULL;
    CHECK(!http_client_send(client, &a, &call, &answer, &failure, &f.err));
    CHECK_INT(failure, HTTP_FAILURE_CONNECT_REFUSED);
}
