#include "attestation/policy/signed_request.h"
#include "attestation/provider/policy_text.h"
#include "base/deadline.h"
#include "base/limits.h"
#include "jose/jws.h"
#include "x509/chain.h"

/* A bare JWS, one in quotes, a JSON string, or a JSON object around it. */
static bool unwrap(const struct http_request *request, const char *member, struct bytes *ret, struct err *err)
{
    struct bytes body = bytes_trim(request->body);
    const struct json *v;

    if (body.len && body.data[0] == '{' && member) {
        if (!json_parse(request->arena, body, NULL, &v, err))
            return err_within(err, "the request's body");
        v = json_get_no_case(v, member);
        if (!v || v->type != JSON_STRING)
            return err_set(err, ERR_MALFORMED, "the request's body has no member %s with a token", member);
        body = bytes_trim(v->string);
    } else if (body.len && body.data[0] == '"' && json_parse(request->arena, body, NULL, &v, err) && v->type == JSON_STRING) {
        body = bytes_trim(v->string);
    }
    *ret = body;
    return true;
}

/* The words that people search for (2.5). */
static bool check_shape(struct bytes compact, struct err *err)
{
    static const char *const which[] = { "first", "second" };
    struct bytes rest = compact;

    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        size_t period = bytes_find(rest, BYTES_LIT("."));
        if (period == SIZE_MAX)
            return err_set(err, ERR_MALFORMED, "Malformed JWT: Could not find %s period in the token.", which[i]);
        if (!base64_characters_only(bytes_slice(rest, 0, period), err))
            return false;
        rest = bytes_slice(rest, period + 1, SIZE_MAX);
    }
    return base64_characters_only(rest, err);
}

static void free_certs(struct cert **certs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
}

static bool check_chain(const struct data_plane_call *call, struct cert **certs, size_t n, struct err *err)
{
    const struct chain_options options = { .purpose = CHAIN_POLICY_SIGNER,
                                           .now_ms = call->service->now_ms(),
                                           .skew_ms = CHAIN_CLOCK_SKEW_MS,
                                           .ignore_dates = call->service->signer_dates_do_not_count };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;

    if (!call->provider->signer_trust)
        return err_set(err, ERR_UNTRUSTED, "the provider has no policy signers");
    return chain_verify(call->provider->signer_trust, certs[0], (const struct cert *const *)certs + 1, n - 1, &options, &chain, err) ||
           err_within(err, "policy signer");
}

static bool verify(const struct data_plane_call *call, const struct jws *jws, struct signed_request *r, struct err *err)
{
    struct cert *certs[LIMIT_CHAIN_CERTS];
    const struct verified_jws *verified;
    size_t n;
    bool fine;

    if (!jws_header_certs(jws, certs, &n, err)) {
        err->code = err_ends_work(err) ? err->code : ERR_UNTRUSTED;
        return false;
    }
    fine = certs[0]->key ? jws_verify(call->request->arena, jws, certs[0]->key, JWS_ALLOW_ALL, &verified, err)
                         : err_set(err, ERR_UNTRUSTED, "policy signer: %s", certs[0]->key_problem);
    fine = fine && (!call->provider->isolated || check_chain(call, certs, n, err));
    if (fine) {
        r->payload = verified_jws_payload(verified);
        r->signer = cert_ref(certs[0]);
    }
    free_certs(certs, n);
    return fine;
}

bool signed_request_read(const struct data_plane_call *call, const char *member, struct signed_request *ret, struct err *err)
{
    struct arena *a = call->request->arena;
    struct unsecured_jws unsecured;
    struct signed_request r = { 0 };
    struct jws jws;

    if (!unwrap(call->request, member, &r.compact, err) || !check_shape(r.compact, err))
        return false;
    if (jws_parse_unsecured(a, r.compact, LIMIT_POLICY_BODY_BYTES, &unsecured, err)) {
        if (call->provider->isolated)
            return err_set(err, ERR_DENIED, "Unsigned JWS specified but enclave is configured with signing certificates.");
        r.payload = unsecured.payload;
    } else if (err->code != ERR_UNSUPPORTED || !jws_parse_loose(a, r.compact, LIMIT_POLICY_BODY_BYTES, &jws, err) ||
               !verify(call, &jws, &r, err)) {
        return false;
    }
    *ret = r;
    return true;
}

void signed_request_done(struct signed_request *request)
{
    cert_free(request->signer);
    *request = (struct signed_request){ 0 };
}
