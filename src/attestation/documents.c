#include "attestation/documents.h"
#include "attestation/protocol/token_members.h"
#include "attestation/service/data_plane.h"
#include "attestation/service/service.h"
#include "attestation/service/signer.h"
#include "base/limits.h"
#include "jose/jwks.h"
#include "policy/claim_list.h"

static void publish(struct http_response *response)
{
    response->cache_control = "max-age=3600";
    http_response_header(response, "Access-Control-Allow-Origin", "*");
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

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

/* Not application/jwk+json: the widest-spread client silently reads nothing then (2.4). */
bool document_certs(void *context, const struct http_request *request, struct http_response *response, struct err *err)
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
    publish(response);
    out = http_response_json(response, 200);
    jwks_write(&out, published, n);
    return true;
}

/* ---- metadata ---------------------------------------------------------------------------------------------------------- */

static void put_words(struct json_out *out, const char *name, const char *const *words, size_t n)
{
    json_begin_array(out, name);
    for (size_t i = 0; i < n; i++)
        json_put_string(out, NULL, words[i]);
    json_end(out);
}

static bool is_member(const char *name)
{
    for (size_t i = 0; i < token_n_members; i++)
        if (strcmp(token_members[i].place, name) == 0)
            return true;
    return false;
}

/* What tokens of a profile may say (sections 6.6, 10, 11; docs/claims.md): their members, and in the original's the claims, which for Tpm
 * stand there when a policy issues them. */
static void put_claims_supported(struct json_out *out, bool ear)
{
    unsigned tokens = ear ? TOKEN_EARS : TOKEN_REPORT | TOKEN_AZUREGUEST;

    json_begin_array(out, "claims_supported");
    for (size_t i = 0; i < token_n_members; i++)
        if (token_members[i].tokens & tokens && !strchr(token_members[i].place, '/'))
            json_put_string(out, NULL, token_members[i].place);
    for (size_t i = 0; !ear && i < CLAIM_COUNT; i++)
        if (!(service_claims[i].marks & CLAIM_READ_ONLY) && !is_member(service_claims[i].name))
            json_put_string(out, NULL, service_claims[i].name);
    json_end(out);
}

static void put_rate(struct json_out *out, const char *name, const struct rate_limiter *limiter, unsigned period_ms)
{
    struct rate r = rate_limiter_rate(limiter, period_ms);

    json_begin_object(out, name);
    json_put_integer(out, "calls", r.per);
    json_put_integer(out, "seconds", period_ms / 1000);
    json_put_integer(out, "burst", r.burst);
    json_end(out);
}

/* 13.3. A rate that is not limited is not mentioned. */
static void put_limits(struct json_out *out, const struct attestation_service *s)
{
    static const struct {
        const char *name;
        int64_t value;
    } fixed[] = { { "headerBytes", LIMIT_HTTP_HEADER_BYTES },
                  { "attestBodyBytes", LIMIT_ATTEST_BODY_BYTES },
                  { "policyBodyBytes", LIMIT_POLICY_BODY_BYTES },
                  { "logBytes", LIMIT_LOG_BYTES },
                  { "logEvents", LIMIT_LOG_EVENTS },
                  { "imaEntries", LIMIT_IMA_ENTRIES },
                  { "jsonDepth", LIMIT_JSON_DEPTH },
                  { "policySigners", PROVIDER_SIGNERS_MAX },
                  { "policyTextBytes", LIMIT_POLICY_TEXT_BYTES },
                  { "policyRules", LIMIT_POLICY_RULES },
                  { "challengeSeconds", LIMIT_CHALLENGE_SECONDS },
                  { "otherKeys", LIMIT_OTHER_KEYS },
                  { "customClaims", LIMIT_CUSTOM_CLAIMS } };

    json_begin_object(out, "trueboot_limits");
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        json_put_integer(out, fixed[i].name, fixed[i].value);
    if (rate_limiter_rate(s->per_address, 1000).per)
        put_rate(out, "attestPerAddress", s->per_address, 1000);
    if (rate_limiter_rate(s->per_vm, 60 * 1000).per)
        put_rate(out, "attestPerKey", s->per_vm, 60 * 1000);
    json_end(out);
}

bool document_openid(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    static const char *const responses[] = { "token", "none" };
    const struct attestation_service *s = context;
    const struct provider *provider CLEANUP(provider_free_at) = data_plane_provider(s, request, response);
    const char *algorithm;
    struct json_out out;

    if (!provider)
        return true;
    publish(response);
    algorithm = signer_algorithm(provider->token_profile);
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    put_words(&out, "response_types_supported", responses, ARRAY_LEN(responses));
    put_words(&out, "id_token_signing_alg_values_supported", &algorithm, 1);
    json_put_string(&out, "revocation_endpoint", arena_printf(request->arena, "%s/revoke", provider->issuer));
    json_put_string(&out, "issuer", provider->issuer);
    json_put_string(&out, "jwks_uri", arena_printf(request->arena, "%s/certs", provider->issuer));
    put_claims_supported(&out, provider->token_profile == TOKENS_EAR);
    put_limits(&out, s);
    json_end(&out);
    return true;
}

bool document_preflight(void *context UNUSED, const struct http_request *request UNUSED, struct http_response *response,
                        struct err *err UNUSED)
{
    response->status = 204;
    publish(response);
    http_response_header(response, "Access-Control-Allow-Methods", "GET, HEAD");
    /* "*" stands for any header but Authorization, which clients with a credential send here, too. */
    http_response_header(response, "Access-Control-Allow-Headers", "*, Authorization");
    http_response_header(response, "Access-Control-Max-Age", "3600");
    return true;
}
