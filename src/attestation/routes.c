/* The attestation service's routes (attestation-service.md 2.2). */
#include "attestation/documents.h"
#include "attestation/policy/policy_api.h"
#include "attestation/policy/policy_trial.h"
#include "attestation/policy/signers_api.h"
#include "attestation/protocol/attest.h"
#include "attestation/protocol/azureguest.h"
#include "attestation/service/data_plane.h"
#include "attestation/service/service.h"

/* Types whose evidence other services verify. */
static bool attest_elsewhere(struct http_response *response, enum provider_type type)
{
    return http_response_error(response, 400, "NotSupported", NULL,
                               "This service verifies evidence of type Tpm and AzureGuest, not of type %s.", provider_type_name(type));
}

static bool attest_guest(const struct attestation_service *s, const struct provider *provider, const struct http_request *request,
                         struct http_response *response, struct err *err)
{
    const struct provider_policy *policy = &provider->policies[PROVIDER_AZURE_GUEST];
    struct trust_store *roots CLEANUP(trust_store_free_at) = attestation_ak_roots(s, provider);
    const struct azureguest_terms terms = { provider->issuer,        policy->policy, policy->hash, policy->signer, roots,
                                            provider->token_profile, provider->name };

    return attest_azureguest(s, &terms, request, response, err);
}

static bool post_attest(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct attestation_service *s = context;
    const struct provider *provider CLEANUP(provider_free_at) = NULL;
    enum provider_type type;

    if (!data_plane_version(request, response))
        return true;
    if (!provider_type_from_name(http_param(request, "type"), &type))
        return http_response_error(response, 404, "NotFound", NULL, "There is no such attestation type.");
    provider = data_plane_provider(s, request, response);
    if (!provider || (type == PROVIDER_TPM && provider->tpm_authentication && !data_plane_reader(s, request, response)))
        return true;
    if (type == PROVIDER_TPM)
        return attest_tpm(s, provider, request, response, err);
    return type == PROVIDER_AZURE_GUEST ? attest_guest(s, provider, request, response, err) : attest_elsewhere(response, type);
}

static bool get_health(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response,
                       struct err *err UNUSED)
{
    response->status = 204;
    return true;
}

/* Each endpoint twice: of the provider that Host names, and by path. A caller whose role does not suffice gets 401 (1.3). */
#define ROUTE(method, path, role, max_body, content, handler) ROUTE_AT(method, path, role, max_body, content, handler, HTTP_CHEAP)
#define ROUTE_AT(method, path, role, max_body, content, handler, cost)                                             \
    { method, path, role, max_body, content, handler, 401, cost, data_plane_locate, true },                        \
    {                                                                                                              \
        method, "/providers/{provider}" path, role, max_body, content, handler, 401, cost, data_plane_locate, true \
    }

/* clang-format off */
const struct http_route attestation_routes[] = {
    ROUTE_AT("POST", "/attest/{type}",                HTTP_ANONYMOUS,    LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, post_attest, HTTP_COSTLY),
    ROUTE_AT("POST", "/attest/Tee/{type}",            HTTP_ANONYMOUS,    LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, post_attest, HTTP_COSTLY), /* 2018-09-01-preview */
    ROUTE("GET",  "/certs",                           HTTP_ANONYMOUS,    0,                       HTTP_NO_BODY,  document_certs),
    ROUTE("GET",  "/.well-known/openid-configuration", HTTP_ANONYMOUS,   0,                       HTTP_NO_BODY,  document_openid),
    ROUTE("OPTIONS", "/certs",                        HTTP_ANONYMOUS,    0,                       HTTP_NO_BODY,  document_preflight),
    ROUTE("OPTIONS", "/.well-known/openid-configuration", HTTP_ANONYMOUS, 0,                      HTTP_NO_BODY,  document_preflight),
    { "GET",      "/servicehealth",                   HTTP_ANONYMOUS,    0,                       HTTP_NO_BODY,  get_health, 401, HTTP_CHEAP, NULL, true }, /* whatever Host a probe sends */
    { "GET",      "/providers/{provider}/servicehealth", HTTP_ANONYMOUS, 0,                      HTTP_NO_BODY,  get_health, 401, HTTP_CHEAP, data_plane_locate, true },
    ROUTE("GET",  "/policies/{type}",                 HTTP_READER,       0,                       HTTP_NO_BODY,  policy_get),
    ROUTE("PUT",  "/policies/{type}",                 HTTP_POLICY_ADMIN, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, policy_put),
    ROUTE("POST", "/policies/{type}:reset",           HTTP_POLICY_ADMIN, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, policy_reset),
    ROUTE("GET",  "/policies/{type}/history",         HTTP_READER,       0,                       HTTP_NO_BODY,  policy_history),
    ROUTE("POST", "/policies/{type}:dryRun",          HTTP_READER,       LIMIT_ATTEST_BODY_BYTES, HTTP_JSON,     policy_dry_run),
    ROUTE("POST", "/policies/{type}:replay",          HTTP_READER,       LIMIT_POLICY_BODY_BYTES, HTTP_JSON,     policy_replay),
    ROUTE("GET",  "/certificates",                    HTTP_READER,       0,                       HTTP_NO_BODY,  signers_get),
    ROUTE("POST", "/certificates:add",                HTTP_POLICY_ADMIN, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, signers_add),
    ROUTE("POST", "/certificates:remove",             HTTP_POLICY_ADMIN, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, signers_remove),
};
/* clang-format on */
const size_t attestation_n_routes = ARRAY_LEN(attestation_routes);
