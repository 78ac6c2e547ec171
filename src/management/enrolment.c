/* Enrolment: proves that one TPM holds both the endorsement key that a host's CA vouches for and the attestation key that asks
 * for a certificate (guest-agent.md 2.5; attack-suite.md I1–I5). */
#include <stdio.h>
#include "appraise/evidence.h"
#include "base/base64.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "management/enrolment_tokens.h"
#include "management/enrolments.h"
#include "management/management.h"
#include "store/providers.h"
#include "tpm/credential.h"
#include "tpm/key_profile.h"
#include "tpm/quote.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"

enum { TRIES = 3, CLOCK_SKEW_MS = 300 * 1000 };

/* ---- begin ---- */

static bool decode(struct arena *a, const struct json *text, const char *what, size_t limit, struct bytes *ret, struct err *err)
{
    if (!text || text->type != JSON_STRING || text->string.len / 4 * 3 > limit + 2)
        return err_set(err, ERR_MALFORMED, "%s is not base64url of at most %zu bytes", what, limit);
    if (!base64_decode_any(a, text->string, ret, err))
        return err_within(err, "%s", what);
    return ret->len <= limit || err_set(err, ERR_MALFORMED, "%s has more than %zu bytes", what, limit);
}

/* The endorsement key of one certificate: parsed once, and that one object is what the credential is made for (CVE-2021-3406). */
struct endorsement {
    struct cert *cert;
    bool pinned;      /* itself among the roots */
    bool of_provider; /* vouched for by a root of the one provider only */
    struct tpm_public ek;
    struct ek_identity identity;
    size_t index;
};

static bool check_ek_public(struct arena *a, const struct json *ek_pub, const struct cert *cert, struct tpm_public *ret, struct err *err)
{
    struct findings reasons = { .arena = a };
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct bytes encoded;

    if (!decode(a, ek_pub, "ekPub", AK_PUBLIC_MAX, &encoded, err) || !tpm_public_decode_2b(encoded, ret, err) ||
        !tpm_public_key(ret, &key, err))
        return err_within(err, "ekPub");
    if (!cert->key || !pubkey_equal(key, cert->key))
        return err_set(err, ERR_UNTRUSTED, "ekPub is not the key of the endorsement certificate");
    if (!key_profile_check(KEY_PROFILE_EK, ret, FINDING_EK_REFUSED, &reasons))
        return err_set(err, ERR_UNTRUSTED, "ekPub: %s", reasons.n ? reasons.items[0].text : "not an endorsement key");
    return true;
}

/* Who may vouch: everybody's roots, and those of the provider that is asked, if one is. */
struct believed {
    struct trust_store *everybodys, *providers; /* the second NULL: none */
};

static void believed_done(struct believed *b)
{
    trust_store_free(b->everybodys);
    trust_store_free(b->providers);
}

static bool find_believed(const struct management *m, const char *provider, struct believed *ret, struct err *err)
{
    ret->everybodys = trust_slot_get(m->ek_roots);
    return !provider[0] || roots_load(m, STORE_ROOT_EK, provider, &ret->providers, err);
}

static bool check_chain(const struct management *m, const struct believed *b, const struct cert *const *extra, size_t n_extra,
                        struct endorsement *e, struct err *err)
{
    const struct chain_options options = { .purpose = CHAIN_EK, .now_ms = m->now_ms(), .skew_ms = CLOCK_SKEW_MS };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;
    struct err ignored = ERR_INIT;

    if (!chain_verify(b->everybodys, e->cert, extra, n_extra, &options, &chain, b->providers ? &ignored : err)) {
        e->of_provider = b->providers && chain_verify(b->providers, e->cert, extra, n_extra, &options, &chain, err);
        if (!e->of_provider)
            return false;
    }
    e->pinned = verified_chain_len(chain) == 1;
    return true;
}

static bool try_certificate(const struct management *m, struct arena *a, const struct believed *b, const struct json *entry,
                            const struct json *ek_pub, const struct cert *const *extra, size_t n_extra, struct endorsement *e,
                            struct err *err)
{
    struct bytes padded, der;

    return decode(a, entry, "ekCerts", LIMIT_CERT_BYTES, &padded, err) && cert_trim(padded, &der, err) && cert_parse(der, &e->cert, err) &&
           check_chain(m, b, extra, n_extra, e, err) && ek_cert_identity(e->cert, &e->identity, err) &&
           check_ek_public(a, ek_pub, e->cert, &e->ek, err);
}

static size_t read_extra(struct arena *a, const struct json *list, struct cert *ret[static LIMIT_CHAIN_CERTS])
{
    size_t n = 0;

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n && n < LIMIT_CHAIN_CERTS; i++) {
        struct err ignored = ERR_INIT; /* a certificate that cannot be read simply does not help */
        struct bytes der;
        if (decode(a, list->array.items[i], "ekChain", LIMIT_CERT_BYTES, &der, &ignored) && cert_parse(der, &ret[n], &ignored))
            n++;
    }
    return n;
}

static bool need_certs(const struct json *body, const struct json **ret, struct err *err)
{
    if (!json_need_array(body, "ekCerts", ret, err) || (*ret)->array.n > LIMIT_EK_CERTS)
        return err_set(err, ERR_MALFORMED, "ekCerts is not an array of at most %d certificates", LIMIT_EK_CERTS);
    return (*ret)->array.n > 0 ||
           err_set(err, ERR_UNTRUSTED, "this TPM has no endorsement certificate: make its vTPM with one (swtpm_setup --create-ek-cert)");
}

/* The first endorsement certificate that holds; when none does, the reason is the last one's. */
static bool find_endorsement(const struct management *m, struct arena *a, const struct json *body, const char *provider,
                             struct endorsement *ret, struct err *err)
{
    struct believed believed CLEANUP(believed_done) = { 0 };
    const struct json *certs, *pubs = json_get(body, "ekPubs");
    struct cert *extra[LIMIT_CHAIN_CERTS];
    size_t n_extra = read_extra(a, json_get(body, "ekChain"), extra);
    bool found = false, fine = find_believed(m, provider, &believed, err) && need_certs(body, &certs, err);

    for (size_t i = 0; fine && !found && i < certs->array.n; i++) {
        const struct json *pub = pubs && pubs->type == JSON_ARRAY && i < pubs->array.n ? pubs->array.items[i]
                                 : i == 0                                              ? json_get(body, "ekPub")
                                                                                       : NULL;
        struct endorsement e = { .index = i };
        struct err why = ERR_INIT;
        found = try_certificate(m, a, &believed, certs->array.items[i], pub, (const struct cert *const *)extra, n_extra, &e, &why);
        if (found)
            *ret = e;
        else
            cert_free(e.cert);
        if (!found && i + 1 == certs->array.n)
            err_set(err, why.code, "ekCerts[%zu]: %s", i, why.text);
    }
    for (size_t i = 0; i < n_extra; i++)
        cert_free(extra[i]);
    return found;
}

static bool read_ak(struct arena *a, const struct json *body, struct enrolment *p, struct err *err)
{
    struct findings reasons = { .arena = a };
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct tpm_public ak;
    struct bytes encoded;

    if (!decode(a, json_get(body, "akPub"), "akPub", AK_PUBLIC_MAX, &encoded, err) || !tpm_public_decode_2b(encoded, &ak, err) ||
        !tpm_public_key(&ak, &key, err) || !tpm_public_name(&ak, &p->ak_name, err))
        return err_within(err, "akPub");
    if (!key_profile_check(KEY_PROFILE_AK, &ak, FINDING_AK_ATTRIBUTES, &reasons))
        return err_set(err, ERR_UNTRUSTED, "akPub: %s", reasons.n ? reasons.items[0].text : "not an attestation key");
    memcpy(p->ak_public, encoded.data, encoded.len);
    p->ak_public_len = encoded.len;
    return true;
}

/* By its certificate; or by its key, because its host may have renewed the certificate (attack I10). */
static bool is_its_tpm(struct arena *a, const struct store_identity *active, const struct enrolment *p, bool *ret, struct err *err)
{
    const char *ek_name = hex_in(a, tpm_name_bytes(&p->ek_name));

    if (!ek_name)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    *ret = (active->ek_cert_sha256 && strcmp(active->ek_cert_sha256, p->ek_cert_sha256) == 0) ||
           (active->ek_pub_name && strcmp(active->ek_pub_name, ek_name) == 0);
    return true;
}

/* This TPM is this VM's already, where the identity will count. */
static bool is_known(const struct management *m, struct arena *a, const struct enrolment *p, bool *ret, struct err *err)
{
    struct store_provider_identity there;
    struct store_identity active;
    bool found = p->provider[0] ? store_provider_identity_get(m->store, a, p->provider, p->vm, &there, err)
                                : store_identity_active(m->store, a, p->vm, &active, err);

    *ret = false;
    if (!found && err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    if (found && !p->provider[0])
        return is_its_tpm(a, &active, p, ret, err);
    *ret = found && strcmp(there.ek_cert_sha256, p->ek_cert_sha256) == 0;
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

/* A VM that has an identity keeps it: another TPM does not become this VM without an operator's word (attack I4, I10). */
static bool check_identity(const struct management *m, struct arena *a, const struct enrolment *p, struct err *err)
{
    struct store_identity active;
    bool same;

    if (p->provider[0]) /* an identity of its own, which store_provider_identity_put compares */
        return true;
    if (!store_identity_active(m->store, a, p->vm, &active, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    if (!is_its_tpm(a, &active, p, &same, err))
        return false;
    if (same)
        return true;
    return err_set(err, ERR_CONFLICT, "this VM is enrolled with another TPM; if that is meant, release it: trueboot vm release-identity");
}

static bool make_credential(struct arena *a, const struct endorsement *e, struct enrolment *p, struct bytes *ret_blob,
                            struct bytes *ret_secret, struct err *err)
{
    uint8_t id[(ENROL_ID_LEN - 1) / 2];

    if (!random_bytes(id, sizeof id, err) || !random_bytes(p->secret, sizeof p->secret, err) ||
        !random_bytes(p->nonce, sizeof p->nonce, err))
        return false;
    hex_encode(BYTES_OF(id), p->id);
    return credential_make(a, &e->ek, tpm_name_bytes(&p->ak_name), BYTES_OF(p->secret), ret_blob, ret_secret, err);
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

static bool begin(const struct management *m, const struct http_request *request, struct endorsement *e, struct enrolment *p,
                  struct enrolment_leave *leave, struct http_response *response, struct err *err)
{
    char asked[ENROL_PROVIDER_MAX];
    struct arena *a = request->arena;
    struct bytes blob, secret;
    const struct json *body;
    struct store_vm vm;
    struct json_out out;

    if (!choose_provider(m, request, p->provider, err) || !http_body_json(request, NULL, &body, err) ||
        !find_endorsement(m, a, body, p->provider, e, err))
        return false;
    memcpy(asked, p->provider, sizeof asked);
    if (!e->of_provider)
        p->provider[0] = '\0';
    if (!e->identity.vm_uuid[0])
        return err_set(err, ERR_UNTRUSTED, "the endorsement certificate names no VM: its subject holds no UUID");
    memcpy(p->vm, e->identity.vm_uuid, sizeof p->vm);
    p->ek_pinned = e->pinned;
    hex_encode((struct bytes){ e->cert->sha256, CERT_SHA256_LEN }, p->ek_cert_sha256);
    if (!store_vm_get(m->store, a, p->vm, &vm, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "VM %s is not in the inventory", p->vm) : false;
    p->expires_ms = m->now_ms() + LIMIT_ENROLMENT_SECONDS * INT64_C(1000);
    p->tries_left = TRIES;
    if (!tpm_public_name(&e->ek, &p->ek_name, err) || !check_token(m, request, asked, &vm, p, leave, err) || !read_ak(a, body, p, err) ||
        !check_identity(m, a, p, err) || !make_credential(a, e, p, &blob, &secret, err) ||
        !enrolments_keep(m->enrolments, p, m->now_ms(), err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", p->id);
    json_put_integer(&out, "ekIndex", (int64_t)e->index);
    json_put_base64url(&out, "credentialBlob", blob);
    json_put_base64url(&out, "encryptedSecret", secret);
    json_put_base64url(&out, "nonce", BYTES_OF(p->nonce));
    json_put_time(&out, "expires", p->expires_ms);
    json_end(&out);
    return true;
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
    struct endorsement e = { 0 };
    bool fine = begin(context, request, &e, &p, &leave, response, err);

    cert_free(e.cert);
    response->subject = leave.subject;
    if (!fine && leave.code)
        return http_response_error(response, leave.status, leave.code, NULL, "%s", err->text);
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
                        const struct tpm_public *ak_public, struct err *err)
{
    struct evidence *evidence = ARENA_NEW(a, struct evidence);
    struct findings reasons = { .arena = a };
    struct json_member members[5];
    const struct json *att;
    const struct verified_quote *quote;
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
    if (!quote_verify(a, &claim, &want, &reasons, &quote, err))
        return err_set(err, ERR_UNTRUSTED, "quote: %s", reasons.n ? reasons.items[0].text : err->text);
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
    const struct store_identity *identity;
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
    return check_identity(&inside, r->a, r->p, err) && use_token(&inside, r->a, r->p, err) &&
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
    const struct store_provider_identity identity = {
        .provider = p->provider, .vm = p->vm, .ek_cert_sha256 = p->ek_cert_sha256, .ak_cert = cert->der, .enrolled_ms = m->now_ms()
    };
    struct provider_registration r = { m, a, p, &identity };

    return store_transaction(m->store, register_at_provider_in, &r, err);
}

static bool register_identity(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert,
                              struct err *err)
{
    struct store_identity identity = { .vm = p->vm,
                                       .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)),
                                       .ak_cert = cert->der,
                                       .ek_cert_sha256 = p->ek_cert_sha256,
                                       .ek_pub_name = hex_in(a, tpm_name_bytes(&p->ek_name)),
                                       .enrolled_ms = m->now_ms() };
    struct registration r = { .m = m, .a = a, .p = p, .identity = &identity };

    if (p->provider[0])
        return register_at_provider(m, a, p, cert, err);
    if (!identity.ak_name || !identity.ek_pub_name)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    if (store_transaction(m->store, register_in, &r, err))
        return true;
    if (err->code != ERR_CONFLICT || !r.owner[0])
        return false;
    return note_duplicate(m, a, p->vm, r.owner, err) && err_set(err, ERR_CONFLICT, "this TPM already belongs to VM %s", r.owner);
}

static bool activate(const struct management *m, const struct http_request *request, struct enrolment *p, struct http_response *response,
                     struct err *err)
{
    struct pubkey *ak CLEANUP(pubkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct arena *a = request->arena;
    struct bytes id, proof;
    const struct json *body;
    struct tpm_public ak_public;
    struct ca_ak_terms terms;
    struct json_out out;

    if (!http_body_json(request, NULL, &body, err) || !json_need_string(body, "enrollId", &id, err))
        return false;
    if (!enrolments_take(m->enrolments, id, m->now_ms(), p))
        return err_set(err, ERR_UNTRUSTED, "enrollId is unknown, expired or used up: begin again");
    terms = (struct ca_ak_terms){ p->provider[0] ? p->provider : NULL, p->ek_pinned };
    if (!decode(a, json_get(body, "proof"), "proof", 64, &proof, err) || !check_proof(p, proof, err) ||
        !tpm_public_decode_2b((struct bytes){ p->ak_public, p->ak_public_len }, &ak_public, err) || !tpm_public_key(&ak_public, &ak, err) ||
        !check_quote(a, body, p, ak, &ak_public, err) || !ca_issue_ak_on_terms(m->ak_ca, p->vm, &terms, ak, m->now_ms(), &cert, err))
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

    return activate(context, request, &p, response, err) || answer_refusal(response, err);
}
