#include "agent/protocol/enrol.h"
#include <stdio.h>
#include "agent/machine/host.h"
#include "agent/tpm/ek.h"
#include "base/base64.h"
#include "json/write.h"

enum { RETRY_APPROVAL_SECONDS = 60 };

/* One enrolment under way. Everything lives in the arena. */
struct exchange {
    struct tpm_device *tpm;
    struct server *server;
    const struct enrol_request *request;
    struct arena *a;
    struct ek_certificates certs;
    struct bytes ek_pubs[EK_KIND_COUNT]; /* TPM2B_PUBLIC per certificate; empty: that EK cannot be used */
    size_t n_ek_pubs;                    /* 1 when there is no certificate, else certs.n */

    bool with_iak; /* an IAK vouches, as far as we are concerned */
    bool by_iak;   /* and the server is content with that */
    struct iak_word iak;

    struct bytes enroll_id, blob, secret, nonce;
    size_t ek_index;
};

static bool out_of_memory(struct failure *why) { return failure_set(why, FAILURE_NO_MEMORY, "out of memory"); }

/* Opens the EK just to learn its public area; a slot is taken for that moment only. */
static bool learn_ek(struct exchange *x, enum ek_kind kind, struct bytes certificate, struct bytes *ret, struct failure *why)
{
    struct ek *ek CLEANUP(ek_close_at) = NULL;

    if (!ek_open(x->tpm, kind, certificate, &ek, why))
        return false;
    return arena_copy(x->a, ek_public_2b(ek), ret) ? true : out_of_memory(why);
}

static void note_iak(const struct exchange *x, const struct failure *why)
{
    if (x->request->notes)
        notes_add(x->request->notes, FAILURE_IAK_UNUSABLE, "the endorsement key vouches instead: %s", why->text);
}

/* What an IAK cannot say for a reason of its own, an endorsement key may; a TPM that does not answer is another matter. */
static bool is_iaks_own(enum failure_id id)
{
    return id == FAILURE_IAK_UNUSABLE || id == FAILURE_TPM_REFUSED || id == FAILURE_TPM_LOCKOUT || id == FAILURE_EH_PASSWORD;
}

static bool ask_iak(struct exchange *x, struct failure *why)
{
    if (x->request->iak == IAK_NEVER)
        return true;
    if (iak_hear(x->tpm, x->request->ak, BYTES_NONE, x->a, &x->with_iak, &x->iak, why)) {
        if (!x->with_iak && x->request->iak == IAK_REQUIRE)
            return failure_set(why, FAILURE_IAK_UNUSABLE, "enroll.iak = require, and this TPM has no certificate of one in NV 0x%08X",
                               (unsigned)IAK_CERT_NV);
        return true;
    }
    x->with_iak = false;
    if (x->request->iak == IAK_REQUIRE || !is_iaks_own(why->id))
        return false;
    note_iak(x, why);
    return true;
}

static bool learn_certified_eks(struct exchange *x, struct failure *why)
{
    bool any = false;

    x->n_ek_pubs = x->certs.n;
    for (size_t i = 0; i < x->certs.n; i++) {
        bool usable = learn_ek(x, x->certs.kind[i], x->certs.der[i], &x->ek_pubs[i], why);

        if (!usable && why->id != FAILURE_EK_UNUSABLE)
            return false;
        any |= usable;
    }
    return any;
}

static bool learn_eks(struct exchange *x, struct failure *why)
{
    if (!ek_read_certificates(x->tpm, x->a, &x->certs, why))
        return false;
    if (x->certs.n)
        return learn_certified_eks(x, why) || (x->with_iak && why->id == FAILURE_EK_UNUSABLE);
    x->n_ek_pubs = 1; /* first use: an operator has to approve the bare key */
    return learn_ek(x, EK_RSA2048, BYTES_NONE, &x->ek_pubs[0], why) || learn_ek(x, EK_P256, BYTES_NONE, &x->ek_pubs[0], why) ||
           (x->with_iak && why->id == FAILURE_EK_UNUSABLE);
}

/* begin */

static void put_text_or_null(struct json_out *out, const char *name, const char *text) { json_put_string(out, name, *text ? text : NULL); }

static void put_hints(const struct exchange *x, struct json_out *out)
{
    struct tpm_facts facts;
    struct host host;
    struct failure ignored;

    host_learn(&host, x->request->run_dir);
    if (!tpm_facts_read(x->tpm, &facts, &ignored))
        facts = (struct tpm_facts){ 0 };
    json_begin_object(out, "hints");
    put_text_or_null(out, "vmUuid", host.vm_uuid);
    put_text_or_null(out, "machineIdHash", host.machine_id_sha256);
    json_put_string(out, "hostname", host.hostname);
    put_text_or_null(out, "tpmManufacturer", facts.manufacturer);
    put_text_or_null(out, "tpmFirmware", facts.firmware);
    json_put_string(out, "agentVersion", TRUEBOOT_VERSION);
    put_text_or_null(out, "bootId", host.boot_id);
    json_end(out);
}

static void put_base64_or_null(struct json_out *out, const char *name, struct bytes b)
{
    if (b.len)
        json_put_base64url(out, name, b);
    else
        json_put_null(out, name);
}

static void put_base64_list(struct json_out *out, const char *name, const struct bytes *list, size_t n)
{
    json_begin_array(out, name);
    for (size_t i = 0; i < n; i++)
        put_base64_or_null(out, NULL, list[i]);
    json_end(out);
}

static struct bytes first_usable(const struct bytes *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].len)
            return list[i];
    return BYTES_NONE;
}

static void put_chain(const struct exchange *x, struct json_out *out)
{
    json_begin_array(out, "ekChain");
    for (size_t i = 0; i < x->certs.n_chain; i++)
        json_put_base64url(out, NULL, x->certs.chain[i]);
    for (size_t i = 0; x->with_iak && i < x->iak.n_chain; i++)
        json_put_base64url(out, NULL, x->iak.chain[i]);
    json_end(out);
}

static void put_iak(const struct exchange *x, struct json_out *out)
{
    json_begin_object(out, "iak");
    json_put_base64url(out, "cert", x->iak.cert);
    json_put_base64url(out, "certify", x->iak.attest);
    json_put_base64url(out, "signature", x->iak.signature);
    json_end(out);
}

static void write_begin(const struct exchange *x, struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    const struct ak *ak = x->request->ak;

    json_begin_object(&out, NULL);
    put_base64_list(&out, "ekCerts", x->certs.der, x->certs.n);
    put_chain(x, &out);
    put_base64_or_null(&out, "ekPub", first_usable(x->ek_pubs, x->n_ek_pubs));
    put_base64_list(&out, "ekPubs", x->ek_pubs, x->n_ek_pubs);
    put_base64_or_null(&out, "platformCert", x->certs.platform);
    json_put_base64url(&out, "akPub", ak_public_2b(ak));
    json_put_hex(&out, "akName", ak_name(ak));
    json_put_string(&out, "templateId", ak_template_id(ak_type(ak)));
    if (x->with_iak)
        put_iak(x, &out);
    else
        json_put_null(&out, "iak");
    put_hints(x, &out);
    if (x->request->enroll_id.len)
        json_put_bytes(&out, "enrollId", x->request->enroll_id);
    json_end(&out);
}

static bool bad_answer(struct failure *why, const struct err *err)
{
    failure_from(why, FAILURE_BAD_ANSWER, err);
    return failure_within(why, "the server's answer");
}

static bool need_base64(struct exchange *x, const struct json *json, const char *name, struct bytes *ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes text;

    if (!json_need_string(json, name, &text, &err))
        return bad_answer(why, &err);
    if (!base64_decode(x->a, BASE64_URL, text, ret, &err)) {
        err_within(&err, "%s", name);
        return bad_answer(why, &err);
    }
    return true;
}

/* A refusal to enrol is not a refusal of evidence; a duplicate is its own class. */
static bool enrolment_refused(const struct server_answer *answer, struct failure *why)
{
    server_refusal(answer, why);
    if (answer->status == 409 && bytes_equal_string(answer->code, "IdentityDuplicated"))
        why->id = FAILURE_CLONE;
    else if (bytes_equal_string(answer->code, "IakRefused"))
        why->id = FAILURE_IAK_UNUSABLE;
    else if (answer->status == 404 && answer->code.len) /* the server knows the route, but not the VM: it may be added any minute */
        why->id = FAILURE_NOT_ENROLLED;
    else if (answer->status == 400 || answer->status == 401 || answer->status == 403 || answer->status == 409)
        why->id = FAILURE_ENROLL_REFUSED;
    return failure_within(why, "enrolment");
}

static bool awaits_approval(struct exchange *x, const struct server_answer *answer, struct bytes *ret_enroll_id, struct failure *why)
{
    struct bytes id = json_text(json_get(answer->json, "enrollId"), BYTES_NONE);
    int64_t seconds = 0;

    if (!arena_copy(x->a, id, ret_enroll_id))
        return out_of_memory(why);
    failure_set(why, FAILURE_AWAITS_APPROVAL, "an operator has to approve this machine at the server");
    if (!json_as_integer(json_get(answer->json, "retryAfter"), &seconds) || seconds < 1 || seconds > 86400)
        seconds = RETRY_APPROVAL_SECONDS;
    why->retry_after_seconds = (unsigned)seconds;
    return false;
}

/* Which proof the server wants. */
static bool read_challenge(struct exchange *x, const struct json *answer, struct failure *why)
{
    const struct json *blob = json_get(answer, "credentialBlob");
    struct err err = ERR_INIT;
    int64_t index = 0;

    x->by_iak = x->with_iak && (!blob || blob->type == JSON_NULL);
    if (x->by_iak)
        return true;
    if (x->request->iak == IAK_REQUIRE)
        return failure_set(why, FAILURE_IAK_UNUSABLE, "enroll.iak = require, and the server asks for a credential all the same");
    if (!json_need_integer(answer, "ekIndex", &index, &err))
        return bad_answer(why, &err);
    if (index < 0 || (size_t)index >= x->n_ek_pubs || !x->ek_pubs[index].len)
        return failure_set(why, FAILURE_BAD_ANSWER, "the server chose an endorsement key that we did not offer");
    x->ek_index = (size_t)index;
    return need_base64(x, answer, "credentialBlob", &x->blob, why) && need_base64(x, answer, "encryptedSecret", &x->secret, why);
}

static bool begin(struct exchange *x, struct bytes *ret_enroll_id, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct server_answer answer;
    struct err err = ERR_INIT;
    const char *authorization = NULL;

    write_begin(x, &w);
    if (x->request->token.len)
        authorization = arena_printf(x->a, "Bearer %.*s", BYTES_FMT(x->request->token));
    if (!writer_ok(&w) || (x->request->token.len && !authorization))
        return out_of_memory(why);
    if (!server_post(x->server, "/enroll/v1/begin", writer_bytes(&w), authorization, x->a, &answer, why))
        return false;
    if (answer.status == 202)
        return awaits_approval(x, &answer, ret_enroll_id, why);
    if (answer.status != 200)
        return enrolment_refused(&answer, why);
    if (!json_need_string(answer.json, "enrollId", &x->enroll_id, &err))
        return bad_answer(why, &err);
    if (!read_challenge(x, answer.json, why) || !need_base64(x, answer.json, "nonce", &x->nonce, why))
        return false;
    return x->nonce.len <= LIMIT_NONCE_BYTES ||
           failure_set(why, FAILURE_BAD_ANSWER, "the server's answer: a nonce of %zu bytes, more than %d", x->nonce.len, LIMIT_NONCE_BYTES);
}

/* A server that does not believe this IAK, or knows this machine by its endorsement key, may believe that. */
static bool may_try_without(const struct exchange *x, const struct failure *why)
{
    return x->with_iak && x->request->iak == IAK_AUTO && first_usable(x->ek_pubs, x->n_ek_pubs).len &&
           (why->id == FAILURE_IAK_UNUSABLE || why->id == FAILURE_CLONE);
}

static bool begin_either_way(struct exchange *x, struct bytes *ret_enroll_id, struct failure *why)
{
    if (begin(x, ret_enroll_id, why))
        return true;
    if (!may_try_without(x, why))
        return false;
    note_iak(x, why);
    x->with_iak = false;
    return begin(x, ret_enroll_id, why);
}

/* activate */

static enum ek_kind chosen_kind(const struct exchange *x)
{
    struct tpm_public pub;
    struct err err;

    if (x->certs.n)
        return x->certs.kind[x->ek_index];
    return tpm_public_decode_2b(x->ek_pubs[0], &pub, &err) && pub.type == TPM_ALG_ECC ? EK_P256 : EK_RSA2048;
}

/* HMAC-SHA-256 keyed with the credential's secret: only the TPM with this EK and this AK could have learnt it (2.5 step 7). */
static bool prove(struct exchange *x, uint8_t ret_proof[static 32], struct failure *why)
{
    struct ek *ek CLEANUP(ek_close_at) = NULL;
    uint8_t secret[EK_SECRET_MAX];
    size_t len = 0;

    if (!ek_open(x->tpm, chosen_kind(x), x->certs.n ? x->certs.der[x->ek_index] : BYTES_NONE, &ek, why) ||
        !ek_activate(ek, x->request->ak, x->blob, x->secret, secret, &len, why))
        return false;
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1\0"), x->enroll_id, BYTES_LIT("\0"), ak_name(x->request->ak) };
    hmac_sha256((struct bytes){ secret, len }, parts, ARRAY_LEN(parts), ret_proof);
    wipe(secret, sizeof secret);
    return true;
}

/* The IAK says again, over the server's nonce, what it said to begin with. */
static bool put_possession(struct exchange *x, struct json_out *out, struct failure *why)
{
    uint8_t proof[32];
    bool present;

    if (x->by_iak) {
        if (!iak_hear(x->tpm, x->request->ak, x->nonce, x->a, &present, &x->iak, why))
            return false;
        if (!present)
            return failure_set(why, FAILURE_IAK_UNUSABLE, "the initial attestation key's certificate went away meanwhile");
        put_iak(x, out);
        return true;
    }
    if (!prove(x, proof, why))
        return false;
    json_put_base64url(out, "proof", BYTES_OF(proof));
    return true;
}

static bool write_activate(struct exchange *x, struct writer *w, struct failure *why)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    struct evidence_sources sources = *x->request->sources;
    struct evidence_logs logs;
    struct quoted quoted;

    sources.with_ima = false; /* it may be long, and says nothing about who we are */
    if (!quote_take(x->tpm, x->request->ak, QUOTE_ALL_PCRS, x->nonce, NULL, x->a, &quoted, why) ||
        !evidence_collect_logs(&sources, x->a, &logs, why))
        return false;
    json_begin_object(&out, NULL);
    json_put_bytes(&out, "enrollId", x->enroll_id);
    if (!put_possession(x, &out, why))
        return false;
    json_put_base64url(&out, "quote", quoted.attest);
    json_put_base64url(&out, "signature", quoted.signature);
    evidence_put_pcrs(&out, "pcrs", &quoted.pcrs);
    evidence_put_logs(&out, "logs", &logs, true);
    json_end(&out);
    return writer_ok(w) ? true : out_of_memory(why);
}

static bool read_chain(struct exchange *x, const struct json *json, struct bytes *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_CERT_BYTES * LIMIT_CHAIN_CERTS };
    const struct json *chain;
    struct err err = ERR_INIT;

    if (!json_need_array(json, "akChain", &chain, &err))
        return bad_answer(why, &err);
    for (size_t i = 0; i < chain->array.n; i++) {
        struct bytes der;

        if (!base64_decode(x->a, BASE64_URL, json_text(chain->array.items[i], BYTES_NONE), &der, &err))
            return bad_answer(why, &err);
        write_bytes(&w, der);
    }
    if (!writer_ok(&w))
        return failure_set(why, FAILURE_BAD_ANSWER, "the chain of the new certificate is too long");
    return arena_copy(x->a, writer_bytes(&w), ret) ? true : out_of_memory(why);
}

/* Step 8: what came must be a certificate of our key, and name the VM the answer names. */
static bool read_certificate(struct exchange *x, const struct json *json, struct enrolment *ret, struct failure *why)
{
    int64_t not_before_ms, not_after_ms;
    struct bytes vm = json_text(json_get(json, "vmId"), BYTES_NONE);
    char named[UUID_TEXT_LEN];
    struct failure problem;

    if (!need_base64(x, json, "akCert", &ret->ak_cert, why) || !read_chain(x, json, &ret->ak_chain, why))
        return false;
    if (!ak_certificate_fits(x->request->ak, ret->ak_cert, ret->vm_id, &not_before_ms, &not_after_ms, &problem))
        return failure_set(why, FAILURE_BAD_ANSWER, "the certificate that the server issued: %s", problem.text);
    if (vm.len && (!uuid_canonical(vm, named) || strcmp(named, ret->vm_id) != 0))
        return failure_set(why, FAILURE_BAD_ANSWER, "the certificate that the server issued names another VM than its answer");
    return true;
}

static bool activate(struct exchange *x, struct enrolment *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct server_answer answer;

    if (!write_activate(x, &w, why))
        return false;
    if (!server_post(x->server, "/enroll/v1/activate", writer_bytes(&w), NULL, x->a, &answer, why))
        return false;
    if (answer.status != 200)
        return enrolment_refused(&answer, why);
    if (!read_certificate(x, answer.json, ret, why))
        return false;
    ret->by_iak = x->by_iak;
    ret->ek_public = x->by_iak ? first_usable(x->ek_pubs, x->n_ek_pubs) : x->ek_pubs[x->ek_index];
    ret->ek_cert = x->certs.n && !x->by_iak ? x->certs.der[x->ek_index] : BYTES_NONE;
    return json_get(answer.json, "nonce") ? need_base64(x, answer.json, "nonce", &ret->nonce, why) : true;
}

bool enrol(struct tpm_device *tpm, struct server *server, const struct enrol_request *request, struct arena *a, struct enrolment *ret,
           struct bytes *ret_enroll_id, struct failure *why)
{
    struct exchange x = { .tpm = tpm, .server = server, .request = request, .a = a };

    *ret = (struct enrolment){ 0 };
    *ret_enroll_id = BYTES_NONE;
    return ask_iak(&x, why) && learn_eks(&x, why) && begin_either_way(&x, ret_enroll_id, why) && activate(&x, ret, why);
}
