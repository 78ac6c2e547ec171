#include "attestation/protocol/token.h"
#include <stdlib.h>
#include "attestation/protocol/ear.h"
#include "attestation/service/management_token.h"
#include "attestation/service/signer.h"
#include "base/hex.h"
#include "crypto/random.h"

static const int64_t backdate_seconds = 300; /* attestation-service.md 13.2 */

/* Everything that stands behind the fixed members, in ascending order of name. */
struct named_json {
    struct bytes name;
    const char *json;
};

struct members {
    struct named_json *items;
    size_t n;
};

/* What a report is made of. */
struct report {
    const struct provider *provider;
    const struct appraised *appraised;
    const struct attest_request *request;
    int64_t now, expires; /* seconds */
    char jti[TOKEN_JTI_LEN];
    const char *request_key, *other_keys; /* policy key objects; either may be NULL */
};

static int by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct named_json *)a)->name, ((const struct named_json *)b)->name);
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

static void put_appraisal(struct json_out *out, const struct appraisal *appraisal)
{
    json_put_string(out, "appraisal", appraisal->id);
    json_put_string(out, "vm", appraisal->vm[0] ? appraisal->vm : NULL);
    json_put_string(out, "assurance", appraisal->assurance);
    json_put_string(out, "verdict", verdict_name(appraisal->verdict));
    json_put_hex(out, "evidence", digest_bytes(&appraisal->evidence_digest));
    json_put_integer(out, "resetCount", appraisal->reset_count);
    json_put_integer(out, "restartCount", appraisal->restart_count);
}

static char *trueboot_json(struct arena *a, const struct appraisal *appraisal)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    put_appraisal(&out, appraisal);
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

/* The claims that the policy issued under names that are free; `more` entries are left for the caller. */
static bool policy_claims(struct arena *a, const struct policy_outcome *outcome, size_t more, struct members *ret, struct err *err)
{
    struct members m = { ARENA_ARRAY(a, outcome->n_outgoing + more, struct named_json), 0 };

    if (!m.items)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    for (size_t i = 0; i < outcome->n_outgoing; i++)
        if (!policy_name_is_reserved(outcome->outgoing[i].type) && token_claim_is_first(outcome, i))
            m.items[m.n++] = (struct named_json){ outcome->outgoing[i].type, token_claim_json(a, outcome, i) };
    *ret = m;
    return true;
}

static bool put_members(struct arena *a, struct json_out *out, struct members *m, struct err *err)
{
    qsort(m->items, m->n, sizeof *m->items, by_name);
    for (size_t i = 0; i < m->n; i++) {
        const char *name = arena_string(a, m->items[i].name);
        if (!name || !m->items[i].json)
            return err_set(err, ERR_NO_MEMORY, "no memory for a token");
        json_put_raw(out, name, bytes_of_string(m->items[i].json));
    }
    return true;
}

static void put_confirmation(struct json_out *out, const struct report *r)
{
    json_begin_object(out, "cnf");
    json_begin_object(out, "jwk");
    jwk_write_key(out, r->request->request_key.jwk.key);
    json_end(out);
    json_end(out);
}

/* ---- as the original's: 6.6 ---- */

static bool write_original(struct arena *a, struct json_out *out, const struct report *r, struct err *err)
{
    const struct cert *signer = r->provider->policies[PROVIDER_TPM].signer;
    struct members m;

    if (!policy_claims(a, r->appraised->outcome, 5, &m, err))
        return false;
    m.items[m.n++] = (struct named_json){ BYTES_LIT("x-ms-attestation-type"), "\"tpm\"" };
    if (signer)
        m.items[m.n++] = (struct named_json){ BYTES_LIT("x-ms-policy-signer"), signer_json(a, signer) };
    if (r->request_key)
        m.items[m.n++] = (struct named_json){ BYTES_LIT("x-ms-tpm-request-key"), r->request_key };
    if (r->other_keys)
        m.items[m.n++] = (struct named_json){ BYTES_LIT("x-ms-tpm-other-keys"), r->other_keys };
    m.items[m.n++] = (struct named_json){ BYTES_LIT("trueboot"), trueboot_json(a, &r->appraised->appraisal) };

    json_put_integer(out, "nbf", r->now - backdate_seconds);
    json_put_integer(out, "exp", r->expires);
    json_put_integer(out, "iat", r->now);
    json_put_string(out, "iss", r->provider->issuer);
    json_put_string(out, "jti", r->jti);
    json_put_string(out, "ver", "1.0");
    json_put_string(out, "x-ms-ver", "1.0");
    if (r->request->rp_data.data) {
        json_put_bytes(out, "rp_data", r->request->rp_data);
        json_put_bytes(out, "nonce", r->request->rp_data);
    }
    put_confirmation(out, r);
    json_put_string(out, "x-ms-policy-hash", r->provider->policies[PROVIDER_TPM].hash);
    return put_members(a, out, &m, err);
}

/* ---- as an EAT Attestation Result ---- */

/* All that is ours under one name: an extension of EAR is a map. */
static bool put_ours(struct arena *a, struct json_out *out, const struct report *r, struct err *err)
{
    const struct provider_policy *policy = &r->provider->policies[PROVIDER_TPM];
    struct members m;

    if (!policy_claims(a, r->appraised->outcome, 0, &m, err))
        return false;
    json_begin_object(out, "trueboot");
    json_put_string(out, "attestationType", "tpm");
    put_appraisal(out, &r->appraised->appraisal);
    json_put_string(out, "policyHash", policy->hash);
    if (policy->signer)
        management_token_put_signer(out, "policySigner", policy->signer);
    if (r->request->rp_data.data)
        json_put_bytes(out, "rpData", r->request->rp_data);
    if (r->request_key)
        json_put_raw(out, "requestKey", bytes_of_string(r->request_key));
    if (r->other_keys)
        json_put_raw(out, "otherKeys", bytes_of_string(r->other_keys));
    ear_write_findings(out, &r->appraised->appraisal.findings);
    json_begin_object(out, "claims");
    if (!put_members(a, out, &m, err))
        return false;
    json_end(out);
    json_end(out);
    return true;
}

static bool write_ear(struct arena *a, struct json_out *out, const struct report *r, struct err *err)
{
    const struct bootchain *chain = r->appraised->chain;
    const char *policy = arena_printf(a, "%s/policies/Tpm#%s", r->provider->issuer, r->provider->policies[PROVIDER_TPM].hash);
    struct ear_vector vector;

    if (!policy)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    ear_judge(&r->appraised->appraisal, chain ? chain->secure_boot : SECURE_BOOT_UNKNOWN, &vector);
    ear_write_head(out);
    json_put_integer(out, "nbf", r->now - backdate_seconds);
    json_put_integer(out, "exp", r->expires);
    json_put_integer(out, "iat", r->now);
    json_put_string(out, "iss", r->provider->issuer);
    json_put_string(out, "jti", r->jti);
    ear_write_nonce(out, r->request->rp_data);
    put_confirmation(out, r);
    json_begin_object(out, "submods");
    ear_write_appraisal(out, "tpm", &vector, policy);
    json_end(out);
    return put_ours(a, out, r, err);
}

/* ---- either ---- */

bool report_token_make(const struct attestation_service *service, const struct provider *provider, struct arena *a,
                       const struct appraised *appraised, const struct attest_request *request, struct bytes *ret_token,
                       char ret_jti[static TOKEN_JTI_LEN], struct err *err)
{
    struct report r = { .provider = provider, .appraised = appraised, .request = request };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    uint8_t random[(TOKEN_JTI_LEN - 1) / 2];
    const struct signing_key *key;

    r.now = appraised->appraisal.time_ms / 1000;
    r.expires = r.now + appraised->outcome->report_validity_minutes * 60;
    if (!random_bytes(random, sizeof random, err) || !attest_request_key_texts(a, request, &r.request_key, &r.other_keys, err) ||
        !signer_for(service, provider->token_profile, SIGNING_CA_ISSUED, appraised->appraisal.time_ms, r.expires * 1000, &key, err))
        return false;
    hex_encode(BYTES_OF(random), r.jti);
    json_begin_object(&out, NULL);
    if (!(provider->token_profile == TOKENS_EAR ? write_ear : write_original)(a, &out, &r, err))
        return false;
    json_end(&out);
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    memcpy(ret_jti, r.jti, sizeof r.jti);
    return signing_key_sign_report(key, a, appraised->outcome->omit_x5c, writer_bytes(&w), ret_token, err);
}
