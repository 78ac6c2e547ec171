/* The attestation service's routes, and its key and metadata documents (attestation-service.md 2.2, 3.4, 3.5). */
#include "attestation/attest.h"
#include "attestation/service.h"

static bool text_is(struct bytes text, const char *word)
{
    size_t i = 0;

    for (; i < text.len && word[i]; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t)word[i])
            return false;
    }
    return i == text.len && !word[i];
}

/* The api-versions in circulation; one behaviour for all of them. */
static bool check_api_version(const struct http_request *request, struct http_response *response, bool *ret_fine)
{
    static const char *const versions[] = { "2018-09-01-preview", "2020-10-01", "2022-08-01",        "2022-09-01-preview",
                                            "2023-04-01-preview", "2025-06-01", "2026-03-11-preview" };
    struct bytes version;
    struct err err = ERR_INIT;

    *ret_fine = false;
    if (!http_query(request, "api-version", &version, &err))
        return http_response_error(response, 400, "MissingApiVersionParameter", NULL,
                                   "The api-version query parameter (?api-version=) is required, once.");
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        *ret_fine |= bytes_equal_string(version, versions[i]);
    return *ret_fine ||
           http_response_error(response, 400, "UnsupportedApiVersion", NULL,
                               "api-version is none of those this service knows; the newest is %s.", versions[ARRAY_LEN(versions) - 1]);
}

static bool post_attest(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    static const char *const elsewhere[] = { "azureguest", "sgxenclave", "openenclave", "sevsnpvm", "tdxvm" };
    struct bytes type = http_param(request, "type");
    bool fine;

    if (!check_api_version(request, response, &fine) || !fine)
        return true;
    if (text_is(type, "tpm") || text_is(type, "vsmenclave"))
        return attest_tpm(context, request, response, err);
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (text_is(type, elsewhere[i]))
            return http_response_error(response, 400, "NotSupported", NULL, "This service verifies evidence of type Tpm.");
    return http_response_error(response, 404, "NotFound", NULL, "There is no such attestation type.");
}

static bool get_certs(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct attestation_service *s = context;
    const struct signing_key *const keys[] = { &s->token_key, &s->report_key };
    struct published_key published[ARRAY_LEN(keys)];
    struct json_out out;

    (void)request;
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        published[i] =
            (struct published_key){ keys[i]->algorithm, keys[i]->kid, (const struct cert *const *)keys[i]->chain, keys[i]->n_chain };
    response->cache_control = "max-age=3600";
    /* Not application/jwk+json: the widest-spread client silently reads nothing then (2.4). */
    http_response_header(response, "Access-Control-Allow-Origin", "*");
    out = http_response_json(response, 200);
    jwks_write(&out, published, ARRAY_LEN(published));
    return true;
}

static bool get_openid(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
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
    struct json_out out;

    (void)err;
    response->cache_control = "max-age=3600";
    http_response_header(response, "Access-Control-Allow-Origin", "*");
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "response_types_supported");
    json_put_string(&out, NULL, "token");
    json_put_string(&out, NULL, "none");
    json_end(&out);
    json_begin_array(&out, "id_token_signing_alg_values_supported");
    json_put_string(&out, NULL, jws_algorithm_name(s->report_key.algorithm));
    json_end(&out);
    json_put_string(&out, "revocation_endpoint", arena_printf(request->arena, "%s/revoke", s->issuer));
    json_put_string(&out, "issuer", s->issuer);
    json_put_string(&out, "jwks_uri", arena_printf(request->arena, "%s/certs", s->issuer));
    json_begin_array(&out, "claims_supported");
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        json_put_string(&out, NULL, claims[i]);
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

const struct http_route attestation_routes[] = {
    { "POST", "/attest/{type}", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_ANY_BODY, post_attest, 0 },
    { "GET", "/certs", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_certs, 0 },
    { "GET", "/.well-known/openid-configuration", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_openid, 0 },
    { "GET", "/servicehealth", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_health, 0 },
};
const size_t attestation_n_routes = ARRAY_LEN(attestation_routes);
