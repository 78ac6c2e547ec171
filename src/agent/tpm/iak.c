#include "agent/tpm/iak.h"
#include <stdlib.h>
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
#include "x509/ak_cert.h"
#include "x509/cert.h"

struct iak {
    struct tpm_device *tpm;
    uint32_t object;
    bool transient;
    struct tpm_object known;
    struct bytes cert;
    size_t n_chain;
    struct bytes chain[LIMIT_EK_CERTS];
};

enum iak_use iak_use_from_name(const char *name)
{
    return !name || strcmp(name, "auto") == 0 ? IAK_AUTO : strcmp(name, "require") == 0 ? IAK_REQUIRE : IAK_NEVER;
}

/* What lies in the index: the IAK's certificate, and perhaps those of its issuers, in either order. */
struct found {
    size_t n;
    struct cert *cert[LIMIT_EK_CERTS];
};

static void found_done(struct found *f)
{
    for (size_t i = 0; i < f->n; i++)
        cert_free(f->cert[i]);
}

static bool unusable(struct failure *why, const struct err *err)
{
    failure_from(why, FAILURE_IAK_UNUSABLE, err);
    return failure_within(why, "NV 0x%08X", (unsigned)IAK_CERT_NV);
}

static bool read_certificates(struct tpm_device *tpm, bool *ret_present, struct found *ret, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes content;

    if (!tpm_nv_read(tpm, IAK_CERT_NV, LIMIT_CERT_BYTES, &a, ret_present, &content, why))
        return false;
    if (!*ret_present)
        return true;
    return cert_parse_bundle(cert_trim_bundle(content), ret->cert, LIMIT_EK_CERTS, &ret->n, &err) ? true : unusable(why, &err);
}

/* Which of them is of this key; NULL: none. */
static const struct cert *certificate_of(const struct found *f, const struct tpm_public *pub)
{
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!tpm_public_key(pub, &key, &err))
        return NULL;
    for (size_t i = 0; i < f->n; i++)
        if (f->cert[i]->key && pubkey_equal(f->cert[i]->key, key))
            return f->cert[i];
    return NULL;
}

static void let_go(struct iak *iak)
{
    if (iak->transient)
        tpm_flush(iak->tpm, &iak->object);
    iak->transient = false;
    iak->object = 0;
}

/* A TPM that makes no key of a kind is no trouble: it has none of that kind. */
static bool try_template(struct iak *iak, enum iak_kind kind, const struct found *f, const struct cert **ret, struct failure *why)
{
    struct tpm_public template;

    iak_template(kind, &template);
    if (!tpm_create_primary(iak->tpm, TPM_RH_ENDORSEMENT, &template, "making the initial attestation key", &iak->object, &iak->known, why))
        return why->id == FAILURE_TPM_REFUSED || tpm_rc_base(why->tpm_rc) == TPM_RC_VALUE;
    iak->transient = true;
    *ret = certificate_of(f, &iak->known.pub);
    if (!*ret)
        let_go(iak);
    return true;
}

static bool has_key_of(const struct found *f, enum iak_kind kind)
{
    struct tpm_public template;

    iak_template(kind, &template);
    for (size_t i = 0; i < f->n; i++)
        if (f->cert[i]->key && !f->cert[i]->is_ca &&
            (template.type == TPM_ALG_RSA
                 ? pubkey_type(f->cert[i]->key) == KEY_RSA
                 : pubkey_type(f->cert[i]->key) == KEY_EC && pubkey_curve(f->cert[i]->key) == tpm_curve(template.curve_id)))
            return true;
    return false;
}

static bool find_key(struct iak *iak, const struct found *f, const struct cert **ret, struct failure *why)
{
    bool present;

    *ret = NULL;
    if (!tpm_read_public(iak->tpm, IAK_HANDLE, &present, &iak->known, why))
        return false;
    if (present) {
        iak->object = IAK_HANDLE;
        *ret = certificate_of(f, &iak->known.pub);
    }
    for (enum iak_kind kind = 0; !*ret && kind < IAK_KIND_COUNT; kind++)
        if (has_key_of(f, kind) && !try_template(iak, kind, f, ret, why))
            return false;
    return *ret ? true
                : failure_set(why, FAILURE_IAK_UNUSABLE, "NV 0x%08X: the certificate is of another key than %s", (unsigned)IAK_CERT_NV,
                              present ? "the one at 0x81020001" : "the templates give in this TPM");
}

/* What no server believes is not worth a request. */
static bool is_credible(const struct iak *iak, const struct cert *cert, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;

    if (!iak_cert_check(cert, &err))
        return unusable(why, &err);
    if (!key_profile_check(KEY_PROFILE_AK, &iak->known.pub, FINDING_AK_ATTRIBUTES, &list))
        return failure_set(why, FAILURE_IAK_UNUSABLE, "the initial attestation key: %s",
                           list.n ? list.items[0].text : "it may do what an attestation key must not");
    if (!(iak->known.pub.attributes & OBJECT_USER_WITH_AUTH))
        return failure_set(why, FAILURE_IAK_UNUSABLE, "the initial attestation key signs through its policy only: userWithAuth is not set");
    return true;
}

static bool keep_certificates(struct iak *iak, const struct found *f, const struct cert *own, struct arena *a)
{
    if (!arena_copy(a, own->der, &iak->cert))
        return false;
    for (size_t i = 0; i < f->n; i++)
        if (f->cert[i] != own && !arena_copy(a, f->cert[i]->der, &iak->chain[iak->n_chain++]))
            return false;
    return true;
}

bool iak_open(struct tpm_device *tpm, struct arena *a, struct iak **ret, struct failure *why)
{
    struct found found CLEANUP(found_done) = { 0 };
    struct iak *iak CLEANUP(iak_close_at) = NULL;
    const struct cert *own;
    bool present;

    *ret = NULL;
    if (!read_certificates(tpm, &present, &found, why))
        return false;
    if (!present)
        return true;
    iak = calloc(1, sizeof *iak);
    if (!iak)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    iak->tpm = tpm;
    if (!find_key(iak, &found, &own, why) || !is_credible(iak, own, why))
        return false;
    if (!keep_certificates(iak, &found, own, a))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    *ret = TAKE(iak);
    return true;
}

void iak_close(struct iak *iak)
{
    if (!iak)
        return;
    let_go(iak);
    free(iak);
}

void iak_close_at(struct iak **iak) { iak_close(*iak); }

struct bytes iak_certificate(const struct iak *iak) { return iak->cert; }

bool iak_was_made_anew(const struct iak *iak) { return iak->transient; }

bool iak_certify(const struct iak *iak, const struct ak *ak, struct bytes qualifying, struct arena *a, struct iak_word *ret,
                 struct failure *why)
{
    static const char what[] = "TPM2_Certify";
    struct bytes attest, signature;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(iak->tpm, request_certify(tpm_out(iak->tpm), ak_handle(ak), iak->object, qualifying), what, &r, why))
        return false;
    if (!answer_attest(r.parameters, &attest, &signature, &err))
        return tpm_garbled(why, what, &err);
    *ret = (struct iak_word){ .cert = iak->cert, .n_chain = iak->n_chain };
    memcpy(ret->chain, iak->chain, sizeof ret->chain);
    return arena_copy(a, attest, &ret->attest) && arena_copy(a, signature, &ret->signature)
               ? true
               : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

bool iak_hear(struct tpm_device *tpm, const struct ak *ak, struct bytes qualifying, struct arena *a, bool *ret_present,
              struct iak_word *ret, struct failure *why)
{
    struct iak *iak CLEANUP(iak_close_at) = NULL;

    *ret_present = false;
    if (!iak_open(tpm, a, &iak, why))
        return false;
    if (!iak)
        return true;
    *ret_present = true;
    return iak_certify(iak, ak, qualifying, a, ret, why);
}
