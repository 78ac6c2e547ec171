#include "http/server/condition.h"
#include <inttypes.h>
#include <strings.h>

const char *http_etag(struct arena *a, int64_t created_ms, int64_t version)
{
    return arena_printf(a, "\"%" PRIx64 "-%" PRId64 "\"", (uint64_t)created_ms, version);
}

/* Whether a list of entity tags names this one; "*" names whatever is there. A weak tag is equal only where `weak` comparison is asked for. */
static bool names(struct bytes list, const char *etag, bool weak)
{
    if (!etag)
        return false;
    if (bytes_equal_string(bytes_trim(list), "*"))
        return true;
    while (list.len) {
        size_t comma = bytes_find(list, BYTES_LIT(","));
        struct bytes tag = bytes_trim(bytes_slice(list, 0, comma)); /* ours hold no comma */

        if (weak && bytes_starts_with(tag, BYTES_LIT("W/")))
            tag = bytes_slice(tag, 2, SIZE_MAX);
        if (bytes_equal_string(tag, etag))
            return true;
        list = comma == SIZE_MAX ? BYTES_NONE : bytes_slice(list, comma + 1, SIZE_MAX);
    }
    return false;
}

static bool is_field(const struct http_field *field, const char *name)
{
    return field->name.len == strlen(name) && strncasecmp((const char *)field->name.data, name, field->name.len) == 0;
}

/* A field that is sent twice is one list (RFC 9110 5.3). */
static bool any_names(const struct http_request *request, const char *name, const char *etag, bool weak)
{
    for (size_t i = 0; i < request->headers.n; i++)
        if (is_field(&request->headers.items[i], name) && names(request->headers.items[i].value, etag, weak))
            return true;
    return false;
}

static bool failed(struct http_response *response, const char *field, const char *text)
{
    err_point(&response->about, "%s", field);
    http_response_error(response, 412, "PreconditionFailed", NULL, "%s", text);
    return false;
}

bool http_condition_holds(const struct http_request *request, struct http_response *response, const char *etag)
{
    if (http_header_count(request, "If-Match") && !any_names(request, "If-Match", etag, false))
        return failed(response, "If-Match",
                      etag ? "It was changed since it was read: read it again. Its ETag is none that If-Match names."
                           : "If-Match is given, and it is not there.");
    if (!http_header_count(request, "If-None-Match") || !any_names(request, "If-None-Match", etag, true))
        return true;
    if (strcmp(request->method, "GET") != 0)
        return failed(response, "If-None-Match", "It is there already, with an ETag that If-None-Match names.");
    http_response_header(response, "ETag", etag);
    response->status = 304;
    return false;
}
