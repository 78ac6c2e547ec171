/* POST /attest/AzureGuest: from the socket to a sealed token or a refusal (attestation-service.md 7.4 to 7.7). */
#include "attestation/protocol/azureguest.h"
#include <stdlib.h>
#include "attestation/protocol/azureguest_claims.h"
#include "attestation/protocol/azureguest_verify.h"
#include "attestation/protocol/ear.h"
#include "attestation/protocol/sealed_answer.h"
#include "attestation/protocol/token.h"
#include "attestation/service/data_plane.h"
#include "attestation/service/management_token.h"
#include "attestation/service/refusal_answer.h"
#include "attestation/service/signer.h"
#include "attestation/service/vouch.h"
#include "base/base64.h"
#include "base/hex.h"
#include "crypto/random.h"

enum { BACKDATE_SECONDS = 300, TOKEN_SECONDS = 8 * 3600 /* 3.6 */ };

/* What one request carries from step to step; everything is released by azureguest_done. */
struct azureguest {
    const struct attestation_service *service;
    struct azureguest_terms terms;
    bool draft; /* the policy came with the request: the token is unsecured (section 11) */
    const struct http_request *http;
    struct arena *a;
    int64_t now_ms;
    const struct json *body;
    struct bytes text; /* AttestationInfo, decoded */
    struct azureguest_evidence evidence;
    struct azureguest_claims claims;
    struct policy_outcome outcome;
};

static void refuse(struct azureguest *t, enum finding_id id, const char *text)
{
    findings_add(&t->evidence.findings, id, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", text);
}

/* ---- steps 1 to 7: the evidence ---- */

static bool counts_here(void *context, struct arena *a, const struct cert *cert, struct err *err)
{
    const struct azureguest *t = context;

    return vouch_counts_for(t->service->store, a, cert, t->terms.provider ? t->terms.provider : "", err);
}

static bool verify(struct azureguest *t, struct err *err)
{
    struct trust_store *roots CLEANUP(trust_store_free_at) =
        t->terms.ak_roots ? trust_store_ref(t->terms.ak_roots) : trust_slot_get(t->service->ak_roots);
    const struct azureguest_checks checks = {
        .ak_roots = roots, .reference = t->service->reference, .now_ms = t->now_ms, .counts = counts_here, .context = t
    };

    return azureguest_verify(t->a, t->text, &checks, &t->evidence, err);
}

/* ---- step 8: the policy ---- */

static bool parse_draft(struct azureguest *t, struct bytes text, struct policy_error *error)
{
    struct digest hash;

    if (!policy_parse(t->a, text, &t->terms.policy, error))
        return false;
    digest_compute(DIGEST_SHA256, policy_hash_input(t->terms.policy), &hash);
    t->terms.policy_hash = base64_in(t->a, BASE64_URL, digest_bytes(&hash));
    t->terms.policy_signer = NULL;
    t->draft = true;
    return t->terms.policy_hash || err_set(&error->err, ERR_NO_MEMORY, "no memory for a policy");
}

/* The provider's policy, or the one that the caller brought to try out. False when the answer, a refusal, is made. */
static bool choose_policy(struct azureguest *t, struct http_response *response)
{
    const struct json *draft = json_get_no_case(t->body, "draftPolicyForAttestation");
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };

    if (!draft || draft->type == JSON_NULL)
        return true;
    if (!data_plane_reader(t->service, t->http, response))
        return false;
    if (draft->type == JSON_STRING && parse_draft(t, draft->string, &error))
        return true;
    if (draft->type != JSON_STRING)
        err_set(&error.err, ERR_MALFORMED, "draftPolicyForAttestation is not a string");
    err_point(&response->about, "/draftPolicyForAttestation");
    refusal_answer_policy(response, t->a, &error);
    return false;
}

static bool run_policy(struct azureguest *t, struct err *err)
{
    struct policy_error why = { .kind = POLICY_EVALUATION_ERROR };
    const char *text;

    if (!azureguest_claims_build(t->a, &t->evidence.message, &t->evidence.appraised, t->evidence.enc_key, t->service->reference,
                                 t->terms.policy_hash, &t->claims, err))
        return false;
    if (!policy_evaluate(t->a, t->terms.policy, t->claims.policy, t->claims.n_policy, NULL, &t->outcome, &why)) {
        if (why.err.code == ERR_LATE)
            return err_set(err, ERR_LATE, "%s", why.err.text);
        refuse(t, FINDING_POLICY_ERROR, why.err.text);
        return true;
    }
    if (t->outcome.decision == POLICY_PERMITTED)
        return true;
    text = policy_refusal_text(t->a, &t->outcome);
    refuse(t, t->outcome.decision == POLICY_NO_PERMIT ? FINDING_POLICY_NOT_PERMITTED : FINDING_POLICY_DENIED, text ? text : "refused");
    return true;
}

/* ---- the token ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct azureguest_claim *)a)->name, ((const struct azureguest_claim *)b)->name);
}

/* Names that a policy may not issue under: the service's claims, registered ones, and those of the original. */
static bool is_taken(const struct azureguest *t, struct bytes name)
{
    static const char *const registered[] = { "exp", "iat", "iss", "jti", "nbf", "aud", "sub", "cnf", "trueboot" };

    for (size_t i = 0; i < t->claims.n; i++)
        if (bytes_equal_string(name, t->claims.items[i].name))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(registered); i++)
        if (bytes_equal_string(name, registered[i]))
            return true;
    return bytes_starts_with(name, BYTES_LIT("x-ms-")) || memchr(name.data, 0, name.len);
}

static const char *signer_json(struct arena *a, const struct cert *signer)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    management_token_put_signer(&out, NULL, signer);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

/* NULL, for want of memory, becomes BYTES_NONE. */
static struct bytes text_of(const char *text) { return text ? bytes_of_string(text) : BYTES_NONE; }

/* The service's claims, what the policy issued under names that are free, and room for `more`. */
static bool collect(struct azureguest *t, size_t more, struct azureguest_claim **ret, size_t *ret_n, struct err *err)
{
    const struct policy_outcome *o = &t->outcome;
    struct azureguest_claim *m = ARENA_ARRAY(t->a, t->claims.n + o->n_outgoing + more, struct azureguest_claim);
    size_t n = t->claims.n;

    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    memcpy(m, t->claims.items, n * sizeof *m);
    for (size_t i = 0; i < o->n_outgoing; i++) {
        const char *value;
        if (!token_claim_is_first(o, i) || is_taken(t, o->outgoing[i].type))
            continue;
        m[n].name = arena_string(t->a, o->outgoing[i].type);
        value = token_claim_json(t->a, o, i);
        if (!m[n].name || !value)
            return err_set(err, ERR_NO_MEMORY, "no memory for a token");
        m[n++].json = bytes_of_string(value);
    }
    *ret = m;
    *ret_n = n;
    return true;
}

static bool put_members(struct json_out *out, struct azureguest_claim *m, size_t n)
{
    qsort(m, n, sizeof *m, by_name);
    for (size_t i = 0; i < n; i++) {
        if (!m[i].json.data)
            return false;
        json_put_raw(out, m[i].name, m[i].json);
    }
    return true;
}

/* What every token says of itself. */
struct token_times {
    int64_t now, expires; /* seconds */
    char jti[2 * 32 + 1];
};

/* Registered claims among the others; ascending (3.1, section 11). */
static bool write_original(struct azureguest *t, struct json_out *out, const struct token_times *x, struct err *err)
{
    struct azureguest_claim *m;
    size_t n;

    if (!collect(t, 6, &m, &n, err))
        return false;
    m[n++] = (struct azureguest_claim){ "exp", text_of(arena_printf(t->a, "%lld", (long long)x->expires)) };
    m[n++] = (struct azureguest_claim){ "iat", text_of(arena_printf(t->a, "%lld", (long long)x->now)) };
    m[n++] = (struct azureguest_claim){ "iss", text_of(arena_printf(t->a, "\"%s\"", t->terms.issuer)) };
    m[n++] = (struct azureguest_claim){ "jti", text_of(arena_printf(t->a, "\"%s\"", x->jti)) };
    m[n++] = (struct azureguest_claim){ "nbf", text_of(arena_printf(t->a, "%lld", (long long)(x->now - BACKDATE_SECONDS))) };
    if (t->terms.policy_signer)
        m[n++] = (struct azureguest_claim){ "x-ms-policy-signer", text_of(signer_json(t->a, t->terms.policy_signer)) };
    return put_members(out, m, n) || err_set(err, ERR_NO_MEMORY, "no memory for a token");
}

/* The same claims below "trueboot" of an EAT Attestation Result. */
static bool write_ear(struct azureguest *t, struct json_out *out, const struct token_times *x, struct err *err)
{
    const struct bootchain *chain = t->evidence.appraised.chain;
    const char *policy = arena_printf(t->a, "%s/policies/AzureGuest#%s", t->terms.issuer, t->terms.policy_hash);
    struct ear_vector vector;
    struct azureguest_claim *m;
    size_t n;

    if (!policy)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    if (!collect(t, 0, &m, &n, err))
        return false;
    ear_judge(&t->evidence.appraised.appraisal, chain ? chain->secure_boot : SECURE_BOOT_UNKNOWN, &vector);
    ear_write_head(out);
    json_put_integer(out, "nbf", x->now - BACKDATE_SECONDS);
    json_put_integer(out, "exp", x->expires);
    json_put_integer(out, "iat", x->now);
    json_put_string(out, "iss", t->terms.issuer);
    json_put_string(out, "jti", x->jti);
    json_begin_object(out, "submods");
    ear_write_appraisal(out, "azurevm", &vector, policy);
    json_end(out);
    json_begin_object(out, "trueboot");
    json_put_string(out, "attestationType", "azurevm");
    json_put_string(out, "verdict", verdict_name(t->evidence.appraised.appraisal.verdict));
    json_put_string(out, "policyHash", t->terms.policy_hash);
    if (t->terms.policy_signer)
        management_token_put_signer(out, "policySigner", t->terms.policy_signer);
    ear_write_findings(out, &t->evidence.appraised.appraisal.findings);
    json_begin_object(out, "claims");
    if (!put_members(out, m, n))
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    json_end(out);
    json_end(out);
    return true;
}

static bool make_token(struct azureguest *t, struct bytes *ret, struct err *err)
{
    const char *jku = arena_printf(t->a, "%s/certs", t->terms.issuer);
    struct token_times x = { .now = t->now_ms / 1000, .expires = t->now_ms / 1000 + TOKEN_SECONDS };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct signing_key *key;
    uint8_t id[(sizeof x.jti - 1) / 2];

    if (!random_bytes(id, sizeof id, err))
        return false;
    hex_encode(BYTES_OF(id), x.jti);
    json_begin_object(&out, NULL);
    if (!(t->terms.profile == TOKENS_EAR ? write_ear : write_original)(t, &out, &x, err))
        return false;
    json_end(&out);
    if (!writer_ok(&w) || !jku)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    if (t->draft)
        return jws_make_unsecured(t->a, BYTES_LIT("{\"alg\":\"none\"}"), writer_bytes(&w), ret, err);
    return signer_for(t->service, t->terms.profile, SIGNING_SELF_SIGNED, t->now_ms, x.expires * 1000, &key, err) &&
           signing_key_sign_token(key, t->a, jku, writer_bytes(&w), ret, err);
}

static bool answer(struct azureguest *t, struct http_response *response, struct err *err)
{
    struct sealing_secret secret;
    struct bytes token, sealed;
    struct json_out out;
    bool fine;

    if (!make_token(t, &token, err) || !sealing_secret_new(&secret, err))
        return false;
    fine = sealed_answer_make(t->a, &secret, t->evidence.enc_key, &t->evidence.message.enc_key.scheme, token, &sealed, err);
    wipe(&secret, sizeof secret);
    if (!fine)
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "token", sealed);
    json_end(&out);
    return true;
}

/* ---- the whole ---- */

static bool refuse_with(struct http_response *response, const char *code, const struct finding *f)
{
    return http_response_error(response, 400, code, finding_kind(f->id)->id, "%s", f->text);
}

static bool decide(struct azureguest *t, struct http_response *response, struct err *err)
{
    const struct finding *f = azureguest_refusal(&t->evidence);

    if (f)
        return refuse_with(response, "InvalidParameter", f);
    if (!t->evidence.appraised.quote || t->evidence.findings.overflow || t->evidence.appraised.appraisal.findings.overflow)
        return err_set(err, ERR_LIMIT, "the evidence raises more findings than can be kept");
    if (!run_policy(t, err))
        return false;
    f = refusal_of_policy(&t->evidence.findings);
    if (f)
        return refuse_with(response, "PolicyEvaluationError", f);
    for (size_t i = 0; i < t->outcome.n_outgoing; i++)
        if (is_taken(t, t->outcome.outgoing[i].type))
            response->warning =
                "the policy issues a claim under a name of the service's, which is left out of the token (trueboot policy lint)";
    return answer(t, response, err);
}

static bool read_request(struct azureguest *t, struct err *err)
{
    return http_body_json(t->http, NULL, &t->body, err) && azureguest_text_read(t->a, t->body, &t->text, err);
}

bool attest_azureguest(const struct attestation_service *service, const struct azureguest_terms *terms, const struct http_request *http,
                       struct http_response *response, struct err *err)
{
    struct azureguest *t = ARENA_NEW(http->arena, struct azureguest); /* large: not on the stack */
    bool fine;

    if (!t)
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    t->service = service;
    t->terms = *terms;
    t->http = http;
    t->a = http->arena;
    t->now_ms = service->now_ms();
    fine = read_request(t, err) &&
           (!choose_policy(t, response) ||
            (verify(t, err) &&
             (!data_plane_within_budget(service, t->evidence.ak_cert, t->evidence.appraised.quote, response) || decide(t, response, err))));
    azureguest_evidence_done(&t->evidence);
    return fine || refusal_answer_error(response, err);
}
