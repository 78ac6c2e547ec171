#include "attestation/resource/provider_api.h"
#include "attestation/resource/deleted_api.h"
#include "attestation/resource/directory_api.h"
#include "attestation/resource/operation_kinds.h"
#include "attestation/resource/operations_api.h"
#include "attestation/resource/private_link_api.h"
#include "attestation/resource/provider_body.h"
#include "http/server/condition.h"

enum { LIST_PAGE = 100 /* control-plane.md 10 */ };

static const char *param(const struct http_request *request, const char *name, const char *otherwise)
{
    struct bytes value = http_param(request, name);

    return value.data ? arena_string(request->arena, value) : otherwise;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

/* Below /subscriptions a provider is in one subscription and group; the short paths name none. */
static bool is_below(const struct http_request *request, const struct store_provider *p)
{
    struct bytes subscription = http_param(request, "subscription"), group = http_param(request, "group");

    return (!subscription.data || provider_same_id(subscription, p->subscription)) &&
           (!group.data || provider_same_id(group, p->resource_group));
}

bool provider_find(const struct attestation_service *s, const struct http_request *request, struct store_provider *ret, struct err *err)
{
    const char *name = arena_lower(request->arena, http_param(request, "name"));
    struct store_provider row;

    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (!store_provider_get(s->store, request->arena, name, &row, err))
        return err->code == ERR_NOT_FOUND && err_remedy(err, "docs/providers.md", "trueboot provider list");
    if (!is_below(request, &row))
        return err_set(err, ERR_NOT_FOUND, "there is no such attestation provider") ||
               err_remedy(err, "docs/providers.md", "trueboot provider list");
    *ret = row;
    return true;
}

static const char *etag_of(const struct http_request *request, const struct store_provider *p)
{
    const char *etag = http_etag(request->arena, p->created_ms, p->version);

    return etag ? etag : "";
}

static bool answer(const struct http_request *request, struct http_response *response, unsigned status, const struct store_provider *p)
{
    struct json_out out = http_response_json(response, status);

    provider_write(request->arena, &out, p);
    http_response_header(response, "ETag", etag_of(request, p));
    return true;
}

static bool get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    struct store_provider p;

    if (!provider_version_fine(request, response))
        return true;
    if (!provider_find(s, request, &p, err))
        return false;
    return !http_condition_holds(request, response, etag_of(request, &p)) || answer(request, response, 200, &p);
}

static bool store_change(const struct attestation_service *s, const struct http_request *request, struct store_provider *p,
                         struct http_response *response, struct err *err)
{
    p->modified_ms = s->now_ms();
    p->modified_by = provider_caller(request);
    if (!store_provider_update(s->store, p, err) || !providers_reload(s->providers, p->name, err))
        return false;
    p->version++;
    return answer(request, response, 200, p);
}

/* Stored and in force, as a tracked operation that has ended when this answers: creating is synchronous (control-plane.md 1.5). */
static bool make(struct attestation_service *s, const struct http_request *request, const struct store_provider *p,
                 const struct store_signer *signers, size_t n_signers, struct http_response *response, struct err *err)
{
    const char *input = operation_input_create(request->arena, p, signers, n_signers);
    struct operation operation;
    struct store_provider made;

    if (!input)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider");
    if (!operation_run(s, request->arena, OPERATION_PROVIDER_CREATE, p->name, bytes_of_string(input), p->created_by, &operation, err) ||
        !store_provider_get(s->store, request->arena, p->name, &made, err))
        return false;
    operation_headers(response, &operation, false);
    return answer(request, response, 201, &made);
}

/* A sentence now is better than a failed operation. The name of a deleted provider is taken until that is brought back or purged. */
static bool name_is_free(struct attestation_service *s, struct arena *a, const char *name, struct err *err)
{
    struct store_provider deleted;
    struct err why = ERR_INIT;

    if (!deleted_providers_expire(s, a, err))
        return false;
    if (!store_provider_get_deleted(s->store, a, name, &deleted, &why))
        return why.code == ERR_NOT_FOUND || err_copy(err, &why);
    return err_set(err, ERR_CONFLICT,
                   "an attestation provider %s was deleted and can still be brought back: `trueboot provider undelete %s`, or end it for "
                   "good with `trueboot provider purge %s`, then create a new one",
                   name, name, name) ||
           err_remedy(err, "docs/providers.md", "trueboot provider undelete %s", name);
}

static bool create(struct attestation_service *s, const struct http_request *request, const struct json *body,
                   struct http_response *response, struct err *err)
{
    struct store_provider p = { .name = arena_lower(request->arena, http_param(request, "name")),
                                .subscription = param(request, "subscription", DIRECTORY_NO_SUBSCRIPTION),
                                .resource_group = param(request, "group", DIRECTORY_NO_GROUP),
                                .tpm_authentication = true,
                                .public_network_access = true,
                                .server_ak_ca = true,
                                .tags = "{}",
                                .created_ms = s->now_ms(),
                                .created_by = provider_caller(request) };
    struct store_signer *signers = NULL;
    size_t n_signers;

    if (!p.name || !p.subscription || !p.resource_group)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider");
    if (strcmp(p.name, s->provider) == 0)
        return err_set(err, ERR_CONFLICT, "%s is the shared provider", p.name);
    if (!provider_body_create(s, request->arena, body, &p, &signers, &n_signers, err))
        return false;
    return name_is_free(s, request->arena, p.name, err) && store_provider_check_new(s->store, &p, err) &&
           make(s, request, &p, signers, n_signers, response, err);
}

/* Creates, or replaces what may be replaced; name, trust model and signers of one that is there stay. */
static bool put_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    struct attestation_service *s = context;
    const char *name = arena_lower(request->arena, http_param(request, "name"));
    struct store_provider p;
    const struct json *body;

    if (!provider_version_fine(request, response))
        return true;
    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (!http_body_json(request, &strict, &body, err))
        return false;
    if (!store_provider_get(s->store, request->arena, name, &p, err))
        return err->code == ERR_NOT_FOUND && (!http_condition_holds(request, response, NULL) || create(s, request, body, response, err));
    if (!is_below(request, &p))
        return err_set(err, ERR_CONFLICT, "the name %s is taken by an attestation provider of another subscription or resource group",
                       name);
    if (!http_condition_holds(request, response, etag_of(request, &p)))
        return true;
    return provider_body_replace(request->arena, body, &p, err) && store_change(s, request, &p, response, err);
}

static bool patch_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct attestation_service *s = context;
    struct store_provider p;
    const struct json *body;

    if (!provider_version_fine(request, response))
        return true;
    if (!http_body_json(request, &strict, &body, err) || !provider_find(s, request, &p, err))
        return false;
    return !http_condition_holds(request, response, etag_of(request, &p)) ||
           (provider_body_merge(request->arena, body, &p, err) && store_change(s, request, &p, response, err));
}

static bool delete_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct attestation_service *s = context;
    struct operation operation;
    struct store_provider p;
    bool found;

    if (!provider_version_fine(request, response))
        return true;
    if (provider_same_id(http_param(request, "name"), s->provider))
        return err_set(err, ERR_CONFLICT, "%s is the shared provider: it cannot be deleted", s->provider);
    found = provider_find(s, request, &p, err);
    if (!found && err->code != ERR_NOT_FOUND)
        return false;
    if (!http_condition_holds(request, response, found ? etag_of(request, &p) : NULL))
        return true;
    if (found) {
        if (!operation_run(s, request->arena, OPERATION_PROVIDER_DELETE, p.name, BYTES_LIT("{}"), provider_caller(request), &operation,
                           err))
            return false;
        operation_headers(response, &operation, false);
    }
    response->status = found ? 200 : 204;
    return true;
}

/* ?$top=N and ?$skiptoken=NAME, as clients of the cloud follow them; `top` and `after` below /v1. */
struct page {
    size_t top;
    const char *after; /* NULL: from the beginning */
};

static bool read_page(const struct http_request *request, struct page *ret, struct err *err)
{
    bool own = bytes_starts_with(request->path, BYTES_LIT("/v1/"));
    const char *top_name = own ? "top" : "$top", *after_name = own ? "after" : "$skiptoken";
    struct bytes top, after;
    struct err ignored = ERR_INIT;

    *ret = (struct page){ own ? LIMIT_LIST_PAGE : LIST_PAGE, NULL };
    if (http_query_count(request, top_name) > 0) {
        if (!http_query(request, top_name, &top, err))
            return false;
        ret->top = 0;
        for (size_t i = 0; i < top.len && top.len <= 4 && top.data[i] >= '0' && top.data[i] <= '9'; i++)
            ret->top = ret->top * 10 + (size_t)(top.data[i] - '0');
        if (ret->top == 0 || ret->top > LIMIT_LIST_PAGE)
            return err_set(err, ERR_MALFORMED, "%s is a number from 1 to %d", top_name, LIMIT_LIST_PAGE) || err_at(err, "%s", top_name);
    }
    if (http_query(request, after_name, &after, &ignored)) {
        ret->after = arena_lower(request->arena, after);
        return ret->after || err_set(err, ERR_NO_MEMORY, "no memory for a page");
    }
    return true;
}

static void put_next(struct json_out *out, const struct attestation_service *s, const struct http_request *request, const struct page *page,
                     const char *last)
{
    struct bytes version = BYTES_NONE;
    struct err ignored = ERR_INIT;

    if (bytes_starts_with(request->path, BYTES_LIT("/v1/")) || !http_query(request, "api-version", &version, &ignored))
        json_put_string(out, "nextLink",
                        arena_printf(request->arena, "%s%.*s?top=%zu&after=%s", s->issuer, BYTES_FMT(request->path), page->top, last));
    else
        json_put_string(out, "nextLink",
                        arena_printf(request->arena, "%s%.*s?api-version=%.*s&$top=%zu&$skiptoken=%s", s->issuer, BYTES_FMT(request->path),
                                     BYTES_FMT(version), page->top, last));
}

static bool get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct store_provider *rows;
    struct page page;
    struct json_out out;
    size_t n, shown = 0;

    if (!provider_version_fine(request, response))
        return true;
    if (!read_page(request, &page, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    do {
        if (!store_provider_list(s->store, request->arena, page.after, LIMIT_LIST_PAGE, &rows, &n, err))
            return false;
        for (size_t i = 0; i < n && shown < page.top; i++) {
            page.after = rows[i].name;
            if (!is_below(request, &rows[i]))
                continue;
            provider_write(request->arena, &out, &rows[i]);
            shown++;
        }
    } while (n == LIMIT_LIST_PAGE && shown < page.top);
    json_end(&out);
    if (shown == page.top)
        put_next(&out, s, request, &page, page.after);
    json_end(&out);
    return true;
}

static bool get_defaults(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    const struct attestation_service *s = context;
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(s->providers);
    struct json_out out;

    if (!provider_version_fine(request, response))
        return true;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    provider_write_shared(s, request->arena, &out, shared);
    json_end(&out);
    json_end(&out);
    return true;
}

static bool get_default(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(s->providers);
    struct json_out out;

    if (!provider_version_fine(request, response))
        return true;
    if (!provider_same_place(http_param(request, "location"), shared->location))
        return err_set(err, ERR_NOT_FOUND, "there is no shared provider in that location; the one here is in %s", shared->location);
    out = http_response_json(response, 200);
    provider_write_shared(s, request->arena, &out, shared);
    return true;
}

static bool get_operations(void *context UNUSED, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    static const struct {
        const char *name, *resource, *operation, *description;
    } rows[] = {
        { "read", "Attestation provider", "Get attestation providers", "Shows and lists attestation providers." },
        { "write", "Attestation provider", "Create or update an attestation provider", "Creates and changes attestation providers." },
        { "delete", "Attestation provider", "Delete an attestation provider", "Deletes attestation providers; they can be brought back." },
        { "attestation/read", "Policies and policy signers", "Get policies and signers", "Shows policies and their signers; attests." },
        { "attestation/write", "Policies and policy signers", "Set policies and add signers", "Sets policies, adds their signers." },
        { "attestation/delete", "Policies and policy signers", "Reset policies and remove signers", "Resets policies, removes signers." },
    };
    struct json_out out;

    if (!provider_version_fine(request, response))
        return true;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "name", arena_printf(request->arena, PROVIDER_RESOURCE_TYPE "/%s", rows[i].name));
        json_put_boolean(&out, "isDataAction", false);
        json_begin_object(&out, "display");
        json_put_string(&out, "provider", "Microsoft Attestation");
        json_put_string(&out, "resource", rows[i].resource);
        json_put_string(&out, "operation", rows[i].operation);
        json_put_string(&out, "description", rows[i].description);
        json_end(&out);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

#define SUBSCRIPTION "/subscriptions/{subscription}"
#define GROUP        SUBSCRIPTION "/resourceGroups/{group}/providers/" PROVIDER_RESOURCE_TYPE
#define SERVICE      "/providers/Microsoft.Attestation"
#define OF_ONE(path)                                                                     \
    { "GET", path, HTTP_READER, 0, HTTP_NO_BODY, get_one, 0 },                           \
        { "PUT", path, HTTP_OWNER, LIMIT_POLICY_BODY_BYTES, HTTP_JSON, put_one, 0 },     \
        { "PATCH", path, HTTP_OWNER, LIMIT_POLICY_BODY_BYTES, HTTP_JSON, patch_one, 0 }, \
    {                                                                                    \
        "DELETE", path, HTTP_OWNER, 0, HTTP_NO_BODY, delete_one, 0                       \
    }

/* clang-format off */
const struct http_route provider_routes[] = {
    OF_ONE(GROUP "/{name}"),
    OF_ONE("/v1/providers/{name}"),
    { "GET", GROUP, HTTP_READER, 0, HTTP_NO_BODY, get_list, 0 },
    { "GET", SUBSCRIPTION "/providers/" PROVIDER_RESOURCE_TYPE, HTTP_READER, 0, HTTP_NO_BODY, get_list, 0 },
    { "GET", "/v1/providers", HTTP_READER, 0, HTTP_NO_BODY, get_list, 0 },
    { "GET", SUBSCRIPTION SERVICE "/defaultProviders", HTTP_READER, 0, HTTP_NO_BODY, get_defaults, 0 },
    { "GET", SUBSCRIPTION SERVICE "/locations/{location}/defaultProvider", HTTP_READER, 0, HTTP_NO_BODY, get_default, 0 },
    { "GET", "/tenants", HTTP_READER, 0, HTTP_NO_BODY, directory_tenants, 0 },
    { "GET", "/subscriptions", HTTP_READER, 0, HTTP_NO_BODY, directory_subscriptions, 0 },
    { "GET", SUBSCRIPTION, HTTP_READER, 0, HTTP_NO_BODY, directory_subscription, 0 },
    { "GET", SUBSCRIPTION "/providers", HTTP_READER, 0, HTTP_NO_BODY, directory_namespaces, 0 },
    { "GET", SUBSCRIPTION "/providers/{namespace}", HTTP_READER, 0, HTTP_NO_BODY, directory_namespace, 0 },
    { "POST", SUBSCRIPTION "/providers/{namespace}/register", HTTP_READER, LIMIT_SMALL_BODY_BYTES, HTTP_ANY_BODY, directory_namespace, 0 },
    { "GET", SERVICE "/operations", HTTP_READER, 0, HTTP_NO_BODY, get_operations, 0 },
    { "GET", GROUP "/{name}/privateEndpointConnections", HTTP_READER, 0, HTTP_NO_BODY, private_links_get, 0 },
    { "GET", GROUP "/{name}/privateEndpointConnections/{connection}", HTTP_READER, 0, HTTP_NO_BODY, private_link_get, 0 },
    { "PUT", GROUP "/{name}/privateEndpointConnections/{connection}", HTTP_OWNER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, private_link_put, 0 },
    { "DELETE", GROUP "/{name}/privateEndpointConnections/{connection}", HTTP_OWNER, 0, HTTP_NO_BODY, private_link_delete, 0 },
    { "GET", GROUP "/{name}/privateLinkResources", HTTP_READER, 0, HTTP_NO_BODY, private_links_get, 0 },
    { "POST", GROUP "/{name}/undelete", HTTP_OWNER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON_OPTIONAL, deleted_undelete, 0 },
    { "POST", "/v1/providers/{name}:undelete", HTTP_OWNER, LIMIT_SMALL_BODY_BYTES, HTTP_JSON_OPTIONAL, deleted_undelete, 0 },
    { "GET", SUBSCRIPTION SERVICE "/deletedAttestationProviders", HTTP_READER, 0, HTTP_NO_BODY, deleted_get_list, 0 },
    { "GET", "/v1/deletedProviders", HTTP_READER, 0, HTTP_NO_BODY, deleted_get_list, 0 },
    { "GET", "/v1/deletedProviders/{name}", HTTP_READER, 0, HTTP_NO_BODY, deleted_get_one, 0 },
    { "DELETE", "/v1/deletedProviders/{name}", HTTP_OWNER, 0, HTTP_NO_BODY, deleted_purge, 0 },
    { "GET", "/v1/operations", HTTP_READER, 0, HTTP_NO_BODY, operation_get_list, 0 },
    { "GET", "/v1/operations/{operation}", HTTP_READER, 0, HTTP_NO_BODY, operation_get, 0 },
    { "GET", "/v1/operations/{operation}/result", HTTP_READER, 0, HTTP_NO_BODY, operation_get_result, 0 },
};
/* clang-format on */
const size_t provider_n_routes = ARRAY_LEN(provider_routes);
