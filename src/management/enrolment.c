/* Enrolment: proves that one TPM holds both the endorsement key that a host's CA vouches for and the attestation key that asks
 * for a certificate (guest-agent.md 2.5; attack-suite.md I1–I5). */
#include <pthread.h>
#include <stdlib.h>
#include "appraise/evidence.h"
#include "base/base64.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "management/management.h"
#include "tpm/credential.h"
#include "tpm/key_profile.h"
#include "tpm/quote.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"

enum { SECRET_LEN = 32, NONCE_LEN = 32, ENROL_ID_LEN = 33, AK_PUBLIC_MAX = 1024, TRIES = 3, OPEN_PER_VM = 8, CLOCK_SKEW_MS = 300 * 1000 };

/* ---- enrolments under way ---- */

struct pending {
    char id[ENROL_ID_LEN]; /* "" when free */
    char vm[UUID_TEXT_LEN];
    int64_t expires_ms;
    unsigned tries_left;
    uint8_t secret[SECRET_LEN], nonce[NONCE_LEN];
    struct tpm_name ak_name, ek_name;
    char ek_cert_sha256[2 * CERT_SHA256_LEN + 1];
    size_t ak_public_len;
    uint8_t ak_public[AK_PUBLIC_MAX]; /* TPM2B_PUBLIC */
};

struct enrolments {
    pthread_mutex_t lock;
    size_t n; /* slots in use or free below capacity */
    size_t capacity;
    struct pending *slots;
};

bool enrolments_new(struct enrolments **ret, struct err *err)
{
    struct enrolments *e = calloc(1, sizeof *e);

    if (!e)
        return err_set(err, ERR_NO_MEMORY, "no memory for enrolments");
    pthread_mutex_init(&e->lock, NULL);
    *ret = e;
    return true;
}

void enrolments_free(struct enrolments *e)
{
    if (!e)
        return;
    if (e->slots)
        wipe(e->slots, e->capacity * sizeof *e->slots);
    free(e->slots);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static bool grow(struct enrolments *e)
{
    size_t capacity = e->capacity ? 2 * e->capacity : 16;
    struct pending *slots;

    if (capacity > LIMIT_OPEN_ENROLMENTS)
        return false;
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    if (e->slots) {
        memcpy(slots, e->slots, e->capacity * sizeof *slots);
        wipe(e->slots, e->capacity * sizeof *slots);
    }
    free(e->slots);
    e->slots = slots;
    e->capacity = capacity;
    return true;
}

/* A free slot, after dropping what has expired; one VM never holds more than a few. NULL: none. */
static struct pending *take_slot(struct enrolments *e, const char *vm, int64_t now_ms)
{
    struct pending *free_slot = NULL, *oldest_of_vm = NULL;
    size_t of_vm = 0;

    for (size_t i = 0; i < e->capacity; i++) {
        struct pending *p = &e->slots[i];
        if (p->id[0] && p->expires_ms < now_ms)
            wipe(p, sizeof *p);
        if (!p->id[0]) {
            free_slot = p;
        } else if (strcmp(p->vm, vm) == 0) {
            of_vm++;
            if (!oldest_of_vm || p->expires_ms < oldest_of_vm->expires_ms)
                oldest_of_vm = p;
        }
    }
    if (of_vm >= OPEN_PER_VM)
        return oldest_of_vm;
    if (free_slot)
        return free_slot;
    if (!grow(e))
        return NULL;
    return take_slot(e, vm, now_ms);
}

static bool keep(struct enrolments *e, const struct pending *fresh, int64_t now_ms, struct err *err)
{
    struct pending *slot;

    pthread_mutex_lock(&e->lock);
    slot = take_slot(e, fresh->vm, now_ms);
    if (slot)
        *slot = *fresh;
    pthread_mutex_unlock(&e->lock);
    return slot || err_set(err, ERR_UNREACHABLE, "too many enrolments at once: try again in a minute");
}

/* take_out copies an enrolment and counts the try. */
static bool take_out(struct enrolments *e, struct bytes id, int64_t now_ms, struct pending *ret)
{
    bool found = false;

    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->capacity && !found; i++) {
        struct pending *p = &e->slots[i];
        if (!p->id[0] || p->expires_ms < now_ms || !p->tries_left || !bytes_equal_ct(bytes_of_string(p->id), id))
            continue;
        found = true;
        p->tries_left--;
        *ret = *p;
    }
    pthread_mutex_unlock(&e->lock);
    return found;
}

/* remove_done takes a finished one away: true for one caller only, so that an activation cannot be replayed. */
static bool remove_done(struct enrolments *e, const char *id)
{
    bool found = false;

    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->capacity && !found; i++)
        if (strcmp(e->slots[i].id, id) == 0) {
            found = true;
            wipe(&e->slots[i], sizeof e->slots[i]);
        }
    pthread_mutex_unlock(&e->lock);
    return found;
}

static void pending_done(struct pending *p) { wipe(p, sizeof *p); }

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

static bool try_certificate(const struct management *m, struct arena *a, const struct json *entry, const struct json *ek_pub,
                            const struct cert *const *extra, size_t n_extra, struct endorsement *e, struct err *err)
{
    const struct chain_options options = { .purpose = CHAIN_EK, .now_ms = m->now_ms(), .skew_ms = CLOCK_SKEW_MS };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;
    struct trust_store *roots CLEANUP(trust_store_free_at) = trust_slot_get(m->ek_roots);
    struct bytes padded, der;

    return decode(a, entry, "ekCerts", LIMIT_CERT_BYTES, &padded, err) && cert_trim(padded, &der, err) && cert_parse(der, &e->cert, err) &&
           chain_verify(roots, e->cert, extra, n_extra, &options, &chain, err) && ek_cert_identity(e->cert, &e->identity, err) &&
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

/* The first endorsement certificate that holds; when none does, the reason is the last one's. */
static bool find_endorsement(const struct management *m, struct arena *a, const struct json *body, struct endorsement *ret, struct err *err)
{
    const struct json *certs, *pubs = json_get(body, "ekPubs");
    struct cert *extra[LIMIT_CHAIN_CERTS];
    size_t n_extra = read_extra(a, json_get(body, "ekChain"), extra);
    bool found = false;

    if (!json_need_array(body, "ekCerts", &certs, err) || certs->array.n > LIMIT_EK_CERTS) {
        err_set(err, ERR_MALFORMED, "ekCerts is not an array of at most %d certificates", LIMIT_EK_CERTS);
    } else if (certs->array.n == 0) {
        err_set(err, ERR_UNTRUSTED, "this TPM has no endorsement certificate: make its vTPM with one (swtpm_setup --create-ek-cert)");
    }
    for (size_t i = 0; err->code == ERR_NONE && !found && i < certs->array.n; i++) {
        const struct json *pub = pubs && pubs->type == JSON_ARRAY && i < pubs->array.n ? pubs->array.items[i]
                                 : i == 0                                              ? json_get(body, "ekPub")
                                                                                       : NULL;
        struct endorsement e = { .index = i };
        struct err why = ERR_INIT;
        found = try_certificate(m, a, certs->array.items[i], pub, (const struct cert *const *)extra, n_extra, &e, &why);
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

static bool read_ak(struct arena *a, const struct json *body, struct pending *p, struct err *err)
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

/* A VM that has an identity keeps it: another TPM does not become this VM without an operator's word (attack I4, I10). */
static bool check_identity(const struct management *m, struct arena *a, const struct pending *p, struct err *err)
{
    struct store_identity active;

    if (!store_identity_active(m->store, a, p->vm, &active, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    if (active.ek_cert_sha256 && strcmp(active.ek_cert_sha256, p->ek_cert_sha256) == 0)
        return true;
    return err_set(err, ERR_CONFLICT, "this VM is enrolled with another TPM; if that is meant, release it: trueboot vm release-identity");
}

static bool make_credential(struct arena *a, const struct endorsement *e, struct pending *p, struct bytes *ret_blob,
                            struct bytes *ret_secret, struct err *err)
{
    uint8_t id[(ENROL_ID_LEN - 1) / 2];

    if (!random_bytes(id, sizeof id, err) || !random_bytes(p->secret, sizeof p->secret, err) ||
        !random_bytes(p->nonce, sizeof p->nonce, err) || !tpm_public_name(&e->ek, &p->ek_name, err))
        return false;
    hex_encode(BYTES_OF(id), p->id);
    return credential_make(a, &e->ek, tpm_name_bytes(&p->ak_name), BYTES_OF(p->secret), ret_blob, ret_secret, err);
}

static bool begin(const struct management *m, const struct http_request *request, struct endorsement *e, struct pending *p,
                  struct http_response *response, struct err *err)
{
    struct arena *a = request->arena;
    struct bytes blob, secret;
    const struct json *body;
    struct store_vm vm;
    struct json_out out;

    if (!http_body_json(request, NULL, &body, err) || !find_endorsement(m, a, body, e, err))
        return false;
    if (!e->identity.vm_uuid[0])
        return err_set(err, ERR_UNTRUSTED, "the endorsement certificate names no VM: its subject holds no UUID");
    memcpy(p->vm, e->identity.vm_uuid, sizeof p->vm);
    hex_encode((struct bytes){ e->cert->sha256, CERT_SHA256_LEN }, p->ek_cert_sha256);
    if (!store_vm_get(m->store, a, p->vm, &vm, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "VM %s is not in the inventory", p->vm) : false;
    p->expires_ms = m->now_ms() + LIMIT_ENROLMENT_SECONDS * INT64_C(1000);
    p->tries_left = TRIES;
    if (!read_ak(a, body, p, err) || !check_identity(m, a, p, err) || !make_credential(a, e, p, &blob, &secret, err) ||
        !keep(m->enrolments, p, m->now_ms(), err))
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
        return http_response_error(response, 409, "IdentityDuplicated", "tpm.identity_duplicated", "%s", err->text);
    case ERR_NOT_FOUND:
        return http_response_error(response, 404, "UnknownVm", NULL, "%s", err->text);
    case ERR_UNTRUSTED:
    case ERR_MALFORMED:
    case ERR_TRUNCATED:
    case ERR_UNSUPPORTED:
        return http_response_error(response, 400, "EnrolmentRefused", "tpm.ek_refused", "%s", err->text);
    default:
        return http_response_err(response, err);
    }
}

bool enrol_begin(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct pending p CLEANUP(pending_done) = { .id = "" };
    struct endorsement e = { 0 };
    bool fine = begin(context, request, &e, &p, response, err);

    cert_free(e.cert);
    return fine || answer_refusal(response, err);
}

/* ---- activate ---- */

static bool check_proof(const struct pending *p, struct bytes proof, struct err *err)
{
    const struct bytes zero = { (const uint8_t *)"", 1 };
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1"), zero, bytes_of_string(p->id), zero, tpm_name_bytes(&p->ak_name) };
    uint8_t wanted[32];

    hmac_sha256(BYTES_OF(p->secret), parts, ARRAY_LEN(parts), wanted);
    return bytes_equal_ct(proof, BYTES_OF(wanted)) ||
           err_set(err, ERR_UNTRUSTED, "proof: the credential was not opened by the TPM it was made for");
}

/* The first quote of this key: it works, and the server has seen it work. */
static bool check_quote(struct arena *a, const struct json *body, const struct pending *p, const struct pubkey *ak, struct err *err)
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
    const struct quote_expectations want = { .ak = ak, .nonce = BYTES_OF(p->nonce), .required_pcr_mask = 0xff };
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
    const struct pending *p;
    const struct store_identity *identity;
    char owner[UUID_TEXT_LEN]; /* the VM that has this TPM already, or "" */
};

/* Looking and registering are one step: of two TPMs that say they are this VM, at the same moment, one becomes it (attack I4). */
static bool register_in(struct store *tx, void *context, struct err *err)
{
    struct registration *r = context;
    struct management inside = *r->m;

    inside.store = tx;
    r->owner[0] = '\0';
    return check_identity(&inside, r->a, r->p, err) && store_identity_register(tx, r->identity, r->owner, err);
}

static bool register_identity(const struct management *m, struct arena *a, const struct pending *p, const struct cert *cert,
                              struct err *err)
{
    struct store_identity identity = { .vm = p->vm,
                                       .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)),
                                       .ak_cert = cert->der,
                                       .ek_cert_sha256 = p->ek_cert_sha256,
                                       .ek_pub_name = hex_in(a, tpm_name_bytes(&p->ek_name)),
                                       .enrolled_ms = m->now_ms() };
    struct registration r = { .m = m, .a = a, .p = p, .identity = &identity };

    if (!identity.ak_name || !identity.ek_pub_name)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    if (store_transaction(m->store, register_in, &r, err))
        return true;
    if (err->code != ERR_CONFLICT || !r.owner[0])
        return false;
    return note_duplicate(m, a, p->vm, r.owner, err) && err_set(err, ERR_CONFLICT, "this TPM already belongs to VM %s", r.owner);
}

static bool activate(const struct management *m, const struct http_request *request, struct pending *p, struct http_response *response,
                     struct err *err)
{
    struct pubkey *ak CLEANUP(pubkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct arena *a = request->arena;
    struct bytes id, proof;
    const struct json *body;
    struct tpm_public ak_public;
    struct json_out out;

    if (!http_body_json(request, NULL, &body, err) || !json_need_string(body, "enrollId", &id, err))
        return false;
    if (!take_out(m->enrolments, id, m->now_ms(), p))
        return err_set(err, ERR_UNTRUSTED, "enrollId is unknown, expired or used up: begin again");
    if (!decode(a, json_get(body, "proof"), "proof", 64, &proof, err) || !check_proof(p, proof, err) ||
        !tpm_public_decode_2b((struct bytes){ p->ak_public, p->ak_public_len }, &ak_public, err) || !tpm_public_key(&ak_public, &ak, err) ||
        !check_quote(a, body, p, ak, err) || !ca_issue_ak(m->ak_ca, p->vm, ak, m->now_ms(), &cert, err))
        return false;
    if (!remove_done(m->enrolments, p->id))
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
    struct pending p CLEANUP(pending_done) = { .id = "" };

    return activate(context, request, &p, response, err) || answer_refusal(response, err);
}
