#include "attestation/protocol/message.h"
#include "attestation/protocol/message_v1.h"
#include "base/base64.h"
#include "json/parse.h"
#include "policy/claim_list.h"

static bool same_word(struct bytes a, const char *b)
{
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++) {
        uint8_t c = a.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t)b[i])
            return false;
    }
    return true;
}

static bool read_inner(const struct json *message, struct attest_message *m, struct err *err)
{
    const struct json *type = json_get_no_case(message, "type"), *request = json_get_no_case(message, "request");

    if (message->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "data does not hold a message object");
    if (request) {
        if (request->type != JSON_STRING)
            return err_set(err, ERR_MALFORMED, "request is not a string");
        m->kind = ATTEST_REQUEST;
        m->request = request->string;
        return true;
    }
    if (!type)
        return err_set(err, ERR_MALFORMED, "the message has neither \"type\" nor \"request\"");
    if (!json_is_string(type, "aikcert"))
        return err_set(err, ERR_MALFORMED, "type is not \"aikcert\"");
    m->kind = ATTEST_INIT;
    return true;
}

bool attest_message_read(struct arena *a, const struct json *body, struct attest_message *ret, struct err *err)
{
    const struct json *data = json_get_no_case(body, "data"), *envelope, *payload;
    struct attest_message m = { .wrapped = false };
    struct bytes text;

    if (!data || data->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "data is missing or not a string");
    if (!base64_decode_any(a, data->string, &text, err) || !json_parse(a, text, NULL, &envelope, err))
        return err_within(err, "data");
    payload = json_get_no_case(envelope, "payload");
    m.wrapped = payload != NULL;
    m.knows_ours = json_at(envelope, "metadata", "trueboot", NULL) != NULL;
    if (!read_inner(payload ? payload : envelope, &m, err))
        return false;
    *ret = m;
    return true;
}

void attest_message_write(struct json_out *out, const struct attest_message *to, struct bytes message_json)
{
    struct writer inner CLEANUP(writer_done) = { 0 };
    struct json_out envelope = json_out_to(&inner, JSON_COMPACT);

    if (to->wrapped) {
        json_begin_object(&envelope, NULL);
        json_put_raw(&envelope, "payload", message_json);
        json_end(&envelope);
    } else {
        write_bytes(&inner, message_json);
    }
    out->to->bad |= !writer_ok(&inner);
    json_begin_object(out, NULL);
    json_put_base64url(out, "data", writer_bytes(&inner));
    json_end(out);
}

static bool optional_text(const struct json *v, const char *name, size_t limit, struct bytes *ret, struct err *err)
{
    const struct json *member = json_get(v, name);

    *ret = BYTES_NONE;
    if (!member || member->type == JSON_NULL)
        return true;
    if (member->type != JSON_STRING || member->string.len > limit)
        return err_set(err, ERR_MALFORMED, "%s is not a string of at most %zu bytes", name, limit);
    *ret = member->string;
    return true;
}

static bool read_request_key(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    const struct json *key;

    if (!json_need_object(data, "request_key", &key, err))
        return false;
    if (!bound_key_read(a, key, &r->request_key, err))
        return err_within(err, "request_key");
    return r->request_key.binding != KEY_UNBOUND ||
           err_set(err, ERR_UNSUPPORTED, "request_key.info has neither tpm_quote nor tpm_certify: the key is not bound to the TPM");
}

static bool read_other_keys(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    const struct json *keys = json_get(data, "other_keys");

    if (!keys || keys->type == JSON_NULL)
        return true;
    if (keys->type != JSON_ARRAY)
        return err_set(err, ERR_MALFORMED, "other_keys is not an array");
    if (keys->array.n > LIMIT_OTHER_KEYS)
        return err_set(err, ERR_LIMIT, "other_keys has %zu entries, more than %d", keys->array.n, LIMIT_OTHER_KEYS);
    for (size_t i = 0; i < keys->array.n; i++) {
        if (!bound_key_read(a, keys->array.items[i], &r->other_keys[i], err))
            return err_within(err, "other_keys[%zu]", i);
        r->n_other_keys = i + 1;
        if (r->other_keys[i].binding == KEY_BOUND_BY_QUOTE)
            return err_set(err, ERR_UNSUPPORTED, "other_keys[%zu]: tpm_quote binds request_key alone", i);
    }
    return true;
}

static bool read_evidence(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    const struct json *tpm, *current, *boot;

    if (!json_need_object(data, "tpm_att_data", &tpm, err) || !json_need_object(tpm, "current_attestation", &current, err))
        return false;
    if (!evidence_read(a, current, &r->current, err))
        return err_within(err, "current_attestation");
    boot = json_get(tpm, "boot_attestation");
    if (boot && boot->type != JSON_NULL) {
        if (!evidence_read(a, boot, &r->boot, err))
            return err_within(err, "boot_attestation");
        r->has_boot = true;
    }
    return true;
}

static bool read_common(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    return json_need_base64(a, data, "challenge", LIMIT_NONCE_BYTES, &r->challenge, err) &&
           json_need_base64(a, data, "service_context", 1024, &r->service_context, err) &&
           optional_text(data, "rp_id", 1024, &r->rp_id, err) && optional_text(data, "rp_data", 4096, &r->rp_data, err);
}

static bool read_payload(struct arena *a, const struct json *payload, struct attest_request *r, struct err *err)
{
    const struct json *data;
    struct bytes type;

    if (!json_need_string(payload, "att_type", &type, err) || !json_need_object(payload, "att_data", &data, err))
        return false;
    if (!bytes_equal_string(type, "basic"))
        return err_set(err, ERR_UNSUPPORTED, "att_type is not \"basic\": enclave reports are not verified by this service");
    r->custom_claims = json_get(data, "custom_claims");
    if (r->custom_claims && r->custom_claims->type == JSON_NULL)
        r->custom_claims = NULL;
    if (r->v1)
        return read_common(a, data, r, err) && message_v1_read(a, data, r, err);
    return read_common(a, data, r, err) && read_request_key(a, data, r, err) && read_other_keys(a, data, r, err) &&
           (read_evidence(a, data, r, err) || err_within(err, "tpm_att_data"));
}

bool attest_request_read(struct arena *a, const struct jws *jws, bool allow_v1, struct attest_request *ret, struct err *err)
{
    struct json_options options = { .refuse_duplicates = true };
    struct attest_request *r = ARENA_NEW(a, struct attest_request); /* large: not on the stack */
    const struct json *payload;

    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    r->v1 = bytes_equal_string(jws->typ, "attReq");
    if (r->v1 && !allow_v1)
        return err_set(
            err, ERR_UNSUPPORTED,
            "typ attReq (version 1) is not accepted: send attReqV2, or switch it on for the provider (trueboot provider update NAME "
            "--tpm-v1; tpm_v1 of the settings for the shared one)");
    if (!r->v1 && !bytes_equal_string(jws->typ, "attReqV2"))
        return err_set(err, ERR_MALFORMED, "typ of the request is not attReqV2");
    if (!json_parse(a, jws->claimed_payload, &options, &payload, err))
        return err_within(err, "request payload");
    if (!read_payload(a, payload, r, err)) {
        attest_request_done(r);
        return false;
    }
    *ret = *r;
    return true;
}

void attest_request_done(struct attest_request *request)
{
    bound_key_done(&request->request_key);
    for (size_t i = 0; i < request->n_other_keys; i++)
        bound_key_done(&request->other_keys[i]);
}

struct bytes attest_request_nonce(const struct attest_request *request, struct digest *space)
{
    const struct bytes parts[] = { request->request_key.text->raw, { (const uint8_t *)"", 1 }, request->challenge };

    if (request->v1 || request->request_key.binding == KEY_CERTIFIED)
        return request->challenge;
    digest_compute_parts(request->request_key.hash, parts, ARRAY_LEN(parts), space);
    return digest_bytes(space);
}

bool attest_request_check_keys(const struct attest_request *request, const struct pubkey *ak, struct bytes qualified_signer,
                               struct findings *findings, struct err *err)
{
    if (!bound_key_check(&request->request_key, ak, request->challenge, qualified_signer, findings, err))
        return false;
    for (size_t i = 0; i < request->n_other_keys; i++)
        if (!bound_key_check(&request->other_keys[i], ak, request->challenge, qualified_signer, findings, err))
            return false;
    return true;
}

bool attest_request_key_texts(struct arena *a, const struct attest_request *request, const char **ret_key, const char **ret_other_keys,
                              struct err *err)
{
    struct writer key CLEANUP(writer_done) = { 0 }, others CLEANUP(writer_done) = { 0 };
    struct json_out key_out = json_out_to(&key, JSON_COMPACT), others_out = json_out_to(&others, JSON_COMPACT);

    bound_key_write(&key_out, NULL, &request->request_key);
    json_begin_array(&others_out, NULL);
    for (size_t i = 0; i < request->n_other_keys; i++)
        bound_key_write(&others_out, NULL, &request->other_keys[i]);
    json_end(&others_out);
    *ret_key = writer_ok(&key) && !request->v1 ? arena_string(a, writer_bytes(&key)) : NULL;
    *ret_other_keys = writer_ok(&others) && request->n_other_keys ? arena_string(a, writer_bytes(&others)) : NULL;
    return ((*ret_key || request->v1) && (*ret_other_keys || !request->n_other_keys)) || err_set(err, ERR_NO_MEMORY, "no memory for keys");
}

static bool read_claim(struct arena *a, const struct json *entry, const char *prefix, struct policy_claim *ret, struct err *err)
{
    const struct json *value = json_get(entry, "value");
    struct bytes name, type;
    const char *full;

    if (!json_need_string(entry, "name", &name, err) || !json_need_string(entry, "value_type", &type, err))
        return false;
    full = arena_printf(a, "%s%.*s", prefix, BYTES_FMT(name));
    if (!full)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    *ret = (struct policy_claim){ .type = bytes_of_string(full), .issuer = POLICY_ISSUER_CUSTOM };
    if (same_word(type, "string") && value && value->type == JSON_STRING)
        ret->value = (struct policy_value){ .type = POLICY_STRING, .string = value->string };
    else if (same_word(type, "integer") && value && json_as_integer(value, &ret->value.integer))
        ret->value.type = POLICY_INTEGER;
    else if (same_word(type, "boolean") && value && json_as_boolean(value, &ret->value.boolean))
        ret->value.type = POLICY_BOOLEAN;
    else
        return err_set(err, ERR_MALFORMED, "value does not fit value_type");
    return true;
}

bool attest_request_claims(struct arena *a, const struct attest_request *request, const char *prefix, const struct policy_claim **ret,
                           size_t *ret_n, struct err *err)
{
    const struct json *list = request->custom_claims;
    const char *key, *other_keys;
    struct policy_claim *claims;
    size_t n_custom = list && list->type == JSON_ARRAY ? list->array.n : 0, n = 0;

    if (list && (list->type != JSON_ARRAY || n_custom > LIMIT_CUSTOM_CLAIMS))
        return err_set(err, ERR_LIMIT, "custom_claims is not an array of at most %d", LIMIT_CUSTOM_CLAIMS);
    if (!attest_request_key_texts(a, request, &key, &other_keys, err))
        return false;
    claims = ARENA_ARRAY(a, n_custom + 2, struct policy_claim);
    if (!claims)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    if (key)
        claims[n++] = service_claim_string(CLAIM_TPM_REQUEST_KEY, bytes_of_string(key));
    if (other_keys)
        claims[n++] = service_claim_string(CLAIM_TPM_OTHER_KEYS, bytes_of_string(other_keys));
    for (size_t i = 0; i < n_custom; i++)
        if (!read_claim(a, list->array.items[i], prefix, &claims[n++], err))
            return err_within(err, "custom_claims[%zu]", i);
    *ret = claims;
    *ret_n = n;
    return true;
}
