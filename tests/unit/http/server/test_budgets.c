/* How often a caller may call, and that credentials do not add up (attestation-service.md 13.3; attack-suite.md S2, S15). */
#include <stdatomic.h>
#include "base/limits.h"
#include "http_fixture.h"

static atomic_uint identified, handled;

static bool count(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    handled++;
    response->status = 204;
    return true;
}

/* clang-format off */
static const struct http_route routes[] = {
    { "POST",   "/attest/{type}",           HTTP_ANONYMOUS,   LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, count, 0, HTTP_COSTLY },
    { "GET",    "/cheap",                   HTTP_ANONYMOUS,   0,                       HTTP_NO_BODY,  count, 0 },
    { "GET",    "/v1/vms/{vm}",             HTTP_READER,      0,                       HTTP_NO_BODY,  echo,  0 },
    { "DELETE", "/v1/vms/{vm}",             HTTP_CONTRIBUTOR, 0,                       HTTP_NO_BODY,  echo,  0 },
    { "POST",   "/v1/vms/{vm}/identity:release", HTTP_OWNER,  1000,                    HTTP_ANY_BODY, echo,  0 },
    { "GET",    "/report",                  HTTP_AGENT,       0,                       HTTP_NO_BODY,  count, 0 },
};
/* clang-format on */
static const struct http_routes tables[] = { { routes, ARRAY_LEN(routes), NULL } };

/* "Bearer reader", "Bearer contributor", "Bearer owner", "Bearer agent"; "Bearer vm" is a contributor for the VM web1 only. */
static bool identify(void *context UNUSED, const struct http_request *request, struct http_caller *ret, struct err *err)
{
    struct bytes credentials = http_header(request, "Authorization");
    char want[32];

    identified++;
    if (bytes_equal_string(credentials, "Bearer vm")) {
        *ret = (struct http_caller){ HTTP_CONTRIBUTOR, "token 7 (ci)", "vm/web1" };
        return true;
    }
    for (enum http_role role = HTTP_AGENT; role <= HTTP_OWNER; role++) {
        snprintf(want, sizeof want, "Bearer %s", http_role_name(role));
        if (bytes_equal_string(credentials, want)) {
            *ret = (struct http_caller){ role, "somebody", NULL };
            return true;
        }
    }
    return credentials.len == 0 || err_set(err, ERR_UNTRUSTED, "these credentials are of no kind that this server knows");
}

struct budgets {
    struct rate_limiter *cheap, *costly, *agent;
};

static void budgets_done(struct budgets *b)
{
    rate_limiter_free(b->cheap);
    rate_limiter_free(b->costly);
    rate_limiter_free(b->agent);
}

static bool budgets_make(struct budgets *b)
{
    struct err err;

    identified = handled = 0;
    return rate_limiter_new(64, &b->cheap, &err) && rate_limiter_new(64, &b->costly, &err) && rate_limiter_new(64, &b->agent, &err);
}

/* An hour for each further call: no test waits for one. */
#define BUDGETS(f)                                                                                                          \
    CLEANUP(budgets_done) struct budgets b = { 0 };                                                                         \
    REQUIRE(budgets_make(&b));                                                                                              \
    rate_limiter_set(b.cheap, 1, 3600 * 1000, 5);                                                                           \
    rate_limiter_set(b.costly, 1, 3600 * 1000, 3);                                                                          \
    rate_limiter_set(b.agent, 1, 3600 * 1000, 2);                                                                           \
    SERVER(f, tables, f.config.per_address = b.cheap; f.config.per_address_costly = b.costly; f.config.per_agent = b.agent; \
           f.config.identify = identify)

TEST(an_address_that_asks_too_often_is_told_when_to_come_back)
{
    BUDGETS(f);
    struct heard h;
    const char *retry;

    for (int i = 0; i < 5; i++) {
        ask(&f, "GET /cheap HTTP/1.1\r\n" HOST "\r\n", &h);
        CHECK_INT(status_of(&h), 204);
    }
    ask(&f, "GET /cheap HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(status_of(&h), 429);
    retry = strstr(h.text, "Retry-After: ");
    CHECK(retry && strtol(retry + 13, NULL, 10) <= 3600 && strtol(retry + 13, NULL, 10) > 3500); /* an hour, less what this took */
    CHECK(strstr(h.text, "\"code\":\"TooManyRequests\"") && strstr(h.text, "x-ms-error-code: TooManyRequests"));
    CHECK(strstr(h.text, "x-ms-request-id: "));
    CHECK_INT(handled, 5);
}

/* Before the body is read: 16 MiB are announced and none sent. */
TEST(S15_what_costs_cryptography_has_a_budget_of_its_own_and_is_refused_before_its_body)
{
    BUDGETS(f);
    struct heard h;

    for (int i = 0; i < 3; i++) {
        ask(&f, "POST /attest/Tpm HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", &h);
        CHECK_INT(status_of(&h), 204);
    }
    ask(&f, "POST /attest/Tpm HTTP/1.1\r\n" HOST "Content-Length: 16777216\r\n\r\n", &h);
    CHECK_INT(status_of(&h), 429);
    ask(&f, "GET /cheap HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK_INT(status_of(&h), 204);
    CHECK_INT(handled, 4);
}

TEST(the_local_socket_has_no_budget)
{
    BUDGETS(f);
    struct heard h;
    int fd;

    for (int i = 0; i < 20; i++) {
        REQUIRE((fd = dial_unix(&f)) >= 0);
        CHECK(tell(fd, "GET /cheap HTTP/1.1\r\n" HOST "\r\n"));
        hear(fd, 1, &h);
        CHECK_INT(status_of(&h), 204);
        close(fd);
    }
}

TEST(a_vm_has_a_budget_wherever_it_calls_from_and_others_do_not_share_it)
{
    BUDGETS(f);
    struct heard h;

    rate_limiter_set(b.cheap, 0, 1000, 1);
    for (int i = 0; i < 4; i++) {
        ask(&f, "GET /report HTTP/1.1\r\n" HOST "Authorization: Bearer agent\r\n\r\n", &h);
        CHECK_INT(status_of(&h), i < 2 ? 204 : 429);
    }
    CHECK(strstr(h.text, "Retry-After: "));
    for (int i = 0; i < 4; i++) {
        ask(&f, "GET /v1/vms/web1 HTTP/1.1\r\n" HOST "Authorization: Bearer reader\r\n\r\n", &h);
        CHECK_INT(status_of(&h), 200);
    }
}

static void ask_locally(const struct server_fixture *f, const char *request, struct heard *h)
{
    int fd = dial_unix(f);

    *h = (struct heard){ .len = 0 };
    if (fd < 0)
        return;
    tell(fd, request);
    hear(fd, 1, h);
    close(fd);
}

/* The test's own user is owner over the socket; with a header it is what the header says, no more and no less. */
TEST(S2_a_header_over_the_local_socket_counts_alone)
{
    static const struct {
        const char *method, *credentials;
        int status;
        const char *role;
    } rows[] = {
        { "GET", NULL, 200, "owner" },
        { "GET", "Bearer reader", 200, "reader" },
        { "DELETE", "Bearer reader", 403, NULL },
        { "DELETE", "Bearer agent", 403, NULL },
        { "GET", "Bearer agent", 403, NULL },
        { "GET", "Bearer nonsense", 401, NULL },
        { "GET", "Basic cm9vdDo=", 401, NULL },
        { "DELETE", "Bearer contributor", 200, "contributor" },
    };
    BUDGETS(f);
    struct heard h;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[200], role[40];

        snprintf(request, sizeof request, "%s /v1/vms/web1 HTTP/1.1\r\n" HOST "%s%s%s\r\n", rows[i].method,
                 rows[i].credentials ? "Authorization: " : "", rows[i].credentials ? rows[i].credentials : "",
                 rows[i].credentials ? "\r\n" : "");
        ask_locally(&f, request, &h);
        snprintf(role, sizeof role, "\"role\":\"%s\"", rows[i].role ? rows[i].role : "");
        if (status_of(&h) != rows[i].status)
            test_note("%s with %s: %d", rows[i].method, rows[i].credentials ? rows[i].credentials : "nothing", status_of(&h));
        CHECK(status_of(&h) == rows[i].status && (!rows[i].role || strstr(h.text, role)));
    }
}

TEST(a_refusal_names_the_missing_permission_and_the_roles)
{
    static const struct {
        const char *request, *credentials, *words;
    } rows[] = {
        { "DELETE /v1/vms/web1", "reader",
          "The permission vms/delete is missing: it wants the role contributor or a higher one, and the caller "
          "(somebody) has the role reader." },
        { "POST /v1/vms/web1/identity:release", "contributor",
          "The permission vms/identity/release is missing: it wants the role owner, and" },
        { "GET /v1/vms/web1", "agent",
          "The permission vms/read is missing: it wants the role reader or a higher one, and the caller (somebody) "
          "has the role agent." },
        { "DELETE /v1/vms/web2", "vm",
          "The permission vms/delete is missing here: the caller (token 7 (ci)) has the role contributor for vm/web1 "
          "only." },
        { "GET /report", "owner", "it wants the role agent, and" },
    };
    BUDGETS(f);
    struct heard h;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[200];

        snprintf(request, sizeof request, "%s HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", rows[i].request,
                 rows[i].credentials);
        rate_limiter_set(b.cheap, 0, 1000, 1);
        ask(&f, request, &h);
        CHECK_INT(status_of(&h), 403);
        if (!strstr(h.text, rows[i].words))
            test_note("%s", h.text);
        CHECK(strstr(h.text, rows[i].words) != NULL);
    }
    ask(&f, "DELETE /v1/vms/web1 HTTP/1.1\r\n" HOST "Authorization: Bearer vm\r\n\r\n", &h);
    CHECK_INT(status_of(&h), 200);
}

TEST(bad_credentials_are_told_apart_from_none)
{
    BUDGETS(f);
    struct heard h;

    ask(&f, "GET /v1/vms/web1 HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(status_of(&h) == 401 && strstr(h.text, "WWW-Authenticate: Bearer\r\n"));
    ask(&f, "GET /v1/vms/web1 HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n", &h);
    CHECK(status_of(&h) == 401 && strstr(h.text, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
}

static bool refuse_all(void *context UNUSED, const struct http_request *request UNUSED, struct err *err)
{
    return err_set(err, ERR_UNREACHABLE, "the audit log cannot be written");
}

TEST(the_server_may_still_say_not_now)
{
    SERVER(f, tables, f.config.identify = identify, f.config.admit = refuse_all);
    struct heard h;

    handled = 0;
    ask(&f, "GET /cheap HTTP/1.1\r\n" HOST "\r\n", &h);
    CHECK(status_of(&h) == 503 && strstr(h.text, "Retry-After: ") && strstr(h.text, "the audit log cannot be written"));
    CHECK_INT(handled, 0);
}
