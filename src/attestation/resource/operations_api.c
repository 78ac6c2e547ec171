#include "attestation/resource/operations_api.h"
#include "attestation/resource/operation_kinds.h"
#include "attestation/resource/provider_api.h"

enum { PAGE = 100 };

static const char *path_of(struct arena *a, const char *id) { return arena_printf(a, "/v1/operations/%s", id); }

static bool find(const struct attestation_service *s, const struct http_request *request, struct store_operation *ret, struct err *err)
{
    const char *id = arena_lower(request->arena, http_param(request, "operation"));

    return id ? store_operation_get(s->store, request->arena, id, ret, err) : err_set(err, ERR_NO_MEMORY, "no memory for an id");
}

bool operation_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    struct store_operation row;
    struct json_out out;

    if (!find(s, request, &row, err))
        return false;
    if (row.state == STORE_OPERATION_RUNNING)
        http_response_header(response, "Retry-After", "1");
    out = http_response_json(response, 200);
    operation_write(&out, request->arena, path_of(request->arena, row.id), &row);
    return true;
}

bool operation_get_result(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    struct store_operation row;
    struct store_provider p;
    struct json_out out;

    if (!find(s, request, &row, err))
        return false;
    if (row.state == STORE_OPERATION_FAILED)
        return http_response_error(response, 409, "OperationFailed", NULL, "%s", row.failure ? row.failure : "failed");
    if (row.state == STORE_OPERATION_RUNNING) {
        http_response_header(response, "Location", arena_printf(request->arena, "%s%s/result", s->issuer, path_of(request->arena, row.id)));
        http_response_header(response, "Retry-After", "1");
        response->status = 202;
        return true;
    }
    if (!store_provider_get(s->store, request->arena, row.target, &p, err)) {
        response->status = 204;
        return err->code == ERR_NOT_FOUND;
    }
    out = http_response_json(response, 200);
    provider_write(request->arena, &out, &p);
    return true;
}

/* ?top and ?before; the cursor is the row that ?before names. */
static bool read_page(const struct attestation_service *s, const struct http_request *request, size_t *ret_top, struct store_cursor *ret,
                      struct err *err)
{
    struct store_operation row;
    struct bytes text;
    const char *id;
    size_t top = 0;

    *ret_top = PAGE;
    *ret = (struct store_cursor){ 0 };
    if (http_query_count(request, "top")) {
        if (!http_query(request, "top", &text, err))
            return false;
        for (size_t i = 0; i < text.len && top <= LIMIT_LIST_PAGE; i++)
            top = text.data[i] >= '0' && text.data[i] <= '9' ? top * 10 + (text.data[i] - '0') : LIMIT_LIST_PAGE + 1;
        if (top == 0 || top > LIMIT_LIST_PAGE)
            return err_set(err, ERR_MALFORMED, "top is not a number from 1 to %d", LIMIT_LIST_PAGE) || err_at(err, "top");
        *ret_top = top;
    }
    if (!http_query_count(request, "before"))
        return true;
    if (!http_query(request, "before", &text, err))
        return false;
    id = arena_lower(request->arena, text);
    if (!id)
        return err_set(err, ERR_NO_MEMORY, "no memory for an id");
    if (!store_operation_get(s->store, request->arena, id, &row, err))
        return err_within(err, "before") || err_at(err, "before");
    *ret = (struct store_cursor){ row.started_ms, row.id };
    return true;
}

bool operation_get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct store_operation *rows;
    struct store_cursor before;
    struct json_out out;
    size_t n, top;

    if (!read_page(s, request, &top, &before, err) || !store_operation_list(s->store, request->arena, before, top, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        operation_write(&out, request->arena, path_of(request->arena, rows[i].id), &rows[i]);
    json_end(&out);
    if (n == top)
        json_put_string(&out, "nextLink",
                        arena_printf(request->arena, "%s/v1/operations?top=%zu&before=%s", s->issuer, top, rows[n - 1].id));
    json_end(&out);
    return true;
}
