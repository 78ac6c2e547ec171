#include "agent/tpm/ek.h"
#include <stdlib.h>
#include "x509/cert.h"

enum { EK_CHAIN_FIRST = 0x01c00100, EK_CHAIN_LAST = 0x01c001ff, PLATFORM_CERT_NV = 0x01c08000 };

struct ek {
    struct tpm_device *tpm;
    uint32_t object;
    bool transient;
    struct tpm_object known;
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

    if (!cert_parse_bundle(cert_trim_bundle(content), cert, LIMIT_EK_CERTS, &n, &err))
        return;
    for (size_t i = 0; i < n; i++) {
        if (certs->n_chain < LIMIT_EK_CERTS && arena_copy(a, cert[i]->der, &certs->chain[certs->n_chain]))
            certs->n_chain++;
        cert_free(cert[i]);
    }
}

static bool read_chain(struct tpm_device *tpm, struct arena *a, struct ek_certificates *certs, struct failure *why)
{
    static const char what[] = "TPM2_GetCapability";
    struct answer_handles list;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_get_capability(tpm_out(tpm), TPM_CAP_HANDLES, EK_CHAIN_FIRST, LIMIT_EK_CERTS), what, &r, why))
        return false;
    if (!answer_handles(r.parameters, &list, &err))
        return tpm_garbled(why, what, &err);
    for (size_t i = 0; i < list.n && list.handle[i] >= EK_CHAIN_FIRST && list.handle[i] <= EK_CHAIN_LAST; i++) {
        struct bytes content;
        bool present;

        if (!tpm_nv_read(tpm, list.handle[i], LIMIT_CERT_BYTES, a, &present, &content, why))
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

static bool learn_key(struct ek *ek, struct failure *why)
{
    struct err err = ERR_INIT;

    pubkey_free(ek->key);
    ek->key = NULL;
    return tpm_public_key(&ek->known.pub, &ek->key, &err) ? true : failure_from(why, FAILURE_EK_UNUSABLE, &err);
}

static void let_go(struct ek *ek)
{
    if (ek->transient)
        tpm_flush(ek->tpm, &ek->object);
    ek->transient = false;
    ek->object = 0;
}

static bool find_persistent(struct ek *ek, uint32_t handle, bool *ret_found, struct failure *why)
{
    if (!tpm_read_public(ek->tpm, handle, ret_found, &ek->known, why))
        return false;
    if (!*ret_found)
        return true;
    ek->object = handle;
    return learn_key(ek, why);
}

/* The template in NV is a TPMT_PUBLIC without a size; padding behind it is normal. Views of *ret live in the arena. */
static bool template_of(struct ek *ek, enum ek_kind kind, struct arena *a, struct tpm_public *ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes content;
    struct reader r;
    bool present;

    if (!tpm_nv_read(ek->tpm, ek_place(kind)->template_nv, TPM_PUBLIC_2B_MAX, a, &present, &content, why))
        return false;
    r = reader_over(present ? content : BYTES_NONE);
    if (!present || !read_tpm_public(&r, ret, &err))
        ek_template(kind, ret);
    return true;
}

static bool create(struct ek *ek, enum ek_kind kind, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct tpm_public template;

    if (!template_of(ek, kind, &a, &template, why))
        return false;
    if (!tpm_create_primary(ek->tpm, TPM_RH_ENDORSEMENT, &template, "making the endorsement key", &ek->object, &ek->known, why)) {
        if (why->id == FAILURE_TPM_REFUSED || tpm_rc_base(why->tpm_rc) == TPM_RC_VALUE)
            why->id = FAILURE_EK_UNUSABLE;
        return false;
    }
    ek->transient = true;
    return learn_key(ek, why);
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

struct bytes ek_public_2b(const struct ek *ek) { return (struct bytes){ ek->known.encoded, ek->known.encoded_len }; }

/* Activation. */

/* The EK lets itself be used after PolicySecret(endorsement), which needs the hierarchy's (empty) password; a key of the high range
 * wants the PolicyOR of both branches behind it. The policy works during lock-out, a password does not (2.5). */
static bool satisfy_policy(const struct ek *ek, uint32_t session, struct failure *why)
{
    struct tpm_device *tpm = ek->tpm;
    enum digest_algorithm algorithm = ek->known.pub.name_algorithm;
    const struct bytes branches[] = { ek_policy_a(algorithm), ek_policy_c(algorithm) };

    if (!tpm_call(tpm, request_policy_secret(tpm_out(tpm), TPM_RH_ENDORSEMENT, session), "TPM2_PolicySecret", NULL, why))
        return tpm_name_password(why, FAILURE_EH_PASSWORD);
    if (bytes_equal(ek->known.pub.policy, ek_policy_a(algorithm)))
        return true;
    if (!ek_policy_a(algorithm).len || !bytes_equal(ek->known.pub.policy, ek_policy_b(algorithm)))
        return failure_set(why, FAILURE_EK_UNUSABLE, "the endorsement key has a policy that is not of the TCG's profile");
    return tpm_call(tpm, request_policy_or(tpm_out(tpm), session, branches, ARRAY_LEN(branches)), "TPM2_PolicyOR", NULL, why);
}

static bool activate_in(const struct ek *ek, const struct ak *ak, uint32_t session, struct bytes id_object, struct bytes encrypted_secret,
                        uint8_t ret_secret[static EK_SECRET_MAX], size_t *ret_len, struct failure *why)
{
    static const char what[] = "TPM2_ActivateCredential";
    struct tpm_response r;
    struct err err = ERR_INIT;
    struct bytes secret;

    if (!satisfy_policy(ek, session, why))
        return false;
    if (!tpm_call(ek->tpm, request_activate_credential(tpm_out(ek->tpm), ak_handle(ak), ek->object, session, id_object, encrypted_secret),
                  what, &r, why)) {
        if (tpm_rc_own(why->tpm_rc) == TPM_RC_FAILURE && tpm_still_works(ek->tpm))
            why->id = FAILURE_ACTIVATE_FAIL;
        return false;
    }
    if (!answer_2b(r.parameters, &secret, &err))
        return tpm_garbled(why, what, &err);
    if (secret.len > EK_SECRET_MAX)
        return failure_set(why, FAILURE_ACTIVATE_FAIL, "the secret is larger than any digest");
    memcpy(ret_secret, secret.data, secret.len);
    *ret_len = secret.len;
    return true;
}

static bool is_2b(struct bytes b, size_t most)
{
    struct reader r = reader_over(b);
    struct bytes inside;

    return read_u16be_prefixed(&r, &inside) && reader_done(&r) && inside.len <= most;
}

bool ek_activate(const struct ek *ek, const struct ak *ak, struct bytes id_object, struct bytes encrypted_secret,
                 uint8_t ret_secret[static EK_SECRET_MAX], size_t *ret_len, struct failure *why)
{
    enum { ID_OBJECT_MAX = 2 * (2 + EK_SECRET_MAX), ENCRYPTED_SECRET_MAX = 1024 };
    uint32_t session = 0;
    bool done;

    if (!is_2b(id_object, ID_OBJECT_MAX) || !is_2b(encrypted_secret, ENCRYPTED_SECRET_MAX))
        return failure_set(why, FAILURE_BAD_ANSWER,
                           "the credential that the server sent is not a TPM2B_ID_OBJECT and a TPM2B_ENCRYPTED_SECRET");
    if (!tpm_start_policy(ek->tpm, ek->known.pub.name_algorithm, &session, why))
        return false;
    done = activate_in(ek, ak, session, id_object, encrypted_secret, ret_secret, ret_len, why);
    tpm_flush(ek->tpm, &session); /* it stays after its use, so that it is we who end it, whatever happens */
    return done;
}
