#include "attestation/token.h"
#include <stdlib.h>
#include "attestation/management_token.h"
#include "base/hex.h"
#include "crypto/random.h"

static const int64_t backdate_seconds = 300; /* attestation-service.md 13.2 */

/* Everything that stands behind the fixed members, in ascending order of name. */
struct named_json {
    struct bytes name;
    const char *json;
};

static int by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct named_json *)a)->name, ((const struct named_json *)b)->name);
}

static bool is_reserved(struct bytes name)
{
    static const char *const names[] = { "nbf", "exp", "iat", "iss", "jti", "ver", "rp_data", "nonce", "cnf", "aud", "sub", "trueboot" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_string(name, names[i]))
            return true;
    return bytes_starts_with(name, BYTES_LIT("x-ms-"));
}

static void write_value(struct json_out *out, struct policy_value value)
{
    if (value.type == POLICY_BOOLEAN)
        json_put_boolean(out, NULL, value.boolean);
    else if (value.type == POLICY_INTEGER)
        json_put_integer(out, NULL, value.integer);
    else
        json_put_bytes(out, NULL, value.string);
}

/* One claim of a name is a scalar, several are an array in issue order (section 11). */
char *token_claim_json(struct arena *a, const struct policy_outcome *outcome, size_t first)
{
    struct bytes name = outcome->outgoing[first].type;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    size_t n = 0;

    for (size_t i = first; i < outcome->n_outgoing; i++)
        n += bytes_equal(outcome->outgoing[i].type, name);
    if (n > 1)
        json_begin_array(&out, NULL);
    for (size_t i = first; i < outcome->n_outgoing; i++)
        if (bytes_equal(outcome->outgoing[i].type, name))
            write_value(&out, outcome->outgoing[i].value);
    if (n > 1)
        json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

bool token_claim_is_first(const struct policy_outcome *outcome, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (bytes_equal(outcome->outgoing[k].type, outcome->outgoing[i].type))
            return false;
    return true;
}

static char *trueboot_json(struct arena *a, const struct appraisal *appraisal)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "appraisal", appraisal->id);
    json_put_string(&out, "vm", appraisal->vm[0] ? appraisal->vm : NULL);
    json_put_string(&out, "verdict", verdict_name(appraisal->verdict));
    json_put_hex(&out, "evidence", digest_bytes(&appraisal->evidence_digest));
    json_put_integer(&out, "resetCount", appraisal->reset_count);
    json_put_integer(&out, "restartCount", appraisal->restart_count);
    json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static char *signer_json(struct arena *a, const struct cert *signer)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    management_token_put_signer(&out, NULL, signer);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static bool collect(struct arena *a, const struct provider *provider, const struct appraised *appraised,
                    const struct attest_request *request, struct named_json **ret, size_t *ret_n, struct err *err)
{
    const struct policy_outcome *outcome = appraised->outcome;
    const struct cert *signer = provider->policies[PROVIDER_TPM].signer;
    struct named_json *list = ARENA_ARRAY(a, outcome->n_outgoing + 5, struct named_json);
    const char *key, *other_keys;
    size_t n = 0;

    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    if (!attest_request_key_texts(a, request, &key, &other_keys, err))
        return false;
    for (size_t i = 0; i < outcome->n_outgoing; i++)
        if (!is_reserved(outcome->outgoing[i].type) && token_claim_is_first(outcome, i))
            list[n++] = (struct named_json){ outcome->outgoing[i].type, token_claim_json(a, outcome, i) };
    list[n++] = (struct named_json){ BYTES_LIT("x-ms-attestation-type"), "\"tpm\"" };
    if (signer)
        list[n++] = (struct named_json){ BYTES_LIT("x-ms-policy-signer"), signer_json(a, signer) };
    list[n++] = (struct named_json){ BYTES_LIT("x-ms-tpm-request-key"), key };
    if (other_keys)
        list[n++] = (struct named_json){ BYTES_LIT("x-ms-tpm-other-keys"), other_keys };
    list[n++] = (struct named_json){ BYTES_LIT("trueboot"), trueboot_json(a, &appraised->appraisal) };
    for (size_t i = 0; i < n; i++)
        if (!list[i].json)
            return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    qsort(list, n, sizeof *list, by_name);
    *ret = list;
    *ret_n = n;
    return true;
}

static void write_fixed(struct json_out *out, const struct provider *provider, const struct appraised *appraised,
                        const struct attest_request *request, const char *jti)
{
    int64_t now = appraised->appraisal.time_ms / 1000;

    json_put_integer(out, "nbf", now - backdate_seconds);
    json_put_integer(out, "exp", now + appraised->outcome->report_validity_minutes * 60);
    json_put_integer(out, "iat", now);
    json_put_string(out, "iss", provider->issuer);
    json_put_string(out, "jti", jti);
    json_put_string(out, "ver", "1.0");
    json_put_string(out, "x-ms-ver", "1.0");
    if (request->rp_data.data) {
        json_put_bytes(out, "rp_data", request->rp_data);
        json_put_bytes(out, "nonce", request->rp_data);
    }
    json_begin_object(out, "cnf");
    json_begin_object(out, "jwk");
    jwk_write_key(out, request->request_key.jwk.key);
    json_end(out);
    json_end(out);
    json_put_string(out, "x-ms-policy-hash", provider->policies[PROVIDER_TPM].hash);
}

bool report_token_make(const struct attestation_service *service, const struct provider *provider, struct arena *a,
                       const struct appraised *appraised, const struct attest_request *request, struct bytes *ret_token,
                       char ret_jti[static TOKEN_JTI_LEN], struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct named_json *claims;
    uint8_t random[(TOKEN_JTI_LEN - 1) / 2];
    size_t n;

    if (!random_bytes(random, sizeof random, err) || !collect(a, provider, appraised, request, &claims, &n, err))
        return false;
    hex_encode(BYTES_OF(random), ret_jti);
    json_begin_object(&out, NULL);
    write_fixed(&out, provider, appraised, request, ret_jti);
    for (size_t i = 0; i < n; i++) {
        const char *name = arena_string(a, claims[i].name);
        if (!name)
            return err_set(err, ERR_NO_MEMORY, "no memory for a token");
        json_put_raw(&out, name, bytes_of_string(claims[i].json));
    }
    json_end(&out);
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    return signing_key_sign_report(&service->report_key, a, appraised->outcome->omit_x5c, writer_bytes(&w), ret_token, err);
}
