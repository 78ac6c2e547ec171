#include "attestation/resource/private_link_api.h"
#include "attestation/resource/provider_api.h"

bool private_link_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;

    if (!provider_version_fine(request, response))
        return true;
    return provider_find(context, request, &p, err) &&
           err_set(err, ERR_NOT_FOUND, "attestation provider %s has no private endpoint connections", p.name);
}

bool private_link_put(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;

    if (!provider_version_fine(request, response))
        return true;
    return provider_find(context, request, &p, err) &&
           http_response_error(response, 400, "NotSupported", NULL,
                               "Private endpoints are made in the network that this server stands in, not here; publicNetworkAccess "
                               "Disabled leaves a provider to the local socket.");
}

bool private_link_delete(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;

    if (!provider_version_fine(request, response))
        return true;
    response->status = 204;
    return provider_find(context, request, &p, err);
}

bool private_links_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_provider p;
    struct json_out out;

    if (!provider_version_fine(request, response))
        return true;
    if (!provider_find(context, request, &p, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    json_end(&out);
    json_end(&out);
    return true;
}
