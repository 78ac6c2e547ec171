/* Enrolment: proves that one TPM holds both the endorsement key that a host's CA vouches for and the attestation key that asks
 * for a certificate (guest-agent.md 2.5; attack-suite.md I1–I5). The two calls; what proves it is enrolment_proof.c, whose TPM it is enrolment_identity.c. */
#include <stdio.h>
#include "base/hex.h"
#include "crypto/random.h"
#include "management/enrolment_parts.h"
#include "management/enrolment_tokens.h"
#include "management/enrolments.h"
#include "management/management.h"
#include "management/vouching.h"
#include "store/providers.h"
#include "tpm/credential.h"
#include "tpm/key_profile.h"

enum { TRIES = 3 };

/* ---- begin ---- */

static bool read_ak(struct arena *a, const struct json *body, struct enrolment *p, struct tpm_public *ret, struct err *err)
{
    struct findings reasons = { .arena = a };
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct bytes encoded;

    if (!vouching_decode(a, json_get(body, "akPub"), "akPub", VOUCHING_PUBLIC_MAX, &encoded, err) ||
        !tpm_public_decode_2b(encoded, ret, err) || !tpm_public_key(ret, &key, err) || !tpm_public_name(ret, &p->ak_name, err))
        return err_within(err, "akPub");
    if (!key_profile_check(KEY_PROFILE_AK, ret, FINDING_AK_ATTRIBUTES, &reasons))
        return err_set(err, ERR_UNTRUSTED, "akPub: %s", reasons.n ? reasons.items[0].text : "not an attestation key");
    memcpy(p->ak_public, encoded.data, encoded.len);
    p->ak_public_len = encoded.len;
    return true;
}

static bool check_token(const struct management *m, const struct http_request *request, const char *asked, const struct store_vm *vm,
                        struct enrolment *p, struct enrolment_leave *leave, struct err *err)
{
    const struct enrolment_wish wish = { asked, p->provider, vm };

    if (!enrolment_is_known(m, request->arena, p, &p->known, err))
        return false;
    if (!p->known && !enrolment_token_check(m, request, &wish, leave, err))
        return false;
    memcpy(p->token_sha256, leave->sha256, sizeof p->token_sha256);
    return true;
}

/* The TPM proves itself with a credential that only it can open, or by having its IAK say so over the nonce: then there is no credential. */
static bool make_challenge(struct arena *a, const struct voucher *v, struct enrolment *p, struct bytes *ret_blob, struct bytes *ret_secret,
                           struct err *err)
{
    uint8_t id[(ENROL_ID_LEN - 1) / 2];

    *ret_blob = *ret_secret = BYTES_NONE;
    if (!random_bytes(id, sizeof id, err) || !random_bytes(p->secret, sizeof p->secret, err) ||
        !random_bytes(p->nonce, sizeof p->nonce, err))
        return false;
    hex_encode(BYTES_OF(id), p->id);
    return v->is_iak || credential_make(a, &v->ek, tpm_name_bytes(&p->ak_name), BYTES_OF(p->secret), ret_blob, ret_secret, err);
}

/* The provider that is asked: by its path, or by the host's name. "": the shared one. */
static bool choose_provider(const struct management *m, const struct http_request *request, char ret[static ENROL_PROVIDER_MAX],
                            struct err *err)
{
    struct bytes named = http_param(request, "provider");
    const char *name = arena_lower(request->arena, named);
    struct store_provider row;

    ret[0] = '\0';
    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (named.len == 0) {
        if (m->provider_of_host)
            m->provider_of_host(m->providers_context, http_header(request, "Host"), ret, ENROL_PROVIDER_MAX);
        return true;
    }
    if (!store_provider_get(m->store, request->arena, name, &row, err))
        return err_within(err, "provider %.64s", name);
    snprintf(ret, ENROL_PROVIDER_MAX, "%s", row.name);
    return true;
}

/* Who it is, by whose word, and with which key: nothing is proved yet. */
static bool read_beginning(const struct management *m, struct arena *a, const struct json *body, struct voucher *v, struct enrolment *p,
                           struct err *err)
{
    struct tpm_public ak;
    struct digest iak;

    if (!vouching_find(m, a, body, p->provider, v, err))
        return false;
    if (!v->of_provider)
        p->provider[0] = '\0';
    memcpy(p->vm, v->identity.vm_uuid, sizeof p->vm);
    p->ek_pinned = v->pinned;
    hex_encode((struct bytes){ v->cert->sha256, CERT_SHA256_LEN }, p->cert_sha256);
    p->n_said = v->n_said;
    memcpy(p->said, v->said, sizeof p->said);
    if (!read_ak(a, body, p, &ak, err))
        return false;
    if (!v->is_iak)
        return tpm_public_name(&v->ek, &p->ek_name, err);
    digest_compute(DIGEST_SHA256, v->cert->spki, &iak);
    hex_encode(digest_bytes(&iak), p->iak_sha256);
    if (!vouching_hear_iak(a, body, &(struct iak_word){ .iak = v->cert->key, .ak = &ak }, err))
        return false;
    v->doubted = false;
    return true;
}

static void put_base64url_or_null(struct json_out *out, const char *name, struct bytes b)
{
    if (b.len)
        json_put_base64url(out, name, b);
    else
        json_put_null(out, name);
}

static bool begin(const struct management *m, const struct http_request *request, struct voucher *v, struct enrolment *p,
                  struct enrolment_leave *leave, struct http_response *response, struct err *err)
{
    char asked[ENROL_PROVIDER_MAX];
    struct arena *a = request->arena;
    struct bytes blob, secret;
    const struct json *body;
    struct store_vm vm;
    struct json_out out;

    if (!choose_provider(m, request, p->provider, err) || !http_body_json(request, NULL, &body, err))
        return false;
    memcpy(asked, p->provider, sizeof asked);
    if (!read_beginning(m, a, body, v, p, err))
        return false;
    if (!store_vm_get(m->store, a, p->vm, &vm, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "VM %s is not in the inventory", p->vm) : false;
    p->expires_ms = m->now_ms() + LIMIT_ENROLMENT_SECONDS * INT64_C(1000);
    p->tries_left = TRIES;
    if (!check_token(m, request, asked, &vm, p, leave, err) || !enrolment_may_become(m, a, p, err) ||
        !make_challenge(a, v, p, &blob, &secret, err) || !enrolments_keep(m->enrolments, p, m->now_ms(), err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", p->id);
    if (v->is_iak)
        json_put_null(&out, "ekIndex");
    else
        json_put_integer(&out, "ekIndex", (int64_t)v->index);
    put_base64url_or_null(&out, "credentialBlob", blob);
    put_base64url_or_null(&out, "encryptedSecret", secret);
    json_put_base64url(&out, "nonce", BYTES_OF(p->nonce));
    json_put_time(&out, "expires", p->expires_ms);
    json_end(&out);
    return true;
}

/* Its own code, so that a machine that has an endorsement certificate too can try with that (agent/protocol/enrol.h). */
static bool answer_iak_refusal(struct http_response *response, const struct err *err)
{
    err_advise(&response->about, "docs/providers.md", "trueboot root add --kind ek FILE");
    return http_response_error(response, 400, "IakRefused", "tpm.iak_refused", "%s", err->text);
}

static bool is_refusal(const struct err *err)
{
    return err->code == ERR_UNTRUSTED || err->code == ERR_MALFORMED || err->code == ERR_TRUNCATED || err->code == ERR_UNSUPPORTED;
}

/* Which refusal it is, in the agent's words. */
static bool answer_refusal(struct http_response *response, const struct err *err)
{
    switch (err->code) {
    case ERR_CONFLICT:
        err_advise(&response->about, "docs/operations.md", "trueboot vm release-identity NAME");
        return http_response_error(response, 409, "IdentityDuplicated", "tpm.identity_duplicated", "%s", err->text);
    case ERR_NOT_FOUND:
        err_advise(&response->about, "docs/operations.md", "trueboot vm add NAME --uuid UUID");
        return http_response_error(response, 404, "UnknownVm", NULL, "%s", err->text);
    case ERR_UNTRUSTED:
    case ERR_MALFORMED:
    case ERR_TRUNCATED:
    case ERR_UNSUPPORTED:
        err_advise(&response->about, "docs/providers.md", "trueboot root add --kind ek FILE");
        return http_response_error(response, 400, "EnrolmentRefused", "tpm.ek_refused", "%s", err->text);
    default:
        return http_response_err(response, err);
    }
}

bool enrol_begin(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct enrolment p CLEANUP(enrolment_done) = { .id = "" };
    struct enrolment_leave leave = { .sha256 = "" };
    struct voucher v = { 0 };
    bool fine = begin(context, request, &v, &p, &leave, response, err);

    cert_free(v.cert);
    response->subject = leave.subject;
    if (!fine && leave.code)
        return http_response_error(response, leave.status, leave.code, NULL, "%s", err->text);
    if (!fine && v.doubted && is_refusal(err))
        return answer_iak_refusal(response, err);
    return fine || answer_refusal(response, err);
}

/* ---- activate ---- */

static bool activate(const struct management *m, const struct http_request *request, struct enrolment *p, struct http_response *response,
                     bool *ret_by_iak, struct err *err)
{
    struct pubkey *ak CLEANUP(pubkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct arena *a = request->arena;
    struct bytes id;
    const struct json *body;
    struct tpm_public ak_public;
    struct ca_ak_terms terms;
    struct json_out out;

    if (!http_body_json(request, NULL, &body, err) || !json_need_string(body, "enrollId", &id, err))
        return false;
    if (!enrolments_take(m->enrolments, id, m->now_ms(), p))
        return err_set(err, ERR_UNTRUSTED, "enrollId is unknown, expired or used up: begin again");
    terms = (struct ca_ak_terms){ p->provider[0] ? p->provider : NULL, p->ek_pinned, p->iak_sha256[0] != '\0' };
    if (!tpm_public_decode_2b((struct bytes){ p->ak_public, p->ak_public_len }, &ak_public, err) || !tpm_public_key(&ak_public, &ak, err) ||
        !enrolment_check_possession(a, body, p, ak, &ak_public, ret_by_iak, err) ||
        !ca_issue_ak_on_terms(m->ak_ca, p->vm, &terms, ak, m->now_ms(), &cert, err))
        return false;
    if (!enrolments_remove(m->enrolments, p->id))
        return err_set(err, ERR_UNTRUSTED, "enrollId was used already: begin again");
    if (!enrolment_register(m, a, p, cert, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "akCert", cert->der);
    json_begin_array(&out, "akChain");
    for (size_t i = 0; i < ca_chain_len(m->ak_ca); i++)
        json_put_base64url(&out, NULL, ca_cert(m->ak_ca, i)->der);
    json_end(&out);
    json_put_string(&out, "vmId", p->vm);
    json_put_null(&out, "attestEndpoint");
    json_put_null(&out, "reportEndpoint");
    json_end(&out);
    return true;
}

bool enrol_activate(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct enrolment p CLEANUP(enrolment_done) = { .id = "" };
    bool by_iak = false;

    if (activate(context, request, &p, response, &by_iak, err))
        return true;
    return by_iak && is_refusal(err) ? answer_iak_refusal(response, err) : answer_refusal(response, err);
}
