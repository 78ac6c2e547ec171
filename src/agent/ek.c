#include "agent/ek.h"
#include <stdlib.h>
#include <tss2/tss2_mu.h>
#include "agent/ak_esys.h"
#include "agent/tpm_esys.h"
#include "x509/cert.h"

enum { EK_CHAIN_FIRST = 0x01c00100, EK_CHAIN_LAST = 0x01c001ff, PLATFORM_CERT_NV = 0x01c08000 };

struct ek {
    struct tpm_device *tpm;
    ESYS_TR object;
    bool transient;
    uint8_t encoded[sizeof(TPM2B_PUBLIC)];
    size_t encoded_len;
    struct tpm_public pub; /* views into encoded */
    struct pubkey *key;
};

/* Certificates. */

static bool read_certificate(struct tpm_device *tpm, uint32_t index, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes padded;
    bool present;

    *ret = BYTES_NONE;
    if (!tpm_nv_read(tpm, index, LIMIT_CERT_BYTES, a, &present, &padded, why))
        return false;
    if (present && !cert_trim(padded, ret, &err))
        *ret = BYTES_NONE;
    return true;
}

/* An index may hold several certificates one after the other (2.2). */
static void split_chain(struct arena *a, struct bytes content, struct ek_certificates *certs)
{
    struct cert *cert[LIMIT_EK_CERTS] = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;

    if (!cert_parse_bundle(content, cert, LIMIT_EK_CERTS, &n, &err))
        return;
    for (size_t i = 0; i < n; i++) {
        if (certs->n_chain < LIMIT_EK_CERTS && arena_copy(a, cert[i]->der, &certs->chain[certs->n_chain]))
            certs->n_chain++;
        cert_free(cert[i]);
    }
}

static bool read_chain(struct tpm_device *tpm, struct arena *a, struct ek_certificates *certs, struct failure *why)
{
    TPMS_CAPABILITY_DATA *data TPM_FREE = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc = TPM_CALL(Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, EK_CHAIN_FIRST,
                                             LIMIT_EK_CERTS, &more, &data));

    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_GetCapability", rc);
    for (uint32_t i = 0; i < data->data.handles.count && data->data.handles.handle[i] <= EK_CHAIN_LAST; i++) {
        struct bytes content;
        bool present;

        if (!tpm_nv_read(tpm, data->data.handles.handle[i], LIMIT_CERT_BYTES, a, &present, &content, why))
            return false;
        if (present)
            split_chain(a, content, certs);
    }
    return true;
}

bool ek_read_certificates(struct tpm_device *tpm, struct arena *a, struct ek_certificates *ret, struct failure *why)
{
    *ret = (struct ek_certificates){ 0 };
    for (int kind = 0; kind < EK_KIND_COUNT; kind++) {
        if (!read_certificate(tpm, ek_place((enum ek_kind)kind)->cert_nv, a, &ret->der[ret->n], why))
            return false;
        ret->kind[ret->n] = (enum ek_kind)kind;
        ret->n += ret->der[ret->n].len > 0;
    }
    return read_certificate(tpm, PLATFORM_CERT_NV, a, &ret->platform, why) && read_chain(tpm, a, ret, why);
}

/* Keys. */

static bool learn(struct ek *ek, const TPM2B_PUBLIC *pub, struct failure *why)
{
    struct err err = ERR_INIT;

    ek->encoded_len = 0;
    pubkey_free(ek->key);
    ek->key = NULL;
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(pub, ek->encoded, sizeof ek->encoded, &ek->encoded_len) != TSS2_RC_SUCCESS)
        return failure_set(why, FAILURE_INTERNAL, "the endorsement key's public area does not encode");
    if (!tpm_public_decode_2b(ek_public_2b(ek), &ek->pub, &err) || !tpm_public_key(&ek->pub, &ek->key, &err))
        return failure_from(why, FAILURE_EK_UNUSABLE, &err);
    return true;
}

static void let_go(struct ek *ek)
{
    if (ek->transient)
        tpm_flush(ek->tpm, &ek->object);
    else
        tpm_forget(ek->tpm, &ek->object);
    ek->transient = false;
}

static bool find_persistent(struct ek *ek, uint32_t handle, bool *ret_found, struct failure *why)
{
    TPM2B_PUBLIC *pub TPM_FREE = NULL;
    TPM2B_NAME *name TPM_FREE = NULL, *qualified TPM_FREE = NULL;
    TSS2_RC rc;

    *ret_found = false;
    if (!tpm_find(ek->tpm, handle, &ek->object, why))
        return false;
    if (ek->object == ESYS_TR_NONE)
        return true;
    rc = TPM_CALL(Esys_ReadPublic(ek->tpm->esys, ek->object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, &name, &qualified));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_ReadPublic", rc);
    *ret_found = true;
    return learn(ek, pub, why);
}

/* The template in NV is a TPMT_PUBLIC without a size; padding behind it is normal. */
static bool template_of(struct ek *ek, enum ek_kind kind, TPM2B_PUBLIC *ret, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct tpm_public template;
    struct bytes content;
    size_t offset = 0;
    bool present;

    *ret = (TPM2B_PUBLIC){ 0 };
    if (!tpm_nv_read(ek->tpm, ek_place(kind)->template_nv, sizeof(TPM2B_PUBLIC), &a, &present, &content, why))
        return false;
    if (present && Tss2_MU_TPMT_PUBLIC_Unmarshal(content.data, content.len, &offset, &ret->publicArea) == TSS2_RC_SUCCESS)
        return true;
    *ret = (TPM2B_PUBLIC){ 0 };
    offset = 0;
    ek_template(kind, &template);
    tpm_public_encode_2b(&w, &template);
    if (!writer_ok(&w) || Tss2_MU_TPM2B_PUBLIC_Unmarshal(w.data, w.len, &offset, ret) != TSS2_RC_SUCCESS)
        return failure_set(why, FAILURE_INTERNAL, "the endorsement key's template does not decode");
    return true;
}

static bool create(struct ek *ek, enum ek_kind kind, struct failure *why)
{
    TPM2B_PUBLIC in, *out TPM_FREE = NULL;
    TPM2B_CREATION_DATA *creation TPM_FREE = NULL;
    TPM2B_DIGEST *hash TPM_FREE = NULL;
    TPMT_TK_CREATION *ticket TPM_FREE = NULL;
    const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
    const TPM2B_DATA outside = { 0 };
    const TPML_PCR_SELECTION no_pcrs = { 0 };
    TSS2_RC rc;

    if (!template_of(ek, kind, &in, why))
        return false;
    rc = TPM_CALL(Esys_CreatePrimary(ek->tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &in,
                                     &outside, &no_pcrs, &ek->object, &out, &creation, &hash, &ticket));
    if (rc != TSS2_RC_SUCCESS) {
        tpm_refused(why, "making the endorsement key", rc);
        if (why->id == FAILURE_TPM_REFUSED)
            why->id = FAILURE_EK_UNUSABLE;
        return false;
    }
    ek->transient = true;
    return learn(ek, out, why);
}

static bool is_certified(const struct ek *ek, const struct cert *cert) { return !cert || (cert->key && pubkey_equal(cert->key, ek->key)); }

bool ek_open(struct tpm_device *tpm, enum ek_kind kind, struct bytes certificate, struct ek **ret, struct failure *why)
{
    struct ek *ek CLEANUP(ek_close_at) = calloc(1, sizeof *ek);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    bool found;

    if (!ek)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    ek->tpm = tpm;
    ek->object = ESYS_TR_NONE;
    if (certificate.len && !cert_parse(certificate, &cert, &err))
        return failure_from(why, FAILURE_EK_UNUSABLE, &err);
    if (!find_persistent(ek, ek_place(kind)->handle, &found, why))
        return false;
    if (found && !is_certified(ek, cert)) {
        let_go(ek);
        found = false;
    }
    if (!found && !create(ek, kind, why))
        return false;
    if (!is_certified(ek, cert))
        return failure_set(why, FAILURE_EK_CERT_MISMATCH,
                           "the %s endorsement certificate is of another key than this TPM's: its state was mixed up or its seed changed",
                           ek_place(kind)->what);
    *ret = TAKE(ek);
    return true;
}

void ek_close(struct ek *ek)
{
    if (!ek)
        return;
    let_go(ek);
    pubkey_free(ek->key);
    free(ek);
}

void ek_close_at(struct ek **ek) { ek_close(*ek); }

struct bytes ek_public_2b(const struct ek *ek) { return (struct bytes){ ek->encoded, ek->encoded_len }; }

/* Activation. */

static void put_digest(TPML_DIGEST *list, struct bytes digest)
{
    TPM2B_DIGEST *to = &list->digests[list->count++];

    to->size = (uint16_t)digest.len;
    memcpy(to->buffer, digest.data, digest.len);
}

/* The EK lets itself be used after PolicySecret(endorsement), which needs the hierarchy's (empty) password; a key of the high range
 * wants the PolicyOR of both branches behind it. The policy works during lock-out, a password does not (2.5). */
static bool satisfy_policy(const struct ek *ek, ESYS_TR session, struct failure *why)
{
    ESYS_CONTEXT *esys = ek->tpm->esys;
    enum digest_algorithm algorithm = ek->pub.name_algorithm;
    TPM2B_TIMEOUT *timeout TPM_FREE = NULL;
    TPMT_TK_AUTH *ticket TPM_FREE = NULL;
    TPML_DIGEST branches = { 0 };
    TSS2_RC rc = TPM_CALL(Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL,
                                            NULL, 0, &timeout, &ticket));

    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_PolicySecret", rc);
    if (bytes_equal(ek->pub.policy, ek_policy_a(algorithm)))
        return true;
    if (!ek_policy_a(algorithm).len || !bytes_equal(ek->pub.policy, ek_policy_b(algorithm)))
        return failure_set(why, FAILURE_EK_UNUSABLE, "the endorsement key has a policy that is not of the TCG's profile");
    put_digest(&branches, ek_policy_a(algorithm));
    put_digest(&branches, ek_policy_c(algorithm));
    rc = TPM_CALL(Esys_PolicyOR(esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches));
    return rc == TSS2_RC_SUCCESS ? true : tpm_refused(why, "TPM2_PolicyOR", rc);
}

static bool activate_in(const struct ek *ek, const struct ak *ak, ESYS_TR session, const TPM2B_ID_OBJECT *blob,
                        const TPM2B_ENCRYPTED_SECRET *seed, uint8_t ret_secret[static EK_SECRET_MAX], size_t *ret_len, struct failure *why)
{
    TPM2B_DIGEST *secret TPM_FREE = NULL;
    TSS2_RC rc;

    if (!satisfy_policy(ek, session, why))
        return false;
    rc = TPM_CALL(Esys_ActivateCredential(ek->tpm->esys, ak_esys_object(ak), ek->object, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, blob,
                                          seed, &secret));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_ActivateCredential", rc);
    if (secret->size > EK_SECRET_MAX)
        return failure_set(why, FAILURE_ACTIVATE_FAIL, "the secret is larger than any digest");
    memcpy(ret_secret, secret->buffer, secret->size);
    *ret_len = secret->size;
    wipe(secret, sizeof *secret);
    return true;
}

bool ek_activate(const struct ek *ek, const struct ak *ak, struct bytes id_object, struct bytes encrypted_secret,
                 uint8_t ret_secret[static EK_SECRET_MAX], size_t *ret_len, struct failure *why)
{
    const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
    TPM2B_ID_OBJECT blob = { 0 };
    TPM2B_ENCRYPTED_SECRET seed = { 0 };
    ESYS_TR session = ESYS_TR_NONE;
    size_t blob_end = 0, seed_end = 0;
    TSS2_RC rc;
    bool done;

    if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(id_object.data, id_object.len, &blob_end, &blob) != TSS2_RC_SUCCESS ||
        blob_end != id_object.len ||
        Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(encrypted_secret.data, encrypted_secret.len, &seed_end, &seed) != TSS2_RC_SUCCESS ||
        seed_end != encrypted_secret.len)
        return failure_set(why, FAILURE_BAD_ANSWER,
                           "the credential that the server sent is not a TPM2B_ID_OBJECT and a TPM2B_ENCRYPTED_SECRET");
    rc = TPM_CALL(Esys_StartAuthSession(ek->tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                        TPM2_SE_POLICY, &none, digest_tpm_id(ek->pub.name_algorithm), &session));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_StartAuthSession", rc);
    /* The session stays after its use, so that it is we who end it, whatever happens. */
    (void)Esys_TRSess_SetAttributes(ek->tpm->esys, session, TPMA_SESSION_CONTINUESESSION, 0xff);
    done = activate_in(ek, ak, session, &blob, &seed, ret_secret, ret_len, why);
    tpm_flush(ek->tpm, &session);
    return done;
}
