/* The attestation service's routes, and its key and metadata documents (attestation-service.md 2.2, 3.4, 3.5). */
#include "attestation/attest.h"
#include "attestation/azureguest.h"
#include "attestation/data_plane.h"
#include "attestation/policy_api.h"
#include "attestation/policy_trial.h"
#include "attestation/service.h"
#include "attestation/signer.h"
#include "attestation/signers_api.h"

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
    const struct azureguest_terms terms = {
        provider->issuer, policy->policy, policy->hash, policy->signer, roots, provider->token_profile
    };

    return attest_azureguest(s, &terms, request, response, err);
}

struct trust_store *attestation_ak_roots(const struct attestation_service *service, const struct provider *provider)
{
    return provider->ak_roots ? trust_store_ref(provider->ak_roots) : trust_slot_get(service->ak_roots);
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

/* Every key that something believed may be signed with: several of each family while one follows another. A provider that may change its
 * token profile publishes the keys of both kinds, so that the change meets clients that know them (3.7); the shared one never does. */
static bool published_keys(const struct attestation_service *s, const struct provider *provider, struct arena *a,
                           struct published_key **ret, size_t *ret_n, struct err *err)
{
    struct published_key *all = ARENA_ARRAY(a, KEY_USE_COUNT * KEYRING_MAX, struct published_key);
    struct ring_view *views = ARENA_ARRAY(a, KEYRING_MAX, struct ring_view);
    size_t n = 0, n_views;

    if (!all || !views)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    for (enum key_use use = 0; use < (provider->shared ? KEY_USE_TOKEN_ES256 : KEY_USE_RECORD); use++) {
        if (!keyring_list(s->keys[use], s->now_ms(), views, &n_views, err))
            return false;
        for (size_t i = 0; i < n_views; i++)
            if (views[i].published)
                all[n++] = (struct published_key){ views[i].key->algorithm, views[i].key->kid,
                                                   (const struct cert *const *)views[i].key->chain, views[i].key->n_chain };
    }
    *ret = all;
    *ret_n = n;
    return true;
}

static bool get_certs(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    const struct provider *provider CLEANUP(provider_free_at) = data_plane_provider(s, request, response);
    struct published_key *published;
    struct json_out out;
    size_t n;

    if (!provider)
        return true;
    if (!published_keys(s, provider, request->arena, &published, &n, err))
        return false;
    response->cache_control = "max-age=3600";
    /* Not application/jwk+json: the widest-spread client silently reads nothing then (2.4). */
    http_response_header(response, "Access-Control-Allow-Origin", "*");
    out = http_response_json(response, 200);
    jwks_write(&out, published, n);
    return true;
}

static bool get_openid(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    static const char *const ear_claims[] = { "eat_profile", "eat_nonce", "ear.verifier-id", "submods", "cnf", "trueboot" };
    static const char *const claims[] = { "cnf",
                                          "nonce",
                                          "rp_data",
                                          "x-ms-ver",
                                          "x-ms-attestation-type",
                                          "x-ms-policy-hash",
                                          "x-ms-policy-signer",
                                          "x-ms-tpm-request-key",
                                          "aikValidated",
                                          "secureBootEnabled",
                                          "trueboot" };
    struct attestation_service *s = context;
    const struct provider *provider CLEANUP(provider_free_at) = data_plane_provider(s, request, response);
    struct json_out out;

    (void)err;
    if (!provider)
        return true;
    response->cache_control = "max-age=3600";
    http_response_header(response, "Access-Control-Allow-Origin", "*");
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "response_types_supported");
    json_put_string(&out, NULL, "token");
    json_put_string(&out, NULL, "none");
    json_end(&out);
    json_begin_array(&out, "id_token_signing_alg_values_supported");
    json_put_string(&out, NULL, signer_algorithm(provider->token_profile));
    json_end(&out);
    json_put_string(&out, "revocation_endpoint", arena_printf(request->arena, "%s/revoke", provider->issuer));
    json_put_string(&out, "issuer", provider->issuer);
    json_put_string(&out, "jwks_uri", arena_printf(request->arena, "%s/certs", provider->issuer));
    json_begin_array(&out, "claims_supported");
    for (size_t i = 0; provider->token_profile != TOKENS_EAR && i < ARRAY_LEN(claims); i++)
        json_put_string(&out, NULL, claims[i]);
    for (size_t i = 0; provider->token_profile == TOKENS_EAR && i < ARRAY_LEN(ear_claims); i++)
        json_put_string(&out, NULL, ear_claims[i]);
    json_end(&out);
    json_end(&out);
    return true;
}

static bool get_health(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    (void)context;
    (void)request;
    (void)err;
    response->status = 204;
    return true;
}

/* Each endpoint twice: of the provider that Host names, and by path. A caller whose role does not suffice gets 401 (1.3). */
#define ROUTE(method, path, role, max_body, content, handler) ROUTE_AT(method, path, role, max_body, content, handler, HTTP_CHEAP)
#define ROUTE_AT(method, path, role, max_body, content, handler, cost)                    \
    { method, path, role, max_body, content, handler, 401, cost },                        \
    {                                                                                     \
        method, "/providers/{provider}" path, role, max_body, content, handler, 401, cost \
    }

/* clang-format off */
const struct http_route attestation_routes[] = {
    ROUTE_AT("POST", "/attest/{type}",                HTTP_ANONYMOUS,   LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, post_attest, HTTP_COSTLY),
    ROUTE("POST", "/attest/Tee/{type}",               HTTP_ANONYMOUS,   LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, post_attest), /* 2018-09-01-preview */
    ROUTE("GET",  "/certs",                           HTTP_ANONYMOUS,   0,                       HTTP_NO_BODY,  get_certs),
    ROUTE("GET",  "/.well-known/openid-configuration", HTTP_ANONYMOUS,  0,                       HTTP_NO_BODY,  get_openid),
    ROUTE("GET",  "/servicehealth",                   HTTP_ANONYMOUS,   0,                       HTTP_NO_BODY,  get_health),
    ROUTE("GET",  "/policies/{type}",                 HTTP_READER,      0,                       HTTP_NO_BODY,  policy_get),
    ROUTE("PUT",  "/policies/{type}",                 HTTP_CONTRIBUTOR, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, policy_put),
    ROUTE("POST", "/policies/{type}:reset",           HTTP_CONTRIBUTOR, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, policy_reset),
    ROUTE("GET",  "/policies/{type}/history",         HTTP_READER,      0,                       HTTP_NO_BODY,  policy_history),
    ROUTE("POST", "/policies/{type}:dryRun",          HTTP_READER,      LIMIT_ATTEST_BODY_BYTES, HTTP_JSON,     policy_dry_run),
    ROUTE("POST", "/policies/{type}:replay",          HTTP_READER,      LIMIT_POLICY_BODY_BYTES, HTTP_JSON,     policy_replay),
    ROUTE("GET",  "/certificates",                    HTTP_READER,      0,                       HTTP_NO_BODY,  signers_get),
    ROUTE("POST", "/certificates:add",                HTTP_CONTRIBUTOR, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, signers_add),
    ROUTE("POST", "/certificates:remove",             HTTP_CONTRIBUTOR, LIMIT_POLICY_BODY_BYTES, HTTP_ANY_BODY, signers_remove),
};
/* clang-format on */
const size_t attestation_n_routes = ARRAY_LEN(attestation_routes);
