#include "truebootd/audit_api.h"
#include <stdlib.h>
#include "audit/page.h"
#include "truebootd/server.h"

enum { PAGE = 100, PAGE_MAX = 1000, PAGE_BYTES = 4 * 1024 * 1024 };

/* A number in the query, 0 to `most`; `otherwise` without one. */
static bool read_number(const struct http_request *request, const char *name, int64_t otherwise, int64_t most, int64_t *ret,
                        struct err *err)
{
    struct bytes text;
    char digits[20];

    *ret = otherwise;
    if (http_query_count(request, name) == 0)
        return true;
    if (!http_query(request, name, &text, err))
        return false;
    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(text));
    if (text.len == 0 || text.len >= sizeof digits || strspn(digits, "0123456789") != text.len || strtoll(digits, NULL, 10) > most)
        return err_set(err, ERR_MALFORMED, "%s is a number of at most %lld", name, (long long)most) || err_at(err, "%s", name);
    *ret = strtoll(digits, NULL, 10);
    return true;
}

static bool has_log(const struct server *s, struct err *err)
{
    return s->audit || err_set(err, ERR_NOT_FOUND, "this server keeps no audit log (audit.enabled)");
}

bool audit_get_page(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct server *s = context;
    const char *folder = arena_printf(request->arena, "%s/audit", s->config->data), *next = NULL;
    struct writer *w = &response->body;
    struct audit_page page;
    int64_t after, top;

    if (!has_log(s, err) || !read_number(request, "after", 0, INT64_MAX / 2, &after, err) ||
        !read_number(request, "top", PAGE, PAGE_MAX, &top, err))
        return false;
    if (top == 0)
        return err_set(err, ERR_MALFORMED, "top is a number from 1 to %d", PAGE_MAX) || err_at(err, "top");
    if (!folder)
        return err_set(err, ERR_NO_MEMORY, "no memory for a page");
    write_string(w, "{\"value\":[");
    if (!audit_page(request->arena, folder, after, (size_t)top, PAGE_BYTES, ",", w, &page, err)) {
        writer_done(w); /* the error is the body */
        return false;
    }
    if (page.more)
        next = arena_printf(request->arena, "%s/v1/audit?after=%lld&top=%lld", s->attestation.issuer, (long long)page.last_seq,
                            (long long)top);
    write_string(w, next ? "],\"nextLink\":\"" : "],\"nextLink\":null}");
    if (next) {
        write_string(w, next); /* an address of ours: nothing in it wants escaping */
        write_string(w, "\"}");
    }
    response->status = 200;
    return true;
}

bool audit_get_head(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct server *s = context;
    const char *head = "";
    struct audit_state state;
    struct json_out out;

    if (!has_log(s, err) || !audit_head(s->audit, request->arena, &head, err))
        return false;
    state = audit_state(s->audit);
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "checkpoint", head[0] ? head : NULL);
    json_put_integer(&out, "records", state.seq);
    json_put_integer(&out, "lost", (int64_t)state.lost);
    json_put_boolean(&out, "failing", state.failing);
    json_end(&out);
    return true;
}
