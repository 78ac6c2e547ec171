/* Every address of the server, walked: without credentials it answers 401, 403 or 404, unless it is meant for anybody
 * (CVE-2026-1709; attack-suite.md S1). Real TLS, real clients. */
#include "base/clock.h"
#include "http/client/client.h"
#include "http/server/server.h"
#include "management/api_tokens.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* What anybody may call. Whoever adds one says here that it is meant so. */
static const char *const for_anybody[] = {
    "POST /attest/{type}",
    "POST /attest/Tee/{type}", /* the path of 2018-09-01-preview */
    "GET /certs",
    "GET /.well-known/openid-configuration",
    "OPTIONS /certs", /* what browsers ask first */
    "OPTIONS /.well-known/openid-configuration",
    "OPTIONS /providers/{provider}/certs",
    "OPTIONS /providers/{provider}/.well-known/openid-configuration",
    "GET /servicehealth",
    "POST /providers/{provider}/attest/{type}", /* asks for a role itself where the provider wants one */
    "POST /providers/{provider}/attest/Tee/{type}",
    "GET /providers/{provider}/certs",
    "GET /providers/{provider}/.well-known/openid-configuration",
    "GET /providers/{provider}/servicehealth",
    "POST /enroll/v1/begin",
    "POST /enroll/v1/activate",
    "POST /providers/{provider}/enroll/v1/begin",
    "POST /providers/{provider}/enroll/v1/activate",
};

static bool is_for_anybody(const struct http_route *route)
{
    for (size_t i = 0; i < ARRAY_LEN(for_anybody); i++) {
        size_t method = strlen(route->method);
        if (strncmp(for_anybody[i], route->method, method) == 0 && strcmp(for_anybody[i] + method + 1, route->pattern) == 0)
            return true;
    }
    return false;
}

#define EACH_ROUTE(f, route)                              \
    for (size_t t_ = 0; t_ < ARRAY_LEN((f).tables); t_++) \
        for (const struct http_route *route = (f).tables[t_].routes; route < (f).tables[t_].routes + (f).tables[t_].n; route++)

TEST(every_route_declares_who_may_call_it_and_how_much_it_reads)
{
    FIXTURE(f);
    size_t n = 0;

    EACH_ROUTE(f, route)
    {
        struct err err = ERR_INIT;
        bool fine = http_pattern_is_valid(route->pattern, &err) && route->handler && route->max_body <= LIMIT_ATTEST_BODY_BYTES &&
                    (route->content == HTTP_NO_BODY) == (route->max_body == 0) && route->role <= HTTP_OWNER;
        if (!fine)
            test_note("%s %s: %s", route->method, route->pattern, err.text);
        CHECK(fine);
        n++;
    }
    CHECK(n >= 25);
}

TEST(only_the_routes_of_this_list_are_for_anybody)
{
    FIXTURE(f);
    size_t n = 0;

    EACH_ROUTE(f, route)
    {
        bool open = route->role == HTTP_ANONYMOUS;
        if (open != is_for_anybody(route))
            test_note("%s %s", route->method, route->pattern);
        CHECK(open == is_for_anybody(route));
        n += open;
    }
    CHECK_INT(n, ARRAY_LEN(for_anybody));
}

static bool identify(void *context, const struct http_request *request, struct http_caller *ret, struct err *err)
{
    struct fixture *f = context;
    bool ours;

    return monitor_identify_agent(&f->monitor, request, &ours, ret, err) &&
           (ours || api_token_identify(f->store, request, f->management.now_ms(), &ours, ret, err));
}

struct live {
    struct http_server *server;
    struct http_client *client;
    const char *url;
};

static void live_done(struct live *l)
{
    http_client_free(l->client);
    http_server_stop(l->server, 1000);
}

static bool go_live(struct fixture *f, struct live *ret)
{
    static const char *const names[] = { "localhost", "127.0.0.1" };
    const struct privkey *key = test_key(PRIVKEY_P256, 31);
    struct http_server_config config = {
        .listen = "127.0.0.1:0", .tables = f->tables, .n_tables = ARRAY_LEN(f->tables), .identify = identify, .context = f
    };
    struct http_client_config client = { 0 };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    const char *pem;

    fixture_time = clock_now_ms(); /* TLS compares with the real clock */
    if (!ca_issue_tls_server(f->root_ca, names, 2, privkey_public(key), fixture_time, CA_DAY_MS, &cert, &err) ||
        !privkey_to_pem(key, &f->a, &config.key_pem, &err) || !(pem = cert_pem(cert, &f->a)))
        return false;
    config.cert_pem = bytes_of_string(pem);
    client.ca_pem = bytes_of_string(cert_pem(ca_cert(f->root_ca, 0), &f->a));
    if (!http_server_start(&config, &ret->server, &err) || !http_client_new(&client, &ret->client, &err)) {
        test_note("%s", err.text);
        return false;
    }
    ret->url = arena_printf(&f->a, "https://127.0.0.1:%u", http_server_port(ret->server));
    return ret->url != NULL;
}

/* The pattern with something in each placeholder. */
static const char *path_of(struct arena *a, const char *pattern, const char *value)
{
    const char *path = pattern;

    for (const char *open; path && (open = strchr(path, '{'));)
        path = arena_printf(a, "%.*s%s%s", (int)(open - path), path, value, strchr(open, '}') + 1);
    return path;
}

TEST(without_credentials_every_other_route_is_closed_over_tls)
{
    static const char *const credentials[] = { NULL, "Bearer x", "Basic cm9vdDpyb290", "TrueBoot-AK x.y.z" };
    FIXTURE(f);
    CLEANUP(live_done) struct live live = { 0 };
    struct test_vm *vm = fixture_vm(&f, "web1");

    REQUIRE(go_live(&f, &live));
    EACH_ROUTE(f, route)
    {
        bool reads = route->content != HTTP_NO_BODY;
        if (is_for_anybody(route))
            continue;
        for (size_t c = 0; c < ARRAY_LEN(credentials); c++) {
            struct http_field header = { BYTES_LIT("Authorization"), bytes_of_string(credentials[c] ? credentials[c] : "") };
            struct http_call call = { .method = route->method,
                                      .url = arena_printf(&f.a, "%s%s?api-version=2022-08-01", live.url,
                                                          path_of(&f.a, route->pattern, vm->uuid)),
                                      .body = reads ? BYTES_LIT("{}") : BYTES_NONE,
                                      .headers = &header,
                                      .n_headers = credentials[c] != NULL };
            struct http_answer answer;
            struct err err = ERR_INIT;
            if (!http_client_send(live.client, &f.a, &call, &answer, NULL, &err)) {
                test_note("%s %s: %s", route->method, route->pattern, err.text);
                CHECK(false);
                continue;
            }
            if (answer.status != 401 && answer.status != 403 && answer.status != 404)
                test_note("%s %s with %s: %u", route->method, route->pattern, credentials[c] ? credentials[c] : "nothing", answer.status);
            CHECK(answer.status == 401 || answer.status == 403 || answer.status == 404);
        }
    }
}

/* ---- wrong and right credentials ---- */

static const char *new_token(struct fixture *f, const char *role, int days)
{
    struct answer answer;

    fixture_ask(f, &answer, "POST", "/v1/tokens", "{\"name\":\"walk\",\"role\":\"%s\",\"days\":%d}", role, days);
    return arena_printf(&f->a, "Bearer %.*s", BYTES_FMT(json_text(json_get(answer.json, "token"), BYTES_LIT("none"))));
}

/* Status of a call with these credentials; 0: no answer. */
static unsigned call_as(struct fixture *f, const struct live *live, const struct http_route *route, const char *uuid,
                        const char *credentials)
{
    struct http_field header = { BYTES_LIT("Authorization"), bytes_of_string(credentials) };
    struct http_call call = { .method = route->method,
                              .url = arena_printf(&f->a, "%s%s?api-version=2022-08-01", live->url, path_of(&f->a, route->pattern, uuid)),
                              .body = route->content != HTTP_NO_BODY ? BYTES_LIT("{}") : BYTES_NONE,
                              .headers = &header,
                              .n_headers = 1 };
    struct http_answer answer;
    struct err err = ERR_INIT;

    if (http_client_send(live->client, &f->a, &call, &answer, NULL, &err))
        return answer.status;
    test_note("%s %s: %s", route->method, route->pattern, err.text);
    return 0;
}

/* Each route with each role: too low is 403 (401 where the route says so), high enough is neither. Owners' tokens go last: their calls may end
 * what the others need. */
TEST(S1_every_route_is_closed_to_roles_below_its_own_and_open_from_it_on)
{
    static const enum http_role roles[] = { HTTP_READER,         HTTP_ENROLLER,    HTTP_AUDITOR, HTTP_POLICY_ADMIN,
                                            HTTP_SECURITY_ADMIN, HTTP_CONTRIBUTOR, HTTP_OWNER };
    FIXTURE(f);
    CLEANUP(live_done) struct live live = { 0 };

    REQUIRE(go_live(&f, &live));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        EACH_ROUTE(f, route)
        {
            const char *token =
                new_token(&f, http_role_name(roles[i]), 1); /* a new one for each: one route ends the token that it is called with */
            unsigned status, closed = route->forbidden ? route->forbidden : 403;
            bool open = http_role_suffices(roles[i], route->role);

            status = call_as(&f, &live, route, "00000000-0000-4000-8000-0000000000aa", token);
            /* 401 or 403 of an open route is another reason's: the shared provider's policy that nobody changes. */
            if (open ? status == 0 || status == 401 || status >= 500 : status != closed)
                test_note("%s %s as %s: %u", route->method, route->pattern, http_role_name(roles[i]), status);
            CHECK(open ? status != 0 && status != 401 && status < 500 : status == closed);
        }
    }
}

TEST(S1_expired_unknown_and_revoked_tokens_open_nothing)
{
    FIXTURE(f);
    CLEANUP(live_done) struct live live = { 0 };
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *wrong[4];
    struct answer answer;
    struct err err = ERR_INIT;
    const struct store_api_token *rows;
    size_t n;

    REQUIRE(go_live(&f, &live));
    wrong[0] = new_token(&f, "owner", 1);
    REQUIRE(store_api_token_list(f.store, &f.a, NULL, 10, &rows, &n, &err) && n == 1);
    REQUIRE(store_api_token_delete(f.store, rows[0].sha256, &err)); /* revoked */
    wrong[1] = new_token(&f, "owner", 1);
    fixture_time += 25 * 3600 * INT64_C(1000); /* expired */
    wrong[2] = "Bearer tbt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    wrong[3] = arena_printf(&f.a, "%sA", new_token(&f, "owner", 1));
    fixture_ask(&f, &answer, "GET", "/v1/tokens", NULL);
    EACH_ROUTE(f, route)
    {
        for (size_t i = 0; i < ARRAY_LEN(wrong) && route->role != HTTP_ANONYMOUS; i++) {
            unsigned status = call_as(&f, &live, route, vm->uuid, wrong[i]);
            if (status != 401)
                test_note("%s %s with wrong token %zu: %u", route->method, route->pattern, i, status);
            CHECK_INT(status, 401);
        }
    }
}

/* A VM's genuine, enrolled key, its signature right for each request: agents' routes and nothing else. */
TEST(S2_a_vms_credentials_never_reach_a_route_for_people)
{
    FIXTURE(f);
    CLEANUP(live_done) struct live live = { 0 };
    struct test_vm *vm = fixture_vm(&f, "web1");
    size_t agents = 0;

    REQUIRE(fixture_enrol(&f, vm) && go_live(&f, &live));
    EACH_ROUTE(f, route)
    {
        const char *path = path_of(&f.a, route->pattern, vm->uuid);
        unsigned status, closed = route->forbidden ? route->forbidden : 403;

        if (route->role == HTTP_ANONYMOUS)
            continue;
        status = call_as(&f, &live, route, vm->uuid,
                         fixture_authorization(&f, vm, route->method, path, route->content != HTTP_NO_BODY ? BYTES_LIT("{}") : BYTES_NONE));
        agents += route->role == HTTP_AGENT;
        if (route->role == HTTP_AGENT ? status == 401 || status == 403 || status == 0 : status != closed)
            test_note("%s %s: %u", route->method, route->pattern, status);
        CHECK(route->role == HTTP_AGENT ? status != 401 && status != 403 && status != 0 : status == closed);
    }
    CHECK(agents >= 3);
}

/* The whole way of an evidence over a real connection, a body beyond the limit included. */
TEST(evidence_attests_over_tls_and_bodies_beyond_the_limit_are_413)
{
    FIXTURE(f);
    CLEANUP(live_done) struct live live = { 0 };
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct http_answer answer;
    struct err err = ERR_INIT;
    struct http_call call = { .method = "POST" };
    size_t big = LIMIT_SMALL_BODY_BYTES + 1;

    REQUIRE(go_live(&f, &live) && fixture_enrol(&f, vm) && attestation_begin(&f, vm, &t));
    call.url = arena_printf(&f.a, "%s/attest/Tpm" FIXTURE_API, live.url);
    call.body = attestation_envelope(&f.a, attestation_message(&t), false);
    REQUIRE_OK(http_client_send(live.client, &f.a, &call, &answer, NULL, &err), err);
    CHECK_INT(answer.status, 200);
    call.url = arena_printf(&f.a, "%s/report/v1/%s/heartbeat", live.url, vm->uuid);
    call.body = (struct bytes){ arena_alloc(&f.a, big), big };
    REQUIRE_OK(http_client_send(live.client, &f.a, &call, &answer, NULL, &err), err);
    CHECK(answer.status == 413 || answer.status == 401);
}
