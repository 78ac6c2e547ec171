#include "attestation/policy/signers_api.h"
#include "attestation/policy/signed_request.h"
#include "attestation/service/management_token.h"
#include "base/deadline.h"
#include "base/hex.h"

/* ---- list ------------------------------------------------------------------------------------------------------------ */

static void put_signer(struct json_out *out, const struct cert *cert)
{
    bool rsa = pubkey_type(cert->key) == KEY_RSA;

    json_begin_object(out, NULL);
    if (rsa)
        json_put_string(out, "alg", "RS256");
    json_put_string(out, "kty", rsa ? "RSA" : "EC");
    json_put_string(out, "use", "sig");
    jwk_write_certs(out, &cert, 1);
    json_end(out);
}

static bool answer_get(const struct data_plane_call *call, struct err *err)
{
    struct management_token token CLEANUP(management_token_done) = { 0 };

    management_token_begin(&token, call->provider, call->service->now_ms());
    json_begin_object(&token.out, "x-ms-policy-certificates");
    json_begin_array(&token.out, "keys");
    for (size_t i = 0; i < call->provider->n_signers; i++)
        put_signer(&token.out, call->provider->signers[i]);
    json_end(&token.out);
    json_end(&token.out);
    return management_token_answer(&token, call, err);
}

bool signers_get(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, false, answer_get);
}

/* ---- change ---------------------------------------------------------------------------------------------------------- */

/* The certificate that the payload is about, under one of the names of clients new and old; the caller frees it. */
static bool read_subject(struct arena *a, struct bytes payload, struct cert **ret, struct err *err)
{
    static const char *const names[] = { "policyCertificate", "maa-policyCertificate", "aas-policyCertificate", "x-ms-policyCertificate" };
    const struct json_options strict = { .refuse_duplicates = true };
    const struct json *body, *jwk = NULL, *x5c;
    struct cert *certs[LIMIT_CHAIN_CERTS];
    size_t n;

    if (!json_parse(a, payload, &strict, &body, err))
        return err_within(err, "policy token: payload");
    for (size_t i = 0; i < ARRAY_LEN(names) && !jwk; i++)
        jwk = json_get_no_case(body, names[i]);
    x5c = json_get(jwk, "x5c");
    if (!x5c)
        return err_set(err, ERR_MALFORMED, "Could not find \"policyCertificate\" claim in policy token");
    if (!jwk_parse_certs(x5c, certs, &n, err)) {
        err->code = err_ends_work(err) ? err->code : ERR_UNTRUSTED;
        return err_within(err, "policyCertificate");
    }
    for (size_t i = 1; i < n; i++)
        cert_free(certs[i]);
    if (!certs[0]->key) {
        err_set(err, ERR_UNTRUSTED, "policyCertificate: %s", certs[0]->key_problem);
        cert_free(certs[0]);
        return false;
    }
    *ret = certs[0];
    return true;
}

static bool store_change(const struct data_plane_call *call, const struct cert *subject, bool add, struct err *err)
{
    const struct http_caller *caller = &call->request->caller;
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct store_signer row = { .provider = call->provider->name,
                                .sha256 = sha256,
                                .der = subject->der,
                                .added_ms = call->service->now_ms(),
                                .by = caller->subject ? caller->subject : http_role_name(caller->role) };

    hex_encode((struct bytes){ subject->sha256, CERT_SHA256_LEN }, sha256);
    if (!(add ? store_signer_add(call->service->store, &row, PROVIDER_SIGNERS_MAX, err)
              : store_signer_remove(call->service->store, row.provider, sha256, err))) {
        if (err->code == ERR_LIMIT)
            err->code = ERR_DENIED; /* a full list is a state, not a large request */
        return false;
    }
    return providers_reload(call->service->providers, row.provider, err);
}

/* Upper-case hexadecimal of the SHA-1 of the DER: a name, never a proof. */
static void put_thumbprint(struct json_out *out, const struct cert *cert)
{
    uint8_t sha1[CERT_SHA1_LEN];
    char text[2 * CERT_SHA1_LEN + 1];

    cert_sha1(cert, sha1);
    hex_encode(BYTES_OF(sha1), text);
    for (char *c = text; *c; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    json_put_string(out, "x-ms-certificate-thumbprint", text);
}

static bool change(const struct data_plane_call *call, const char *member, bool add, struct err *err)
{
    struct management_token token CLEANUP(management_token_done) = { 0 };
    struct signed_request r CLEANUP(signed_request_done) = { 0 };
    struct cert *subject CLEANUP(cert_free_at) = NULL;
    int64_t now = call->service->now_ms();

    if (!call->provider->isolated)
        return err_set(err, ERR_DENIED, "Provider %s has the trust model AAD: it has no policy signers to add or remove.",
                       call->provider->name);
    if (!signed_request_read(call, member, &r, err) || !read_subject(call->request->arena, r.payload, &subject, err) ||
        !store_change(call, subject, add, err))
        return false;
    management_token_begin(&token, call->provider, now);
    put_thumbprint(&token.out, subject);
    json_put_string(&token.out, "x-ms-policycertificates-result", add ? "IsPresent" : "IsAbsent");
    return management_token_answer(&token, call, err);
}

static bool answer_add(const struct data_plane_call *call, struct err *err) { return change(call, "policyCertificateToAdd", true, err); }

static bool answer_remove(const struct data_plane_call *call, struct err *err)
{
    return change(call, "policyCertificateToRemove", false, err);
}

bool signers_add(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, false, answer_add);
}

bool signers_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, false, answer_remove);
}
