#include "attestation/resource/directory_api.h"
#include "attestation/resource/provider_api.h"

#define NAMESPACE "Microsoft.Attestation"
/* Of this server, for tools that insist on one; callers' own tenants are in their tokens. */
static const char tenant_id[] = "00000000-0000-0000-0000-000000000000";

static bool version_fine(const struct http_request *request, struct http_response *response)
{
    return provider_version_since(request, response, "2014-04-01"); /* the first there was */
}

static struct json_out begin_list(struct http_response *response)
{
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    return out;
}

static bool end_list(struct json_out *out)
{
    json_end(out);
    json_end(out);
    return true;
}

bool directory_tenants(void *context UNUSED, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct json_out out;

    if (!version_fine(request, response))
        return true;
    out = begin_list(response);
    json_begin_object(&out, NULL);
    json_put_string(&out, "id", arena_printf(request->arena, "/tenants/%s", tenant_id));
    json_put_string(&out, "tenantId", tenant_id);
    json_put_string(&out, "displayName", "trueboot");
    json_end(&out);
    return end_list(&out);
}

/* ---- subscriptions --------------------------------------------------------------------------------------------------- */

static void put_subscription(struct arena *a, struct json_out *out, const char *id)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", arena_printf(a, "/subscriptions/%s", id));
    json_put_string(out, "subscriptionId", id);
    json_put_string(out, "tenantId", tenant_id);
    json_put_string(out, "displayName", strcmp(id, DIRECTORY_NO_SUBSCRIPTION) == 0 ? "trueboot" : id);
    json_put_string(out, "state", "Enabled");
    json_put_string(out, "authorizationSource", "RoleBased");
    json_end(out);
}

/* Each once, in the spelling of the first; ids compare in any case. At most LIMIT_LIST_PAGE. */
static bool subscriptions(const struct attestation_service *s, struct arena *a, const char *const **ret, size_t *ret_n, struct err *err)
{
    const char **ids = ARENA_ARRAY(a, LIMIT_LIST_PAGE, const char *), *after = NULL;
    const struct store_provider *rows;
    size_t n = 0, page;

    if (!ids)
        return err_set(err, ERR_NO_MEMORY, "no memory for subscriptions");
    ids[n++] = DIRECTORY_NO_SUBSCRIPTION;
    do {
        if (!store_provider_list(s->store, a, after, LIMIT_LIST_PAGE, &rows, &page, err))
            return false;
        for (size_t i = 0; i < page; i++) {
            size_t k = 0;
            while (k < n && !provider_same_id(bytes_of_string(ids[k]), rows[i].subscription))
                k++;
            if (k == n && n < LIMIT_LIST_PAGE)
                ids[n++] = rows[i].subscription;
            after = rows[i].name;
        }
    } while (page == LIMIT_LIST_PAGE && n < LIMIT_LIST_PAGE);
    *ret = ids;
    *ret_n = n;
    return true;
}

bool directory_subscriptions(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const char *const *ids;
    struct json_out out;
    size_t n;

    if (!version_fine(request, response))
        return true;
    if (!subscriptions(context, request->arena, &ids, &n, err))
        return false;
    out = begin_list(response);
    for (size_t i = 0; i < n; i++)
        put_subscription(request->arena, &out, ids[i]);
    return end_list(&out);
}

/* Whatever word somebody asks for is one: it need not be made before a provider is created under it. */
bool directory_subscription(void *context UNUSED, const struct http_request *request, struct http_response *response, struct err *err)
{
    const char *id = arena_string(request->arena, http_param(request, "subscription"));
    struct json_out out;

    if (!version_fine(request, response))
        return true;
    if (!id)
        return err_set(err, ERR_NO_MEMORY, "no memory for a subscription");
    out = http_response_json(response, 200);
    put_subscription(request->arena, &out, id);
    return true;
}

/* ---- resource providers ---------------------------------------------------------------------------------------------- */

static void put_namespace(const struct attestation_service *s, const struct http_request *request, struct json_out *out)
{
    static const char *const types[] = { "attestationProviders", "defaultProviders", "locations", "locations/defaultProvider",
                                         "operations" };
    static const char *const versions[] = { "2021-06-01", "2021-06-01-preview", "2020-10-01" };
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(s->providers);
    struct bytes subscription = http_param(request, "subscription");

    json_begin_object(out, NULL);
    json_put_string(out, "id", arena_printf(request->arena, "/subscriptions/%.*s/providers/" NAMESPACE, BYTES_FMT(subscription)));
    json_put_string(out, "namespace", NAMESPACE);
    json_put_string(out, "registrationState", "Registered");
    json_put_string(out, "registrationPolicy", "RegistrationRequired");
    json_begin_array(out, "resourceTypes");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "resourceType", types[i]);
        json_begin_array(out, "locations");
        json_put_string(out, NULL, shared->location);
        json_end(out);
        json_begin_array(out, "apiVersions");
        for (size_t k = 0; k < ARRAY_LEN(versions); k++)
            json_put_string(out, NULL, versions[k]);
        json_end(out);
        json_end(out);
    }
    json_end(out);
    json_end(out);
}

bool directory_namespace(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct bytes name = http_param(request, "namespace");
    struct json_out out;

    if (!version_fine(request, response))
        return true;
    if (!provider_same_id(name, NAMESPACE))
        return err_set(err, ERR_NOT_FOUND, "there is no resource provider %.*s here, only " NAMESPACE, BYTES_FMT(bytes_slice(name, 0, 64)));
    out = http_response_json(response, 200);
    put_namespace(context, request, &out);
    return true;
}

bool directory_namespaces(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct json_out out;

    if (!version_fine(request, response))
        return true;
    out = begin_list(response);
    put_namespace(context, request, &out);
    return end_list(&out);
}
