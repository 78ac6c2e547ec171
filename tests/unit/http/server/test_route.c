#include <stdlib.h>
#include "http/server/route.h"
#include "support/test.h"

static bool no_handler(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response UNUSED,
                       struct err *err UNUSED)
{
    return true;
}

/* clang-format off */
static const struct http_route first[] = {
    { "GET",  "/certs",                    HTTP_ANONYMOUS,   0,  HTTP_NO_BODY,  no_handler, 0 },
    { "POST", "/attest/{type}",            HTTP_ANONYMOUS,   10, HTTP_JSON,     no_handler, 0 },
    { "GET",  "/policies/{type}",          HTTP_READER,      0,  HTTP_NO_BODY,  no_handler, 401 },
    { "PUT",  "/policies/{type}",          HTTP_CONTRIBUTOR, 10, HTTP_ANY_BODY, no_handler, 401 },
    { "POST", "/policies/{type}:reset",    HTTP_CONTRIBUTOR, 10, HTTP_ANY_BODY, no_handler, 401 },
    { "POST", "/certificates:add",         HTTP_CONTRIBUTOR, 10, HTTP_ANY_BODY, no_handler, 401 },
};
static const struct http_route second[] = {
    { "POST", "/report/v1/{vm}/heartbeat", HTTP_AGENT,       10, HTTP_JSON,     no_handler, 0 },
    { "GET",  "/portal/{file*}",           HTTP_ANONYMOUS,   0,  HTTP_NO_BODY,  no_handler, 0 },
    { "GET",  "/",                         HTTP_ANONYMOUS,   0,  HTTP_NO_BODY,  no_handler, 0 },
    { "GET",  "/a/{x}/b/{y}",              HTTP_ANONYMOUS,   0,  HTTP_NO_BODY,  no_handler, 0 },
};
/* clang-format on */
static int marks[2];
static const struct http_routes tables[] = { { first, ARRAY_LEN(first), &marks[0] }, { second, ARRAY_LEN(second), &marks[1] } };

static bool find(struct arena *a, const char *method, const char *path, enum http_match *match, struct http_target *target, struct err *err)
{
    return http_route_find(tables, ARRAY_LEN(tables), a, method, bytes_of_string(path), match, target, err);
}

TEST(paths_lead_to_routes_with_their_parameters)
{
    static const struct {
        const char *method, *path, *pattern, *name, *value;
    } cases[] = {
        { "GET", "/certs", "/certs", NULL, NULL },
        { "HEAD", "/CERTS", "/certs", NULL, NULL },
        { "POST", "/attest/Tpm", "/attest/{type}", "type", "Tpm" },
        { "POST", "/attest/Azure%20Guest", "/attest/{type}", "type", "Azure Guest" },
        { "POST", "/attest/%c3%A4", "/attest/{type}", "type", "ä" },
        { "GET", "/policies/Tpm", "/policies/{type}", "type", "Tpm" },
        { "POST", "/policies/Tpm:reset", "/policies/{type}:reset", "type", "Tpm" },
        { "POST", "/policies/Tpm%3Areset", "/policies/{type}:reset", "type", "Tpm" },
        { "POST", "/policies/Tpm%3aRESET", "/policies/{type}:reset", "type", "Tpm" },
        { "POST", "/certificates:add", "/certificates:add", NULL, NULL },
        { "POST", "/certificates%3Aadd", "/certificates:add", NULL, NULL },
        { "POST", "/report/v1/x/heartbeat", "/report/v1/{vm}/heartbeat", "vm", "x" },
        { "GET", "/portal/js/app.js", "/portal/{file*}", "file", "js/app.js" },
        { "GET", "/portal/", "/portal/{file*}", "file", "" },
        { "GET", "/portal", "/portal/{file*}", "file", "" },
        { "GET", "/", "/", NULL, NULL },
        { "GET", "/a/1/b/2", "/a/{x}/b/{y}", "y", "2" },
        { "GET", "/a/1+2/b/..2", "/a/{x}/b/{y}", "x", "1+2" },
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_target target = { 0 };
        enum http_match match = HTTP_NO_SUCH_PATH;
        struct err err = ERR_INIT;

        CHECK(find(&a, cases[i].method, cases[i].path, &match, &target, &err));
        CHECK_INT(match, HTTP_MATCHED);
        if (match != HTTP_MATCHED) {
            test_note("%s", cases[i].path);
            continue;
        }
        CHECK_STRING(target.route->pattern, cases[i].pattern);
        if (cases[i].name) {
            struct http_request request = { .params = target.params };

            CHECK_BYTES(http_param(&request, cases[i].name), bytes_of_string(cases[i].value));
        } else {
            CHECK_INT(target.params.n, 0);
        }
    }
    arena_done(&a);
}

TEST(each_table_has_its_own_context)
{
    struct arena a = { 0 };
    struct http_target target;
    enum http_match match;
    struct err err = ERR_INIT;

    CHECK(find(&a, "GET", "/certs", &match, &target, &err) && target.context == &marks[0]);
    CHECK(find(&a, "GET", "/portal/x", &match, &target, &err) && target.context == &marks[1]);
    arena_done(&a);
}

TEST(what_has_no_route_is_told_apart_from_a_wrong_method)
{
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        { "GET", "/nothing", NULL },
        { "GET", "/certs/", NULL },
        { "GET", "//certs", NULL },
        { "POST", "/attest/", NULL },
        { "POST", "/attest", NULL },
        { "GET", "/policies/a:b", NULL },
        { "POST", "/policies/:reset", NULL },
        { "DELETE", "/certs", "GET, HEAD" },
        { "PATCH", "/policies/Tpm", "GET, HEAD, PUT" },
        { "GET", "/policies/Tpm:reset", "POST" },
        { "get", "/certs", "GET, HEAD" },
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_target target = { 0 };
        enum http_match match = HTTP_MATCHED;
        struct err err = ERR_INIT;

        CHECK(find(&a, cases[i].method, cases[i].path, &match, &target, &err));
        CHECK_INT(match, cases[i].allow ? HTTP_WRONG_METHOD : HTTP_NO_SUCH_PATH);
        if (cases[i].allow)
            CHECK_STRING(target.allow, cases[i].allow);
    }
    arena_done(&a);
}

TEST(segments_without_text_count_unless_the_route_says_otherwise)
{
    static const struct http_route some[] = {
        { "GET", "/certs", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, NULL, .any_slashes = true },
        { "POST", "/providers/{provider}/attest/{type}", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, NULL, .any_slashes = true },
        { "GET", "/v1/vms/{vm}", HTTP_READER, 0, HTTP_NO_BODY, NULL },
        { "GET", "/files/{file*}", HTTP_READER, 0, HTTP_NO_BODY, NULL },
    };
    static const struct http_routes own[] = { { some, ARRAY_LEN(some), NULL } };
    static const struct {
        const char *method, *path;
        enum http_match match;
    } rows[] = {
        { "GET", "//certs", HTTP_MATCHED },
        { "GET", "/certs/", HTTP_MATCHED },
        { "GET", "///certs//", HTTP_MATCHED },
        { "POST", "/providers/wire//attest/Tpm", HTTP_MATCHED },
        { "POST", "/providers//attest/Tpm", HTTP_NO_SUCH_PATH },
        { "PUT", "//certs", HTTP_WRONG_METHOD },
        { "GET", "//v1/vms/a", HTTP_NO_SUCH_PATH },
        { "GET", "/v1/vms/a/", HTTP_NO_SUCH_PATH },
        { "GET", "/v1//vms/a", HTTP_NO_SUCH_PATH },
        { "GET", "/files//a", HTTP_MATCHED },
        { "GET", "//", HTTP_NO_SUCH_PATH },
        { "GET", "//nothing", HTTP_NO_SUCH_PATH },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_target target;
        enum http_match match = HTTP_NO_SUCH_PATH;
        struct err err = ERR_INIT;

        CHECK(http_route_find(own, 1, &a, rows[i].method, bytes_of_string(rows[i].path), &match, &target, &err));
        if (match != rows[i].match)
            test_note("%s %s", rows[i].method, rows[i].path);
        CHECK_INT(match, rows[i].match);
    }
}

TEST(addresses_that_climb_or_hide_something_are_refused)
{
    static const char *const bad[] = {
        "/portal/../certs",
        "/a/..:reset",
        "/a/.:reset",
        "/portal/%2e%2e/certs",
        "/portal/.",
        "/portal/%2E",
        "/attest/a%2fb",
        "/attest/a%2Fb",
        "/attest/%00",
        "/attest/a%00b",
        "/attest/%0a",
        "/attest/%7f",
        "/attest/%ff",
        "/attest/%c0%af",
        "/attest/%ed%a0%80",
        "/attest/\xff",
        "/attest/a%",
        "/attest/a%4",
        "/attest/a%4x",
        "/attest/%zz",
        "certs",
        "",
        "*",
        "http://x/certs",
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct bytes path = exact_copy(bytes_of_string(bad[i]));
        struct http_target target;
        enum http_match match;
        struct err err = ERR_INIT;

        CHECK(!http_route_find(tables, ARRAY_LEN(tables), &a, "GET", path, &match, &target, &err) && err.code == ERR_MALFORMED);
        if (err.code != ERR_MALFORMED)
            test_note("%s", bad[i]);
        free((void *)(uintptr_t)path.data);
    }
    arena_done(&a);
}

TEST(an_address_cut_anywhere_is_safe_to_look_up)
{
    static const char whole[] = "/report/v1/%e2%82%ac%41/heartbeat";
    struct arena a = { 0 };

    for (size_t n = 0; n < sizeof whole; n++) {
        struct bytes path = exact_copy((struct bytes){ (const uint8_t *)whole, n });
        struct http_target target;
        enum http_match match = HTTP_NO_SUCH_PATH;
        struct err err = ERR_INIT;
        bool found = http_route_find(tables, ARRAY_LEN(tables), &a, "POST", path, &match, &target, &err) && match == HTTP_MATCHED;

        CHECK(found == (n == sizeof whole - 1));
        free((void *)(uintptr_t)path.data);
    }
    arena_done(&a);
}

TEST(only_so_many_parts_are_looked_at)
{
    char path[256] = "";
    struct arena a = { 0 };
    struct http_target target;
    enum http_match match;
    struct err err = ERR_INIT;

    for (int i = 0; i < 32; i++)
        strcat(path, "/x");
    CHECK(find(&a, "GET", path, &match, &target, &err) && match == HTTP_NO_SUCH_PATH);
    strcat(path, "/x");
    CHECK(!find(&a, "GET", path, &match, &target, &err) && err.code == ERR_LIMIT);
    arena_done(&a);
}

TEST(queries_are_decoded_in_order_with_their_duplicates)
{
    struct arena a = { 0 };
    struct http_request request = { 0 };
    struct bytes value;
    struct err err = ERR_INIT;

    REQUIRE_OK(http_query_parse(&a, BYTES_LIT("api-version=2020-10-01&q=a+b%20c%2Bd%26&&empty=&flag&q=2&x=a=b"), &request.query, &err),
               err);
    CHECK_INT(request.query.n, 6);
    CHECK(http_query(&request, "Api-Version", &value, &err));
    CHECK_BYTES(value, BYTES_LIT("2020-10-01"));
    CHECK(!http_query(&request, "q", &value, &err) && err.code == ERR_MALFORMED);
    CHECK_INT(http_query_count(&request, "q"), 2);
    CHECK_BYTES(request.query.items[1].value, BYTES_LIT("a b c+d&"));
    CHECK(http_query(&request, "flag", &value, &err) && value.len == 0);
    CHECK(http_query(&request, "x", &value, &err));
    CHECK_BYTES(value, BYTES_LIT("a=b"));
    CHECK(!http_query(&request, "none", &value, &err) && err.code == ERR_NOT_FOUND);
    CHECK(!http_query_parse(&a, BYTES_LIT("a=%0"), &request.query, &err) && err.code == ERR_MALFORMED);
    CHECK(!http_query_parse(&a, BYTES_LIT("a=%00"), &request.query, &err) && err.code == ERR_MALFORMED);
    CHECK(!http_query_parse(&a, BYTES_LIT("%ff=a"), &request.query, &err) && err.code == ERR_MALFORMED);
    arena_done(&a);
}

TEST(patterns_that_could_not_mean_anything_are_found_when_tables_are_checked)
{
    static const char *const good[] = { "/", "/a", "/a/{b}", "/a/{b}:c", "/a:b", "/{rest*}", "/a/{under_score}/b" };
    static const char *const bad[] = { "",      "a",       "//",      "/a/",    "/a/{",  "/a/}",  "/{}",
                                       "/{a}b", "/{a*}/b", "/{a*}:c", "/a%3ab", "/x{a}", "/{a b}" };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(http_pattern_is_valid(good[i], &err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bool valid = http_pattern_is_valid(bad[i], &err);

        CHECK(!valid);
        if (valid)
            test_note("%s", bad[i]);
    }
}

TEST(a_route_names_the_permission_that_it_wants)
{
    static const struct {
        const char *method, *pattern, *permission;
    } rows[] = {
        { "GET", "/v1/vms", "vms/read" },
        { "PATCH", "/v1/vms/{vm}", "vms/write" },
        { "DELETE", "/v1/roots/{kind}/{root}", "roots/delete" },
        { "POST", "/v1/vms/{vm}/identity:release", "vms/identity/release" },
        { "POST", "/providers/{provider}/policies/{type}:reset", "policies/reset" },
        { "PUT", "/policies/{type}", "policies/write" },
        { "POST", "/certificates:add", "certificates/add" },
        { "GET", "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Attestation/attestationProviders/{name}",
          "Microsoft.Attestation/attestationProviders/read" },
        { "GET", "/a-very-long-segment-that-goes-on-and-on/and-another-one-that-is-no-shorter/and-a-third-one-beyond-the-end", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_route route = { .method = rows[i].method, .pattern = rows[i].pattern };
        char permission[HTTP_PERMISSION_MAX];

        http_route_permission(&route, permission);
        if (rows[i].permission[0])
            CHECK_STRING(permission, rows[i].permission);
        else
            CHECK(strlen(permission) < sizeof permission);
    }
}
