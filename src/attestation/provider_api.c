#include "attestation/provider_api.h"
#include <strings.h>
#include "attestation/authority.h"
#include "attestation/deleted_api.h"
#include "attestation/operation_kinds.h"
#include "attestation/operations_api.h"
#include "base/hex.h"
#include "jose/jwk.h"

#define RESOURCE_TYPE "Microsoft.Attestation/attestationProviders"
/* What /v1/providers stands for. */
static const char no_subscription[] = "00000000-0000-0000-0000-000000000000", no_group[] = "trueboot";

const char *provider_caller(const struct http_request *request)
{
    return request->caller.subject ? request->caller.subject : http_role_name(request->caller.role);
}

static const char *param(const struct http_request *request, const char *name, const char *otherwise)
{
    struct bytes value = http_param(request, name);

    return value.data ? arena_string(request->arena, value) : otherwise;
}

/* ---- the resource ---------------------------------------------------------------------------------------------------- */

static const char *enabled(bool on) { return on ? "Enabled" : "Disabled"; }

bool provider_same_id(struct bytes given, const char *stored)
{
    return given.len == strlen(stored) && (given.len == 0 || strncasecmp((const char *)given.data, stored, given.len) == 0);
}

bool provider_version_fine(const struct http_request *request, struct http_response *response)
{
    static const char *const versions[] = { "2018-09-01-preview", "2020-10-01", "2021-06-01-preview", "2021-06-01" };
    struct bytes version;
    struct err ignored = ERR_INIT;

    if (bytes_starts_with(request->path, BYTES_LIT("/v1/")))
        return true;
    if (!http_query(request, "api-version", &version, &ignored)) {
        http_response_error(response, 400, "MissingApiVersionParameter", NULL,
                            "The api-version query parameter (?api-version=) is required for all requests, once.");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (bytes_equal_string(version, versions[i]))
            return true;
    http_response_error(
        response, 400, "InvalidApiVersionParameter", NULL,
        "The api-version is invalid. The supported versions are '2018-09-01-preview,2020-10-01,2021-06-01-preview,2021-06-01'.");
    return false;
}

static void put_properties(struct json_out *out, const char *attest_uri, bool isolated, bool public_network, bool tpm_authentication,
                           bool server_ak_ca, bool tpm_v1, enum token_profile profile)
{
    json_begin_object(out, "properties");
    json_put_string(out, "attestUri", attest_uri);
    json_put_string(out, "status", "Ready");
    json_put_string(out, "trustModel", isolated ? "Isolated" : "AAD");
    json_put_string(out, "publicNetworkAccess", enabled(public_network));
    json_put_string(out, "tpmAttestationAuthentication", enabled(tpm_authentication));
    json_begin_array(out, "privateEndpointConnections");
    json_end(out);
    json_begin_object(out, "trueboot");
    json_put_string(out, "serverAkCa", enabled(server_ak_ca));
    json_put_string(out, "tpmProtocolV1", enabled(tpm_v1));
    json_put_string(out, "tokenProfile", token_profile_name(profile));
    json_end(out);
    json_end(out);
}

const char *provider_id(struct arena *a, const struct store_provider *p)
{
    return arena_printf(a, "/subscriptions/%s/resourceGroups/%s/providers/" RESOURCE_TYPE "/%s", p->subscription, p->resource_group,
                        p->name);
}

void provider_write(struct arena *a, struct json_out *out, const struct store_provider *p)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", provider_id(a, p));
    json_put_string(out, "name", p->name);
    json_put_string(out, "type", RESOURCE_TYPE);
    json_put_string(out, "location", p->location);
    json_put_raw(out, "tags", bytes_of_string(p->tags));
    put_properties(out, p->attest_uri, p->isolated, p->public_network_access, p->tpm_authentication, p->server_ak_ca, p->tpm_v1,
                   p->token_profile);
    json_begin_object(out, "systemData");
    json_put_string(out, "createdBy", p->created_by);
    json_put_string(out, "createdByType", "User");
    json_put_time(out, "createdAt", p->created_ms);
    json_end(out);
    json_end(out);
}

static void put_shared(struct arena *a, struct json_out *out, const struct provider *p)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", arena_printf(a, "providers/" RESOURCE_TYPE "/%s", p->name));
    json_put_string(out, "name", p->name);
    json_put_string(out, "type", RESOURCE_TYPE);
    json_put_string(out, "location", p->location);
    put_properties(out, p->issuer, false, true, p->tpm_authentication, true, p->tpm_v1, p->token_profile);
    json_end(out);
}

/* ---- bodies ---------------------------------------------------------------------------------------------------------- */

static bool read_switch(const struct json *properties, const char *name, bool *ret, struct err *err)
{
    const struct json *v = json_get_no_case(properties, name);

    if (!v)
        return true;
    if (!json_is_string(v, "Enabled") && !json_is_string(v, "Disabled"))
        return err_set(err, ERR_MALFORMED, "properties.%s is not \"Enabled\" or \"Disabled\"", name);
    *ret = json_is_string(v, "Enabled");
    return true;
}

/* properties.trueboot.tokenProfile: how tokens are made from now on. */
static bool read_profile(const struct json *own, enum token_profile *ret, struct err *err)
{
    const struct json *v = json_get_no_case(own, "tokenProfile");

    return !v || (v->type == JSON_STRING && token_profile_from_name(v->string, ret)) ||
           err_set(err, ERR_MALFORMED, "properties.trueboot.tokenProfile is not \"original\", \"es256\" or \"ear\"");
}

static bool read_changes(struct arena *a, const struct json *body, struct store_provider *p, struct err *err)
{
    const struct json *tags = json_get_no_case(body, "tags"), *properties = json_get_no_case(body, "properties");
    const struct json *own = json_get_no_case(properties, "trueboot");

    if (tags && tags->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "tags is not an object");
    for (size_t i = 0; tags && i < tags->object.n; i++)
        if (tags->object.members[i].value->type != JSON_STRING)
            return err_set(err, ERR_MALFORMED, "a tag's value is not a string");
    if (tags) {
        p->tags = json_to_string(a, tags, JSON_COMPACT);
        if (!p->tags)
            return err_set(err, ERR_NO_MEMORY, "no memory for tags");
    }
    return read_switch(properties, "publicNetworkAccess", &p->public_network_access, err) &&
           read_switch(properties, "tpmAttestationAuthentication", &p->tpm_authentication, err) &&
           read_switch(own, "serverAkCa", &p->server_ak_ca, err) && read_switch(own, "tpmProtocolV1", &p->tpm_v1, err) &&
           read_profile(own, &p->token_profile, err);
}

static bool read_signer(struct arena *a, const struct json *key, struct store_signer *ret, struct err *err)
{
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct err why = ERR_INIT;
    bool fine;
    size_t n;

    if (!json_get(key, "x5c") || !jwk_parse_certs(json_get(key, "x5c"), certs, &n, &why) || n == 0)
        return err_set(err, ERR_MALFORMED, "policySigningCertificates: a key is not an X509 security key%s%s", why.text[0] ? ": " : "",
                       why.text);
    fine = certs[0]->key && arena_copy(a, certs[0]->der, &ret->der);
    if (fine)
        ret->sha256 = hex_in(a, (struct bytes){ certs[0]->sha256, CERT_SHA256_LEN });
    else
        err_set(err, ERR_UNSUPPORTED, "policySigningCertificates: %s", certs[0]->key_problem ? certs[0]->key_problem : "out of memory");
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
    return fine && (ret->sha256 || err_set(err, ERR_NO_MEMORY, "no memory for a certificate"));
}

/* The presence of policySigningCertificates makes a provider Isolated. */
static bool read_signers(const struct http_request *request, const struct json *properties, const struct store_provider *p,
                         struct store_signer **ret, size_t *ret_n, struct err *err)
{
    const struct json *given = json_get_no_case(properties, "policySigningCertificates"), *keys = json_get(given, "keys");
    struct store_signer *signers = ARENA_ARRAY(request->arena, PROVIDER_SIGNERS_MAX, struct store_signer);

    *ret_n = 0;
    if (!given || given->type == JSON_NULL)
        return true;
    if (!keys || keys->type != JSON_ARRAY || keys->array.n == 0)
        return err_set(err, ERR_MALFORMED, "properties.policySigningCertificates has no keys");
    if (keys->array.n > PROVIDER_SIGNERS_MAX)
        return err_set(err, ERR_MALFORMED, "properties.policySigningCertificates has more than %d keys", PROVIDER_SIGNERS_MAX);
    if (!signers)
        return err_set(err, ERR_NO_MEMORY, "no memory for signers");
    for (size_t i = 0; i < keys->array.n; i++) {
        signers[i] = (struct store_signer){ .provider = p->name, .added_ms = p->created_ms, .by = p->created_by };
        if (!read_signer(request->arena, keys->array.items[i], &signers[i], err))
            return false;
    }
    *ret = signers;
    *ret_n = keys->array.n;
    return true;
}

/* properties.trueboot.attestUri: a name of its own in the DNS; otherwise a path of this server, which needs nothing. */
static bool read_uri(const struct attestation_service *s, struct arena *a, const struct json *properties, struct store_provider *p,
                     struct err *err)
{
    const struct json *given = json_get_no_case(json_get_no_case(properties, "trueboot"), "attestUri");
    struct authority own, shared;
    struct err ignored = ERR_INIT;

    if (!given) {
        p->attest_uri = arena_printf(a, "%s/providers/%s", s->issuer, p->name);
    } else {
        if (!authority_of_uri(json_text(given, BYTES_NONE), &own, err))
            return err_within(err, "properties.trueboot.attestUri");
        if (authority_of_uri(bytes_of_string(s->issuer), &shared, &ignored) && authority_same_name(&own, &shared) &&
            own.port == shared.port)
            return err_set(err, ERR_CONFLICT, "properties.trueboot.attestUri is the shared provider's");
        p->attest_uri = authority_uri(a, &own); /* in one spelling: it is compared, and stands in tokens */
    }
    return p->attest_uri || err_set(err, ERR_NO_MEMORY, "no memory for an address");
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

/* The provider named by the path. Below /subscriptions the name alone counts within its subscription and group. */
static bool find(const struct attestation_service *s, const struct http_request *request, struct store_provider *ret, struct err *err)
{
    const char *name = arena_lower(request->arena, http_param(request, "name")), *subscription = param(request, "subscription", NULL),
               *group = param(request, "group", NULL);
    struct store_provider row;

    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (!store_provider_get(s->store, request->arena, name, &row, err))
        return false;
    if ((subscription && strcasecmp(subscription, row.subscription) != 0) || (group && strcasecmp(group, row.resource_group) != 0))
        return err_set(err, ERR_NOT_FOUND, "there is no such attestation provider");
    *ret = row;
    return true;
}

static bool answer(const struct http_request *request, struct http_response *response, unsigned status, const struct store_provider *p)
{
    struct json_out out = http_response_json(response, status);

    provider_write(request->arena, &out, p);
    return true;
}

static bool get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    struct store_provider p;

    return !provider_version_fine(request, response) || (find(s, request, &p, err) && answer(request, response, 200, &p));
}

static bool change(const struct attestation_service *s, const struct http_request *request, const struct json *body,
                   struct http_response *response, struct err *err)
{
    struct store_provider p;

    if (!find(s, request, &p, err) || !read_changes(request->arena, body, &p, err) || !store_provider_update(s->store, &p, err) ||
        !providers_reload(s->providers, p.name, err))
        return false;
    return answer(request, response, 200, &p);
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

/* The name of a deleted provider is taken until that is brought back or purged: a sentence now is better than a failed operation. */
static bool name_is_free(struct attestation_service *s, struct arena *a, const char *name, struct err *err)
{
    struct store_provider deleted;
    struct err why = ERR_INIT;

    if (!deleted_providers_expire(s, a, err))
        return false;
    if (!store_provider_get_deleted(s->store, a, name, &deleted, &why))
        return why.code == ERR_NOT_FOUND || err_set(err, why.code, "%s", why.text);
    return err_set(err, ERR_CONFLICT,
                   "an attestation provider %s was deleted and can still be brought back: `trueboot provider undelete %s`, or end it for "
                   "good with `trueboot provider purge %s`, then create a new one",
                   name, name, name);
}

static bool create(struct attestation_service *s, const struct http_request *request, const struct json *body,
                   struct http_response *response, struct err *err)
{
    const struct json *properties = json_get_no_case(body, "properties");
    struct store_provider p = { .name = arena_lower(request->arena, http_param(request, "name")),
                                .subscription = param(request, "subscription", no_subscription),
                                .resource_group = param(request, "group", no_group),
                                .tpm_authentication = true,
                                .public_network_access = true,
                                .server_ak_ca = true,
                                .tags = "{}",
                                .created_ms = s->now_ms(),
                                .created_by = provider_caller(request) };
    struct bytes location = json_text(json_get_no_case(body, "location"), BYTES_NONE);
    struct store_signer *signers = NULL;
    size_t n_signers;

    if (!location.len || !properties || properties->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "location and properties are required");
    p.location = arena_string(request->arena, location);
    if (!p.name || !p.subscription || !p.resource_group || !p.location)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider");
    if (strcmp(p.name, s->provider) == 0)
        return err_set(err, ERR_CONFLICT, "%s is the shared provider", p.name);
    if (!read_changes(request->arena, body, &p, err) || !read_uri(s, request->arena, properties, &p, err) ||
        !read_signers(request, properties, &p, &signers, &n_signers, err))
        return false;
    p.isolated = n_signers > 0;
    return name_is_free(s, request->arena, p.name, err) && make(s, request, &p, signers, n_signers, response, err);
}

/* Creates, or changes what may be changed; name, trust model and signers of one that is there stay. */
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
    if (store_provider_get(s->store, request->arena, name, &p, err))
        return change(s, request, body, response, err);
    return err->code == ERR_NOT_FOUND && create(s, request, body, response, err);
}

static bool patch_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct json *body;

    return !provider_version_fine(request, response) ||
           (http_body_json(request, &strict, &body, err) && change(context, request, body, response, err));
}

static bool delete_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct attestation_service *s = context;
    struct operation operation;
    struct store_provider p;
    bool found;

    if (!provider_version_fine(request, response))
        return true;
    found = find(s, request, &p, err);
    if (!found && err->code != ERR_NOT_FOUND)
        return false;
    if (found) {
        if (!operation_run(s, request->arena, OPERATION_PROVIDER_DELETE, p.name, BYTES_LIT("{}"), provider_caller(request), &operation,
                           err))
            return false;
        operation_headers(response, &operation, false);
    }
    response->status = found ? 200 : 204;
    return true;
}

static bool get_list(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const char *subscription = param(request, "subscription", NULL), *group = param(request, "group", NULL);
    const struct store_provider *rows;
    struct json_out out;
    size_t n;

    if (!provider_version_fine(request, response))
        return true;
    if (!store_provider_list(s->store, request->arena, NULL, LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        if ((!subscription || strcasecmp(subscription, rows[i].subscription) == 0) &&
            (!group || strcasecmp(group, rows[i].resource_group) == 0))
            provider_write(request->arena, &out, &rows[i]);
    json_end(&out);
    json_end(&out);
    return true;
}

static bool get_defaults(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(s->providers);
    struct json_out out = http_response_json(response, 200);

    (void)err;
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    put_shared(request->arena, &out, shared);
    json_end(&out);
    json_end(&out);
    return true;
}

/* "East US" and "eastus" are one place. */
static bool same_place(struct bytes a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] == ' ')
            continue;
        while (*b == ' ')
            b++;
        if (!*b || strncasecmp((const char *)&a.data[i], b++, 1) != 0)
            return false;
    }
    return !*b;
}

static bool get_default(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct provider *shared CLEANUP(provider_free_at) = providers_shared(s->providers);
    struct json_out out;

    if (!same_place(http_param(request, "location"), shared->location))
        return err_set(err, ERR_NOT_FOUND, "there is no shared provider in that location; the one here is in %s", shared->location);
    out = http_response_json(response, 200);
    put_shared(request->arena, &out, shared);
    return true;
}

/* Private links are a matter of the network that a self-hosted server stands in: there are none here, and asking is no mistake. */
static bool get_private(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;
    struct json_out out;

    if (!provider_version_fine(request, response))
        return true;
    if (!find(context, request, &p, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    json_end(&out);
    json_end(&out);
    return true;
}

static bool get_operations(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    static const char *const names[] = { "read", "write", "delete", "attestation/read", "attestation/write", "attestation/delete" };
    struct json_out out = http_response_json(response, 200);

    (void)context;
    (void)err;
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "name", arena_printf(request->arena, RESOURCE_TYPE "/%s", names[i]));
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

#define SUBSCRIPTION "/subscriptions/{subscription}"
#define GROUP        SUBSCRIPTION "/resourceGroups/{group}/providers/" RESOURCE_TYPE
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
    { "GET", SUBSCRIPTION "/providers/" RESOURCE_TYPE, HTTP_READER, 0, HTTP_NO_BODY, get_list, 0 },
    { "GET", "/v1/providers", HTTP_READER, 0, HTTP_NO_BODY, get_list, 0 },
    { "GET", SUBSCRIPTION SERVICE "/defaultProviders", HTTP_READER, 0, HTTP_NO_BODY, get_defaults, 0 },
    { "GET", SUBSCRIPTION SERVICE "/locations/{location}/defaultProvider", HTTP_READER, 0, HTTP_NO_BODY, get_default, 0 },
    { "GET", SERVICE "/operations", HTTP_READER, 0, HTTP_NO_BODY, get_operations, 0 },
    { "GET", GROUP "/{name}/privateEndpointConnections", HTTP_READER, 0, HTTP_NO_BODY, get_private, 0 },
    { "GET", GROUP "/{name}/privateLinkResources", HTTP_READER, 0, HTTP_NO_BODY, get_private, 0 },
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
