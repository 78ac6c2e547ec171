#include "attestation/policy/policy_api.h"
#include "attestation/policy/signed_request.h"
#include "attestation/provider/policy_text.h"
#include "attestation/resource/operation_kinds.h"
#include "attestation/service/management_token.h"
#include "attestation/service/refusal_answer.h"
#include "base/base64.h"

enum { HISTORY_LENGTH = 100 };

static bool refuse_shared(const struct data_plane_call *call, struct err *err)
{
    return !call->provider->shared ||
           err_set(err, ERR_DENIED, "The policies of the shared provider %s cannot be changed: create a provider of your own.",
                   call->provider->name) ||
           err_remedy(err, "docs/providers.md", "trueboot provider create NAME");
}

static const char *caller_name(const struct http_request *request)
{
    return request->caller.subject ? request->caller.subject : http_role_name(request->caller.role);
}

/* ---- get ------------------------------------------------------------------------------------------------------------- */

static bool answer_get(const struct data_plane_call *call, struct err *err)
{
    struct management_token token CLEANUP(management_token_done) = { 0 };

    management_token_begin(&token, call->provider, call->service->now_ms());
    json_put_bytes(&token.out, "x-ms-policy", call->provider->policies[call->type].jws);
    return management_token_answer(&token, call, err);
}

bool policy_get(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_get);
}

/* ---- set ------------------------------------------------------------------------------------------------------------- */

/* A tracked operation that has ended when this returns; its id travels in a header, because the body is the published token. */
static bool store_change(const struct data_plane_call *call, struct bytes jws, const char *hash, struct err *err)
{
    const char *input = operation_input_policy(call->request->arena, provider_type_name(call->type), jws, hash);
    struct operation operation;

    if (!input)
        return err_set(err, ERR_NO_MEMORY, "no memory for a policy");
    if (!operation_run(call->service, call->request->arena, hash ? OPERATION_POLICY_SET : OPERATION_POLICY_RESET, call->provider->name,
                       bytes_of_string(input), caller_name(call->request), &operation, err))
        return false;
    operation_headers(call->response, &operation, false);
    return true;
}

/* The hash of the text (4.5); a text that does not parse is answered at once: *ret_hash is NULL then. */
static bool check_text(const struct data_plane_call *call, struct bytes text, const char **ret_hash, struct err *err)
{
    struct arena *a = call->request->arena;
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    const struct policy *policy;
    struct digest hash;

    *ret_hash = NULL;
    if (!policy_parse(a, text, &policy, &error))
        return refusal_answer_policy(call->response, a, &error);
    digest_compute(DIGEST_SHA256, policy_hash_input(policy), &hash);
    *ret_hash = base64_in(a, BASE64_URL, digest_bytes(&hash));
    return *ret_hash || err_set(err, ERR_NO_MEMORY, "no memory for a policy");
}

static bool set_policy(const struct data_plane_call *call, const struct signed_request *r, struct err *err)
{
    struct management_token token CLEANUP(management_token_done) = { 0 };
    struct bytes text, version;
    struct digest submitted;
    const char *hash;
    bool raw;

    raw = http_query(call->request, "api-version", &version, err) && bytes_equal_string(version, "2018-09-01-preview");
    if (!policy_text_read(call->request->arena, r->payload, raw, &text, err) || !check_text(call, text, &hash, err))
        return false;
    if (!hash)
        return true;
    if (!store_change(call, r->compact, hash, err))
        return false;
    digest_compute(DIGEST_SHA256, r->compact, &submitted);
    management_token_begin(&token, call->provider, call->service->now_ms());
    json_put_string(&token.out, "x-ms-policy-result", "Updated");
    if (r->signer)
        management_token_put_signer(&token.out, "x-ms-policy-signer", r->signer);
    json_put_base64url(&token.out, "x-ms-policy-token-hash", digest_bytes(&submitted));
    return management_token_answer(&token, call, err);
}

static bool answer_put(const struct data_plane_call *call, struct err *err)
{
    struct signed_request r CLEANUP(signed_request_done) = { 0 };

    return refuse_shared(call, err) && signed_request_read(call, NULL, &r, err) && set_policy(call, &r, err);
}

bool policy_put(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_put);
}

/* ---- reset ----------------------------------------------------------------------------------------------------------- */

static bool check_reset_payload(const struct data_plane_call *call, struct bytes payload, struct err *err)
{
    const struct json *v;

    /* Nothing else: a policy that somebody signed must not do as the signed word that it goes. */
    return bytes_trim(payload).len == 0 ||
           (json_parse(call->request->arena, payload, NULL, &v, err) && v->type == JSON_OBJECT && v->object.n == 0) ||
           err_set(err, ERR_MALFORMED, "the payload of a reset is empty or an empty object");
}

static bool answer_reset(const struct data_plane_call *call, struct err *err)
{
    struct management_token token CLEANUP(management_token_done) = { 0 };
    struct signed_request r CLEANUP(signed_request_done) = { 0 };

    if (!refuse_shared(call, err) || !signed_request_read(call, NULL, &r, err) || !check_reset_payload(call, r.payload, err) ||
        !store_change(call, BYTES_NONE, NULL, err))
        return false;
    management_token_begin(&token, call->provider, call->service->now_ms());
    json_put_string(&token.out, "x-ms-policy-result", "Removed");
    return management_token_answer(&token, call, err);
}

bool policy_reset(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_reset);
}

/* ---- history --------------------------------------------------------------------------------------------------------- */

static void put_step(struct arena *a, struct json_out *out, const struct store_policy *row)
{
    struct cert *signer CLEANUP(cert_free_at) = NULL;
    struct bytes text = BYTES_NONE;
    struct err why = ERR_INIT;
    bool has_text = row->jws.len && provider_stored_policy(a, row->jws, &text, &signer, &why);

    json_begin_object(out, NULL);
    json_put_integer(out, "version", row->version);
    json_put_time(out, "time", row->time_ms);
    json_put_string(out, "by", row->by);
    json_put_string(out, "action", row->jws.len ? "set" : "reset");
    json_put_string(out, "hash", row->hash);
    json_put_boolean(out, "signed", signer != NULL);
    if (signer) {
        json_begin_object(out, "signer");
        json_put_bytes(out, "commonName", signer->common_name);
        json_put_hex(out, "sha256", (struct bytes){ signer->sha256, CERT_SHA256_LEN });
        json_end(out);
    }
    if (has_text)
        json_put_bytes(out, "policy", text);
    else
        json_put_null(out, "policy");
    json_end(out);
}

static bool answer_history(const struct data_plane_call *call, struct err *err)
{
    const struct store_policy *rows;
    struct json_out out;
    size_t n;

    if (!store_policy_list(call->service->store, call->request->arena, call->provider->name, provider_type_name(call->type), 0,
                           HISTORY_LENGTH, &rows, &n, err))
        return false;
    out = http_response_json(call->response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        put_step(call->request->arena, &out, &rows[i]);
    json_end(&out);
    json_end(&out);
    return true;
}

bool policy_history(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_history);
}
