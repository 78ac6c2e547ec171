/* Paths and queries of requests: whatever comes, parameters are clean text that cannot climb, and lie in no other place than the arena. */
#include "fuzz.h"
#include "base/utf8.h"
#include "http/server/route.h"

/* Decoded parameters, and a table of them that grows. */
enum { BYTES_PER_BYTE = 64, FIXED = 4096 };

static bool no_handler(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response UNUSED,
                       struct err *err UNUSED)
{
    return true;
}

static const struct http_route routes[] = {
    { "GET", "/a/{one}/{two}", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, no_handler, 0 },
    { "GET", "/a/{one}:reset", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, no_handler, 0 },
    { "PUT", "/b:add", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, no_handler, 0 },
    { "GET", "/c/{rest*}", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, no_handler, 0 },
};
static const struct http_routes table = { routes, ARRAY_LEN(routes), NULL };

static void check_param(const struct http_route *route, struct bytes value)
{
    bool takes_rest = strchr(route->pattern, '*') != NULL;

    ENSURE(utf8_is_valid(value));
    ENSURE(takes_rest || value.len > 0);
    for (size_t i = 0; i < value.len; i++) {
        ENSURE(value.data[i] >= 0x20 && value.data[i] != 0x7f);
        ENSURE(takes_rest || (value.data[i] != '/' && value.data[i] != ':'));
    }
    ENSURE(!bytes_equal_string(value, "..") && bytes_find(value, BYTES_LIT("/../")) == SIZE_MAX);
    ENSURE(!bytes_starts_with(value, BYTES_LIT("../")) && !bytes_ends_with(value, BYTES_LIT("/..")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    size_t question = bytes_find(text, BYTES_LIT("?"));
    struct http_target target = { 0 };
    struct http_fields query;
    enum http_match match = HTTP_NO_SUCH_PATH;
    struct err err = ERR_INIT;
    static struct arena a;

    arena_reset(&a);
    if (!http_route_find(&table, 1, &a, "GET", bytes_slice(text, 0, question), &match, &target, &err))
        ENSURE(err.code == ERR_MALFORMED || err.code == ERR_LIMIT);
    ENSURE((match == HTTP_MATCHED) == (target.route != NULL));
    ENSURE((match == HTTP_WRONG_METHOD) == (target.allow != NULL && !target.route));
    for (size_t i = 0; target.route && i < target.params.n; i++)
        check_param(target.route, target.params.items[i].value);
    if (question != SIZE_MAX && http_query_parse(&a, bytes_slice(text, question + 1, SIZE_MAX), &query, &err))
        for (size_t i = 0; i < query.n; i++)
            ENSURE(utf8_is_valid(query.items[i].name) && utf8_is_valid(query.items[i].value));
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
