#include "attestation/resource/provider_body.h"
#include <strings.h>
#include "attestation/provider/authority.h"
#include "base/hex.h"
#include "jose/jwk.h"

/* Pointers into the body. */
#define OWN     "/properties/trueboot"
#define SIGNERS "/properties/policySigningCertificates"

static bool is_absent(const struct json *v) { return !v || v->type == JSON_NULL; }

/* `place`: the object's own pointer. */
static bool read_switch(const struct json *object, const char *place, const char *name, bool *ret, struct err *err)
{
    const struct json *v = json_get_no_case(object, name);

    if (is_absent(v))
        return true;
    if (!json_is_string(v, "Enabled") && !json_is_string(v, "Disabled"))
        return err_set(err, ERR_MALFORMED, "%s is not \"Enabled\" or \"Disabled\"", name) || err_at(err, "%s/%s", place, name);
    *ret = json_is_string(v, "Enabled");
    return true;
}

/* properties.trueboot.tokenProfile: how tokens are made from now on. */
static bool read_profile(const struct json *own, enum token_profile *ret, struct err *err)
{
    const struct json *v = json_get_no_case(own, "tokenProfile");

    return !v || (v->type == JSON_STRING && token_profile_from_name(v->string, ret)) ||
           err_set(err, ERR_MALFORMED, "properties.trueboot.tokenProfile is not \"original\", \"es256\" or \"ear\"") ||
           err_at(err, OWN "/tokenProfile");
}

/* A name as a part of a JSON pointer (RFC 6901). */
static const char *pointer_part(struct arena *a, struct bytes name)
{
    char *out = arena_alloc(a, 2 * name.len + 1);
    size_t n = 0;

    if (!out)
        return "";
    for (size_t i = 0; i < name.len; i++) {
        bool escaped = name.data[i] == '~' || name.data[i] == '/';
        if (escaped)
            out[n++] = '~';
        out[n++] = escaped ? name.data[i] == '/' ? '1' : '0' : (char)name.data[i];
    }
    out[n] = '\0';
    return out;
}

static bool read_tags(struct arena *a, const struct json *tags, const char **ret, struct err *err)
{
    if (is_absent(tags))
        return true;
    if (tags->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "tags is not an object") || err_at(err, "/tags");
    for (size_t i = 0; i < tags->object.n; i++)
        if (tags->object.members[i].value->type != JSON_STRING)
            return err_set(err, ERR_MALFORMED, "tags: the value of a tag is not a string") ||
                   err_at(err, "/tags/%s", pointer_part(a, tags->object.members[i].name));
    *ret = json_to_string(a, tags, JSON_COMPACT);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for tags");
}

bool provider_body_merge(struct arena *a, const struct json *body, struct store_provider *p, struct err *err)
{
    const struct json *properties = json_get_no_case(body, "properties"), *own = json_get_no_case(properties, "trueboot");

    if (body->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "the request's body is not an object");
    if (!is_absent(properties) && properties->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "properties is not an object") || err_at(err, "/properties");
    if (!is_absent(own) && own->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "properties.trueboot is not an object") || err_at(err, OWN);
    return read_tags(a, json_get_no_case(body, "tags"), &p->tags, err) &&
           read_switch(properties, "/properties", "publicNetworkAccess", &p->public_network_access, err) &&
           read_switch(properties, "/properties", "tpmAttestationAuthentication", &p->tpm_authentication, err) &&
           read_switch(own, OWN, "serverAkCa", &p->server_ak_ca, err) && read_switch(own, OWN, "tpmProtocolV1", &p->tpm_v1, err) &&
           read_switch(own, OWN, "enrolmentToken", &p->enrolment_token, err) && read_profile(own, &p->token_profile, err);
}

/* "East US" and "eastus" are one place. */
bool provider_same_place(struct bytes a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] == ' ')
            continue;
        while (*b == ' ')
            b++;
        if (!*b || strncasecmp((const char *)&a.data[i], b++, 1) != 0)
            return false;
    }
    while (*b == ' ')
        b++;
    return !*b;
}

static bool need_location(const struct json *body, struct bytes *ret, struct err *err)
{
    const struct json *properties = json_get_no_case(body, "properties");
    bool has_properties = properties && properties->type == JSON_OBJECT;

    *ret = bytes_trim(json_text(json_get_no_case(body, "location"), BYTES_NONE));
    return (ret->len && has_properties) || err_set(err, ERR_MALFORMED, "location and properties are required") ||
           err_at(err, has_properties ? "/location" : "/properties");
}

bool provider_body_replace(struct arena *a, const struct json *body, struct store_provider *p, struct err *err)
{
    const struct json *signers = json_get_no_case(json_get_no_case(body, "properties"), "policySigningCertificates");
    struct bytes location;

    if (!need_location(body, &location, err))
        return false;
    if (!provider_same_place(location, p->location))
        return err_set(err, ERR_CONFLICT, "attestation provider %s is in location %s, which cannot be changed", p->name, p->location) ||
               err_at(err, "/location");
    if (!is_absent(signers) && !p->isolated)
        return err_set(err, ERR_CONFLICT,
                       "attestation provider %s has the trust model AAD, which is fixed at creation: policySigningCertificates cannot be "
                       "given to it",
                       p->name) ||
               err_at(err, SIGNERS);
    p->tags = "{}";
    p->public_network_access = p->tpm_authentication = true;
    return provider_body_merge(a, body, p, err);
}

static bool read_signer(struct arena *a, const struct json *key, size_t index, struct store_signer *ret, struct err *err)
{
    const struct json *x5c = json_get_no_case(key, "x5c"); /* names of members match in any case here (control-plane.md 1.1) */
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct err why = ERR_INIT;
    bool fine;
    size_t n;

    if (!x5c || !jwk_parse_certs(x5c, certs, &n, &why) || n == 0)
        return err_set(err, ERR_MALFORMED, "policySigningCertificates: a key is not an X509 security key%s%s", why.text[0] ? ": " : "",
                       why.text) ||
               err_at(err, SIGNERS "/keys/%zu", index);
    fine = certs[0]->key && arena_copy(a, certs[0]->der, &ret->der);
    if (fine)
        ret->sha256 = hex_in(a, (struct bytes){ certs[0]->sha256, CERT_SHA256_LEN });
    else
        fine = err_set(err, ERR_UNSUPPORTED, "policySigningCertificates: %s",
                       certs[0]->key_problem ? certs[0]->key_problem : "out of memory") ||
               err_at(err, SIGNERS "/keys/%zu/x5c/0", index);
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
    return fine && (ret->sha256 || err_set(err, ERR_NO_MEMORY, "no memory for a certificate"));
}

/* The presence of policySigningCertificates makes a provider Isolated. */
static bool read_signers(struct arena *a, const struct json *properties, const struct store_provider *p, struct store_signer **ret,
                         size_t *ret_n, struct err *err)
{
    const struct json *given = json_get_no_case(properties, "policySigningCertificates"), *keys = json_get_no_case(given, "keys");
    struct store_signer *signers = ARENA_ARRAY(a, PROVIDER_SIGNERS_MAX, struct store_signer);

    *ret_n = 0;
    if (is_absent(given))
        return true;
    if (!keys || keys->type != JSON_ARRAY || keys->array.n == 0)
        return err_set(err, ERR_MALFORMED, "properties.policySigningCertificates has no keys") || err_at(err, SIGNERS "/keys");
    if (keys->array.n > PROVIDER_SIGNERS_MAX)
        return err_set(err, ERR_MALFORMED, "properties.policySigningCertificates has more than %d keys", PROVIDER_SIGNERS_MAX) ||
               err_at(err, SIGNERS "/keys");
    if (!signers)
        return err_set(err, ERR_NO_MEMORY, "no memory for signers");
    for (size_t i = 0; i < keys->array.n; i++) {
        signers[i] = (struct store_signer){ .provider = p->name, .added_ms = p->created_ms, .by = p->created_by };
        if (!read_signer(a, keys->array.items[i], i, &signers[i], err))
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

    if (is_absent(given)) {
        p->attest_uri = arena_printf(a, "%s/providers/%s", s->issuer, p->name);
    } else {
        if (!authority_of_uri(json_text(given, BYTES_NONE), &own, err))
            return err_within(err, "properties.trueboot.attestUri") || err_at(err, OWN "/attestUri");
        if (authority_of_uri(bytes_of_string(s->issuer), &shared, &ignored) && authority_same_name(&own, &shared) &&
            own.port == shared.port)
            return err_set(err, ERR_CONFLICT, "properties.trueboot.attestUri is the shared provider's") || err_at(err, OWN "/attestUri");
        p->attest_uri = authority_uri(a, &own); /* in one spelling: it is compared, and stands in tokens */
    }
    return p->attest_uri || err_set(err, ERR_NO_MEMORY, "no memory for an address");
}

bool provider_body_create(const struct attestation_service *s, struct arena *a, const struct json *body, struct store_provider *p,
                          struct store_signer **ret, size_t *ret_n, struct err *err)
{
    const struct json *properties = json_get_no_case(body, "properties");
    struct bytes location;

    if (!need_location(body, &location, err))
        return false;
    p->location = arena_string(a, location);
    if (!p->location)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider");
    if (!provider_body_merge(a, body, p, err) || !read_uri(s, a, properties, p, err) || !read_signers(a, properties, p, ret, ret_n, err))
        return false;
    p->isolated = *ret_n > 0;
    return true;
}
