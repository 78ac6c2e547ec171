#include "attestation/resource/provider_form.h"
#include <strings.h>

const char *provider_caller(const struct http_request *request)
{
    return request->caller.subject ? request->caller.subject : http_role_name(request->caller.role);
}

static const char *enabled(bool on) { return on ? "Enabled" : "Disabled"; }

bool provider_same_id(struct bytes given, const char *stored)
{
    return given.len == strlen(stored) && (given.len == 0 || strncasecmp((const char *)given.data, stored, given.len) == 0);
}

static bool is_digits(struct bytes text, size_t from, size_t n, unsigned least, unsigned most)
{
    unsigned value = 0;

    for (size_t i = from; i < from + n; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    return value >= least && value <= most;
}

/* YYYY-MM-DD or YYYY-MM-DD-preview, not older than the first one there was: tools of tomorrow ask for dates that nobody knows today, and what
 * is served does not depend on them (control-plane.md 11). */
static bool is_version(struct bytes text, const char *oldest)
{
    static const char preview[] = "-preview";
    size_t n = strlen(oldest);

    return (text.len == n ||
            (text.len == n + sizeof preview - 1 && strncasecmp((const char *)text.data + n, preview, text.len - n) == 0)) &&
           is_digits(text, 0, 4, 2000, 2999) && text.data[4] == '-' && is_digits(text, 5, 2, 1, 12) && text.data[7] == '-' &&
           is_digits(text, 8, 2, 1, 31) && memcmp(text.data, oldest, n) >= 0;
}

bool provider_version_since(const struct http_request *request, struct http_response *response, const char *oldest)
{
    struct bytes version;
    struct err ignored = ERR_INIT;

    if (bytes_starts_with(request->path, BYTES_LIT("/v1/")))
        return true;
    if (http_query(request, "api-version", &version, &ignored) && is_version(version, oldest))
        return true;
    err_point(&response->about, "api-version");
    if (http_query_count(request, "api-version") != 1)
        http_response_error(response, 400, "MissingApiVersionParameter", NULL,
                            "The api-version query parameter (?api-version=) is required for all requests, once.");
    else
        http_response_error(
            response, 400, "InvalidApiVersionParameter", NULL,
            "The api-version is invalid. It is a date, YYYY-MM-DD or YYYY-MM-DD-preview, from %s on; current is 2021-06-01.", oldest);
    return false;
}

bool provider_version_fine(const struct http_request *request, struct http_response *response)
{
    return provider_version_since(request, response, "2018-09-01");
}

static void put_properties(struct json_out *out, const char *attest_uri, bool isolated, bool public_network, bool tpm_authentication,
                           bool server_ak_ca, bool tpm_v1, bool enrolment_token, enum token_profile profile)
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
    json_put_string(out, "enrolmentToken", enabled(enrolment_token));
    json_put_string(out, "tokenProfile", token_profile_name(profile));
    json_end(out);
    json_end(out);
}

const char *provider_id(struct arena *a, const struct store_provider *p)
{
    return arena_printf(a, "/subscriptions/%s/resourceGroups/%s/providers/" PROVIDER_RESOURCE_TYPE "/%s", p->subscription,
                        p->resource_group, p->name);
}

/* API tokens are keys; everybody else is taken for a person. */
static const char *kind_of_caller(const char *who) { return bytes_starts_with(bytes_of_string(who), BYTES_LIT("token ")) ? "Key" : "User"; }

static void put_system_data(struct json_out *out, const struct store_provider *p)
{
    bool changed = p->modified_ms != 0 && p->modified_by;
    const char *by = changed ? p->modified_by : p->created_by;

    json_begin_object(out, "systemData");
    json_put_string(out, "createdBy", p->created_by);
    json_put_string(out, "createdByType", kind_of_caller(p->created_by));
    json_put_time(out, "createdAt", p->created_ms);
    json_put_string(out, "lastModifiedBy", by);
    json_put_string(out, "lastModifiedByType", kind_of_caller(by));
    json_put_time(out, "lastModifiedAt", changed ? p->modified_ms : p->created_ms);
    json_end(out);
}

void provider_write(struct arena *a, struct json_out *out, const struct store_provider *p)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", provider_id(a, p));
    json_put_string(out, "name", p->name);
    json_put_string(out, "type", PROVIDER_RESOURCE_TYPE);
    json_put_string(out, "location", p->location);
    json_put_raw(out, "tags", bytes_of_string(p->tags));
    put_properties(out, p->attest_uri, p->isolated, p->public_network_access, p->tpm_authentication, p->server_ak_ca, p->tpm_v1,
                   p->enrolment_token, p->token_profile);
    put_system_data(out, p);
    json_end(out);
}

void provider_write_shared(const struct attestation_service *s, struct arena *a, struct json_out *out, const struct provider *p)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", arena_printf(a, "providers/" PROVIDER_RESOURCE_TYPE "/%s", p->name));
    json_put_string(out, "name", p->name);
    json_put_string(out, "type", PROVIDER_RESOURCE_TYPE);
    json_put_string(out, "location", p->location);
    put_properties(out, p->issuer, false, true, p->tpm_authentication, true, p->tpm_v1, s->enrolment_token, p->token_profile);
    json_end(out);
}
