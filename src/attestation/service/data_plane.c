#include "attestation/service/data_plane.h"
#include "base/deadline.h"
#include "base/clock.h"

/* The api-versions in circulation; one behaviour for all of them. */
bool data_plane_version(const struct http_request *request, struct http_response *response)
{
    static const char *const versions[] = { "2018-09-01-preview", "2020-10-01", "2022-08-01",        "2022-09-01-preview",
                                            "2023-04-01-preview", "2025-06-01", "2026-03-11-preview" };
    struct bytes version;
    struct err err = ERR_INIT;

    if (!http_query(request, "api-version", &version, &err)) {
        err_point(&response->about, "api-version");
        http_response_error(response, 400, "MissingApiVersionParameter", NULL,
                            "The api-version query parameter (?api-version=) is required, once.");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (bytes_equal_string(version, versions[i]))
            return true;
    err_point(&response->about, "api-version");
    http_response_error(response, 400, "UnsupportedApiVersion", NULL, "api-version is none of those this service knows; the newest is %s.",
                        versions[ARRAY_LEN(versions) - 1]);
    return false;
}

bool data_plane_locate(void *service, struct http_request *request, struct err *err)
{
    const struct attestation_service *s = service;
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    struct bytes name = http_param(request, "provider");
    size_t n = request->params.n, at = name.data ? 0 : n;
    struct http_field *params = ARENA_ARRAY(request->arena, n + 1, struct http_field);

    if (!params)
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    if (name.data)
        p = providers_get(s->providers, name);
    else if (!providers_by_host(s->providers, http_header(request, "Host"), &p, err))
        return false;
    if (!p)
        return err_set(err, ERR_NOT_FOUND, "There is no such attestation provider.") ||
               err_remedy(err, "docs/providers.md", "trueboot provider list");
    if (n)
        memcpy(params, request->params.items, n * sizeof *params);
    while (at < n && !bytes_equal_string(params[at].name, "provider"))
        at++;
    params[at].name = BYTES_LIT("provider");
    if (!arena_copy(request->arena, bytes_of_string(p->name), &params[at].value))
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    request->params = (struct http_fields){ params, at == n ? n + 1 : n };
    return true;
}

const struct provider *data_plane_provider(const struct attestation_service *service, const struct http_request *request,
                                           struct http_response *response)
{
    const struct provider *p = providers_get(service->providers, http_param(request, "provider"));

    if (!p) {
        err_advise(&response->about, "docs/providers.md", "trueboot provider list");
        http_response_error(response, 404, "NotFound", NULL, "There is no such attestation provider.");
        return NULL;
    }
    if (!p->public_network && !request->peer.local) {
        err_advise(&response->about, "docs/providers.md", "trueboot provider update %s --public-network=true", p->name);
        http_response_error(response, 403, "Forbidden", NULL, "Public network access of attestation provider %s is disabled.", p->name);
        provider_free(p);
        return NULL;
    }
    return p;
}

bool data_plane_reader(const struct attestation_service *service, const struct http_request *request, struct http_response *response)
{
    struct http_caller caller = request->caller;
    struct err err = ERR_INIT;

    if (http_caller_may(&caller, request, HTTP_READER))
        return true;
    if (service->identify && !service->identify(service->identify_context, request, &caller, &err)) {
        caller.role = HTTP_ANONYMOUS;
        if (err.code == ERR_UNREACHABLE || err.code == ERR_LATE) { /* who calls is not known yet: that is not their fault */
            http_response_err(response, &err);
            return false;
        }
    }
    deadline_forget_stored();
    if (http_caller_may(&caller, request, HTTP_READER))
        return true;
    http_response_header(response, "WWW-Authenticate", "Bearer");
    err_advise(&response->about, "docs/providers.md", "trueboot token create NAME --role reader");
    http_response_error(response, 401, "Unauthorized", NULL, "%s",
                        err.text[0] ? err.text : "This call wants credentials, of a caller with the role reader.");
    return false;
}

bool data_plane_within_budget(const struct attestation_service *service, const struct cert *ak, const struct verified_quote *quote,
                              struct http_response *response)
{
    unsigned retry;

    if (!service->per_vm || !ak || !quote ||
        rate_limiter_take(service->per_vm, (struct bytes){ ak->sha256, CERT_SHA256_LEN }, clock_monotonic_us(), &retry))
        return true;
    return !http_response_busy(response, retry, "from this VM");
}

static bool answer_error(struct http_response *response, const struct err *err)
{
    switch (err->code) {
    case ERR_TRUNCATED:
    case ERR_MALFORMED:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
    case ERR_LIMIT: /* of what the body holds; one that is too large came never so far */
        response->about = *err;
        return http_response_error(response, 400, "InvalidOperation", NULL, "%s", err->text);
    default:
        return http_response_err(response, err);
    }
}

bool data_plane_run(struct attestation_service *service, const struct http_request *request, struct http_response *response,
                    bool wants_type, bool (*answer)(const struct data_plane_call *call, struct err *err))
{
    const struct provider *provider CLEANUP(provider_free_at) = NULL;
    struct data_plane_call call = { .service = service, .request = request, .response = response };
    struct err err = ERR_INIT;

    if (!data_plane_version(request, response))
        return true;
    if (wants_type && !provider_type_from_name(http_param(request, "type"), &call.type))
        return http_response_error(response, 404, "NotFound", NULL, "There is no such attestation type.");
    provider = data_plane_provider(service, request, response);
    if (!provider)
        return true;
    call.provider = provider;
    return answer(&call, &err) || answer_error(response, &err);
}
