#include "attestation/resource/deleted_api.h"
#include <strings.h>
#include "attestation/resource/operation_kinds.h"
#include "attestation/resource/provider_api.h"

static const int64_t keep_ms = LIMIT_DELETED_PROVIDER_DAYS * INT64_C(86400000);

bool deleted_providers_expire(struct attestation_service *s, struct arena *a, struct err *err)
{
    const struct store_provider *rows;
    size_t n;

    if (!store_provider_list_deleted(s->store, a, NULL, LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (s->now_ms() - rows[i].deleted_ms >= keep_ms &&
            !operation_run(s, a, OPERATION_PROVIDER_PURGE, rows[i].name, BYTES_LIT("{}"), "retention", NULL, err))
            return false;
    return true;
}

static void write_one(const struct http_request *request, struct json_out *out, const struct store_provider *p)
{
    json_begin_object(out, NULL);
    json_put_string(out, "name", p->name);
    json_put_string(out, "type", "Microsoft.Attestation/deletedAttestationProviders");
    json_begin_object(out, "properties");
    json_put_string(out, "attestationProviderId", provider_id(request->arena, p));
    json_put_string(out, "attestUri", p->attest_uri);
    json_put_string(out, "location", p->location);
    json_put_string(out, "trustModel", p->isolated ? "Isolated" : "AAD");
    json_put_time(out, "deletionDate", p->deleted_ms);
    json_put_string(out, "deletedBy", p->deleted_by);
    json_put_time(out, "scheduledPurgeDate", p->deleted_ms + keep_ms);
    json_end(out);
    json_end(out);
}

static bool find(struct attestation_service *s, const struct http_request *request, struct store_provider *ret, struct err *err)
{
    const char *name = arena_lower(request->arena, http_param(request, "name"));
    struct bytes subscription = http_param(request, "subscription"), group = http_param(request, "group");
    struct store_provider row;

    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (!deleted_providers_expire(s, request->arena, err))
        return false;
    if (!store_provider_get_deleted(s->store, request->arena, name, &row, err) ||
        (subscription.data && !provider_same_id(subscription, row.subscription)) ||
        (group.data && !provider_same_id(group, row.resource_group)))
        return err->code != ERR_NONE && err->code != ERR_NOT_FOUND
                   ? false
                   : err_set(err, ERR_NOT_FOUND, "there is no deleted attestation provider %s", name);
    *ret = row;
    return true;
}

bool deleted_get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct bytes subscription = http_param(request, "subscription");
    struct attestation_service *s = context;
    const struct store_provider *rows;
    struct json_out out;
    size_t n;

    if (!provider_version_fine(request, response))
        return true;
    if (!deleted_providers_expire(s, request->arena, err) ||
        !store_provider_list_deleted(s->store, request->arena, NULL, LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        if (!subscription.data || provider_same_id(subscription, rows[i].subscription))
            write_one(request, &out, &rows[i]);
    json_end(&out);
    json_end(&out);
    return true;
}

bool deleted_get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;
    struct json_out out;

    if (!find(context, request, &p, err))
        return false;
    out = http_response_json(response, 200);
    write_one(request, &out, &p);
    return true;
}

/* 202 and where to ask, as published; a failure is the operation's, not this answer's. */
static bool run(struct attestation_service *s, const struct http_request *request, struct http_response *response, const char *kind,
                const char *name, struct err *err)
{
    struct operation operation = { 0 };
    struct json_out out;

    if (!operation_run(s, request->arena, kind, name, BYTES_LIT("{}"), provider_caller(request), &operation, err) && !operation.row.id)
        return false;
    operation_headers(response, &operation, true);
    if (bytes_starts_with(request->path, BYTES_LIT("/v1/"))) {
        out = http_response_json(response, 202);
        operation_write(&out, request->arena, arena_printf(request->arena, "/v1/operations/%s", operation.row.id), &operation.row);
    }
    response->status = 202;
    return true;
}

bool deleted_undelete(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct attestation_service *s = context;
    struct store_provider p, there;
    const char *name = arena_lower(request->arena, http_param(request, "name"));

    if (!provider_version_fine(request, response))
        return true;
    if (!find(s, request, &p, err)) {
        struct err ignored = ERR_INIT;
        if (err->code == ERR_NOT_FOUND && name && store_provider_get(s->store, request->arena, name, &there, &ignored))
            return err_set(err, ERR_CONFLICT, "attestation provider %s is there: it was not deleted", name);
        return false;
    }
    return run(s, request, response, OPERATION_PROVIDER_UNDELETE, p.name, err);
}

bool deleted_purge(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;

    return find(context, request, &p, err) && run(context, request, response, OPERATION_PROVIDER_PURGE, p.name, err);
}
