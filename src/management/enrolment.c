/* Enrolment: proves that one TPM holds both the endorsement key that a host's CA vouches for and the attestation key that asks
 * for a certificate (guest-agent.md 2.5; attack-suite.md I1–I5). */
#include <stdio.h>
#include "appraise/evidence.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "management/enrolment_tokens.h"
#include "management/enrolments.h"
#include "management/management.h"
#include "management/vouching.h"
#include "store/providers.h"
#include "tpm/credential.h"
#include "tpm/key_profile.h"
#include "tpm/quote.h"

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

static bool is_text(const char *stored, const char *text) { return stored && text && text[0] && strcmp(stored, text) == 0; }

/* By the certificate of its endorsement key; or by that key or its IAK, because its host may have renewed the certificate (attack I10); or by the attestation
 * key itself: it cannot leave its TPM, whichever of the two vouched for it then and vouches now. */
static bool is_its_tpm(const struct store_identity *active, const struct store_identity *now)
{
    return is_text(active->ek_cert_sha256, now->ek_cert_sha256) || is_text(active->ek_pub_name, now->ek_pub_name) ||
           is_text(active->iak_sha256, now->iak_sha256) || is_text(active->ak_name, now->ak_name);
}

/* What will be known of this TPM when it has proved itself. */
static bool identity_of(struct arena *a, const struct enrolment *p, struct store_identity *ret, struct err *err)
{
    bool by_ek = !p->iak_sha256[0];

    *ret = (struct store_identity){ .vm = p->vm,
                                    .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)),
                                    .ek_cert_sha256 = by_ek ? p->cert_sha256 : NULL,
                                    .ek_pub_name = by_ek ? hex_in(a, tpm_name_bytes(&p->ek_name)) : NULL,
                                    .iak_sha256 = by_ek ? NULL : p->iak_sha256 };
    return (ret->ak_name && (!by_ek || ret->ek_pub_name)) || err_set(err, ERR_NO_MEMORY, "no memory for an identity");
}

/* This TPM is this VM's already, where the identity will count. */
static bool is_known(const struct management *m, struct arena *a, const struct enrolment *p, bool *ret, struct err *err)
{
    struct store_provider_identity there;
    struct store_identity active, now;
    bool found = p->provider[0] ? store_provider_identity_get(m->store, a, p->provider, p->vm, &there, err)
                                : store_identity_active(m->store, a, p->vm, &active, err);

    *ret = false;
    if (!found && err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    if (!identity_of(a, p, &now, err))
        return false;
    *ret = found &&
           (p->provider[0] ? is_text(there.cert_sha256, p->cert_sha256) || is_text(there.ak_name, now.ak_name) : is_its_tpm(&active, &now));
    return true;
}

static bool check_token(const struct management *m, const struct http_request *request, const char *asked, const struct store_vm *vm,
                        struct enrolment *p, struct enrolment_leave *leave, struct err *err)
{
    const struct enrolment_wish wish = { asked, p->provider, vm };

    if (!is_known(m, request->arena, p, &p->known, err))
        return false;
    if (!p->known && !enrolment_token_check(m, request, &wish, leave, err))
        return false;
    memcpy(p->token_sha256, leave->sha256, sizeof p->token_sha256);
    return true;
}

/* A VM that has an identity keeps it: another TPM does not become this VM without an operator's word (attack I4, I10). `now` learns what was known of the
 * same TPM besides. */
static bool check_identity(const struct management *m, struct arena *a, struct store_identity *now, struct err *err)
{
    struct store_identity active;

    if (!store_identity_active(m->store, a, now->vm, &active, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    if (is_its_tpm(&active, now)) {
        now->ek_cert_sha256 = now->ek_cert_sha256 ? now->ek_cert_sha256 : active.ek_cert_sha256;
        now->ek_pub_name = now->ek_pub_name ? now->ek_pub_name : active.ek_pub_name;
        now->iak_sha256 = now->iak_sha256 ? now->iak_sha256 : active.iak_sha256;
        return true;
    }
    return err_set(err, ERR_CONFLICT, "this VM is enrolled with another TPM; if that is meant, release it: trueboot vm release-identity");
}

/* An operator sees it at the VM (monitor/status.c): somebody's host says of another TPM that it is this VM's. What cannot be noted is refused all the same. */
static void note_refused(const struct management *m, struct arena *a, const struct enrolment *p)
{
    const char *key = arena_printf(a, STORE_SETTING_REFUSED, p->vm);
    const char *value = arena_printf(a, "{\"time\":%lld,\"cert\":\"%s\"}", (long long)m->now_ms(), p->cert_sha256);
    struct err ignored = ERR_INIT;

    if (key && value)
        (void)!store_setting_put(m->store, key, bytes_of_string(value), &ignored);
}

/* The VM's TPM has proved itself since: an IAK that nobody knew yet may have been refused before its endorsement key was believed. */
static bool forget_refused(const struct management *m, struct arena *a, const char *vm, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_REFUSED, vm);

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    if (store_setting_delete(m->store, key, err))
        return true;
    if (err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    return true;
}

/* An identity at one provider is of its own: store_provider_identity_put compares it. */
static bool may_become(const struct management *m, struct arena *a, const struct enrolment *p, struct err *err)
{
    struct store_identity now;

    if (p->provider[0] || (identity_of(a, p, &now, err) && check_identity(m, a, &now, err)))
        return true;
    if (err->code == ERR_CONFLICT)
        note_refused(m, a, p);
    return false;
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
    if (!check_token(m, request, asked, &vm, p, leave, err) || !may_become(m, a, p, err) || !make_challenge(a, v, p, &blob, &secret, err) ||
        !enrolments_keep(m->enrolments, p, m->now_ms(), err))
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

/* Its own code, so that a machine that has an endorsement certificate too can try with that (agent/enrol.h). */
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

static bool check_proof(const struct enrolment *p, struct bytes proof, struct err *err)
{
    const struct bytes zero = { (const uint8_t *)"", 1 };
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1"), zero, bytes_of_string(p->id), zero, tpm_name_bytes(&p->ak_name) };
    uint8_t wanted[32];

    hmac_sha256(BYTES_OF(p->secret), parts, ARRAY_LEN(parts), wanted);
    return bytes_equal_ct(proof, BYTES_OF(wanted)) ||
           err_set(err, ERR_UNTRUSTED, "proof: the credential was not opened by the TPM it was made for");
}

/* The first quote of this key: it works, and the server has seen it work. */
static bool check_quote(struct arena *a, const struct json *body, const struct enrolment *p, const struct pubkey *ak,
                        const struct tpm_public *ak_public, const struct verified_quote **ret, struct err *err)
{
    struct evidence *evidence = ARENA_NEW(a, struct evidence);
    struct findings reasons = { .arena = a };
    struct json_member members[5];
    const struct json *att;
    size_t n = 0;

    if (!evidence)
        return err_set(err, ERR_NO_MEMORY, "no memory for a quote");
    for (const char *const *name = (const char *const[]){ "quote", "signature", "pcrs", NULL }; *name; name++)
        if (json_get(body, *name))
            members[n++] = (struct json_member){ bytes_of_string(*name), json_get(body, *name) };
    members[n++] = (struct json_member){ BYTES_LIT("aik_pub"), json_object(a, NULL, 0) };
    att = json_object(a, members, n);
    if (!att || !evidence_read(a, att, evidence, err))
        return false;
    const struct quote_claim claim = {
        .attest = evidence->quote, .signature = evidence->signature, .form = SIGNATURE_FORM_TPMT, .pcrs = &evidence->pcrs
    };
    const struct quote_expectations want = { .ak = ak, .ak_public = ak_public, .nonce = BYTES_OF(p->nonce), .required_pcr_mask = 0xff };
    if (!quote_verify(a, &claim, &want, &reasons, ret, err))
        return err_set(err, ERR_UNTRUSTED, "quote: %s", reasons.n ? reasons.items[0].text : err->text);
    return true;
}

/* Over the nonce of this enrolment: what the IAK said to begin with may be a recording. */
static bool check_iak(struct arena *a, const struct json *body, const struct enrolment *p, const struct tpm_public *ak_public,
                      const struct verified_quote *quote, struct err *err)
{
    struct cert *iak CLEANUP(cert_free_at) = NULL;
    const struct bytes nonce = BYTES_OF(p->nonce);
    struct iak_word want = { .ak = ak_public, .nonce = &nonce, .qualified_ak = verified_quote_qualified_signer(quote) };

    if (!vouching_same_iak(a, body, p->cert_sha256, &iak, err))
        return false;
    want.iak = iak->key;
    return vouching_hear_iak(a, body, &want, err);
}

/* That the quoting key lives in the TPM of the certificate that the enrolment began with. *ret_by_iak: what is refused is about the IAK. */
static bool check_possession(struct arena *a, const struct json *body, const struct enrolment *p, const struct pubkey *ak,
                             const struct tpm_public *ak_public, bool *ret_by_iak, struct err *err)
{
    const struct verified_quote *quote;
    struct bytes proof;

    if (!p->iak_sha256[0])
        return vouching_decode(a, json_get(body, "proof"), "proof", 64, &proof, err) && check_proof(p, proof, err) &&
               check_quote(a, body, p, ak, ak_public, &quote, err);
    if (!check_quote(a, body, p, ak, ak_public, &quote, err))
        return false;
    *ret_by_iak = true;
    if (!check_iak(a, body, p, ak_public, quote, err))
        return false;
    *ret_by_iak = false;
    return true;
}

/* A TPM that answers for two VMs makes both suspect, until an operator releases one (attack I8). */
static bool note_duplicate(const struct management *m, struct arena *a, const char *vm, const char *owner, struct err *err)
{
    const char *of_vm = arena_printf(a, STORE_SETTING_DUPLICATE, vm), *of_owner = arena_printf(a, STORE_SETTING_DUPLICATE, owner);

    if (!of_vm || !of_owner)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    return store_setting_put(m->store, of_vm, bytes_of_string(owner), err) &&
           store_setting_put(m->store, of_owner, bytes_of_string(vm), err);
}

struct registration {
    const struct management *m;
    struct arena *a;
    const struct enrolment *p;
    struct store_identity *identity;
    char owner[UUID_TEXT_LEN]; /* the VM that has this TPM already, or "" */
};

/* With the registration, or not at all: of two machines that began with one token, one becomes enrolled. What began without one because the TPM was
 * known must find it known still. */
static bool use_token(const struct management *inside, struct arena *a, const struct enrolment *p, struct err *err)
{
    bool known = false;

    if (p->known && !is_known(inside, a, p, &known, err))
        return false;
    if (p->known && !known)
        return err_set(err, ERR_UNTRUSTED, "this VM's TPM was released meanwhile: begin again");
    if (!p->token_sha256[0] || store_enrolment_token_use(inside->store, p->token_sha256, p->vm, inside->now_ms(), err))
        return true;
    return err->code == ERR_CONFLICT ? err_set(err, ERR_UNTRUSTED, "the enrolment token was used meanwhile, or has expired") : false;
}

/* Looking and registering are one step: of two TPMs that say they are this VM, at the same moment, one becomes it (attack I4). */
static bool register_in(struct store *tx, void *context, struct err *err)
{
    struct registration *r = context;
    struct management inside = *r->m;

    inside.store = tx;
    r->owner[0] = '\0';
    return check_identity(&inside, r->a, r->identity, err) && use_token(&inside, r->a, r->p, err) &&
           store_identity_register(tx, r->identity, r->owner, err);
}

struct provider_registration {
    const struct management *m;
    struct arena *a;
    const struct enrolment *p;
    const struct store_provider_identity *identity;
};

static bool register_at_provider_in(struct store *tx, void *context, struct err *err)
{
    const struct provider_registration *r = context;
    struct management inside = *r->m;

    inside.store = tx;
    return use_token(&inside, r->a, r->p, err) && store_provider_identity_put(tx, r->identity, err);
}

static bool register_at_provider(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert,
                                 struct err *err)
{
    const struct store_provider_identity identity = { .provider = p->provider,
                                                      .vm = p->vm,
                                                      .cert_sha256 = p->cert_sha256,
                                                      .ak_cert = cert->der,
                                                      .enrolled_ms = m->now_ms(),
                                                      .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)) };
    struct provider_registration r = { m, a, p, &identity };

    if (!identity.ak_name)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    return store_transaction(m->store, register_at_provider_in, &r, err);
}

static bool register_identity(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert,
                              struct err *err)
{
    const char *said[LIMIT_EK_CERTS];
    struct store_identity identity;
    struct registration r = { .m = m, .a = a, .p = p, .identity = &identity };

    if (p->provider[0])
        return register_at_provider(m, a, p, cert, err);
    if (!identity_of(a, p, &identity, err))
        return false;
    for (size_t i = 0; i < p->n_said; i++) {
        said[i] = hex_in(a, tpm_name_bytes(&p->said[i]));
        if (!said[i])
            return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    }
    identity.also_eks = said;
    identity.n_also_eks = p->n_said;
    identity.ak_cert = cert->der;
    identity.enrolled_ms = m->now_ms();
    if (store_transaction(m->store, register_in, &r, err))
        return forget_refused(m, a, p->vm, err);
    if (err->code != ERR_CONFLICT)
        return false;
    if (!r.owner[0]) {
        note_refused(m, a, p);
        return false;
    }
    return note_duplicate(m, a, p->vm, r.owner, err) && err_set(err, ERR_CONFLICT, "this TPM already belongs to VM %s", r.owner);
}

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
        !check_possession(a, body, p, ak, &ak_public, ret_by_iak, err) ||
        !ca_issue_ak_on_terms(m->ak_ca, p->vm, &terms, ak, m->now_ms(), &cert, err))
        return false;
    if (!enrolments_remove(m->enrolments, p->id))
        return err_set(err, ERR_UNTRUSTED, "enrollId was used already: begin again");
    if (!register_identity(m, a, p, cert, err))
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
