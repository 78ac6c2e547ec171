#include "management/vouching.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "tpm/certify.h"
#include "tpm/key_profile.h"
#include "tpm/signature.h"
#include "x509/chain.h"

bool vouching_decode(struct arena *a, const struct json *text, const char *what, size_t limit, struct bytes *ret, struct err *err)
{
    if (!text || text->type != JSON_STRING || text->string.len / 4 * 3 > limit + 2)
        return err_set(err, ERR_MALFORMED, "%s is not base64url of at most %zu bytes", what, limit);
    if (!base64_decode_any(a, text->string, ret, err))
        return err_within(err, "%s", what);
    return ret->len <= limit || err_set(err, ERR_MALFORMED, "%s has more than %zu bytes", what, limit);
}

static bool check_ek_public(struct arena *a, const struct json *ek_pub, const struct cert *cert, struct tpm_public *ret, struct err *err)
{
    struct findings reasons = { .arena = a };
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct bytes encoded;

    if (!vouching_decode(a, ek_pub, "ekPub", VOUCHING_PUBLIC_MAX, &encoded, err) || !tpm_public_decode_2b(encoded, ret, err) ||
        !tpm_public_key(ret, &key, err))
        return err_within(err, "ekPub");
    if (!cert->key || !pubkey_equal(key, cert->key))
        return err_set(err, ERR_UNTRUSTED, "ekPub is not the key of the endorsement certificate");
    if (!key_profile_check(KEY_PROFILE_EK, ret, FINDING_EK_REFUSED, &reasons))
        return err_set(err, ERR_UNTRUSTED, "ekPub: %s", reasons.n ? reasons.items[0].text : "not an endorsement key");
    return true;
}

/* Who may vouch: everybody's roots, and those of the provider that is asked, if one is; and certificates that were sent along. */
struct believed {
    struct trust_store *everybodys, *providers; /* the second NULL: none */
    struct cert *extra[LIMIT_CHAIN_CERTS];
    size_t n_extra;
};

static void believed_done(struct believed *b)
{
    trust_store_free(b->everybodys);
    trust_store_free(b->providers);
    for (size_t i = 0; i < b->n_extra; i++)
        cert_free(b->extra[i]);
}

static void read_extra(struct arena *a, const struct json *list, struct believed *ret)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n && ret->n_extra < LIMIT_CHAIN_CERTS; i++) {
        struct err ignored = ERR_INIT; /* a certificate that cannot be read simply does not help */
        struct bytes der;
        if (vouching_decode(a, list->array.items[i], "ekChain", LIMIT_CERT_BYTES, &der, &ignored) &&
            cert_parse(der, &ret->extra[ret->n_extra], &ignored))
            ret->n_extra++;
    }
}

static bool find_believed(const struct management *m, struct arena *a, const struct json *body, const char *provider, struct believed *ret,
                          struct err *err)
{
    ret->everybodys = trust_slot_get(m->ek_roots);
    read_extra(a, json_get(body, "ekChain"), ret);
    return !provider[0] || roots_load(m, STORE_ROOT_EK, provider, &ret->providers, err);
}

static bool check_chain(const struct management *m, const struct believed *b, struct voucher *v, struct err *err)
{
    const struct chain_options options = { .purpose = v->is_iak ? CHAIN_IAK : CHAIN_EK,
                                           .now_ms = m->now_ms(),
                                           .skew_ms = CHAIN_CLOCK_SKEW_MS };
    const struct cert *const *extra = (const struct cert *const *)b->extra;
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;
    struct err ignored = ERR_INIT;

    if (!chain_verify(b->everybodys, v->cert, extra, b->n_extra, &options, &chain, b->providers ? &ignored : err)) {
        v->of_provider = b->providers && chain_verify(b->providers, v->cert, extra, b->n_extra, &options, &chain, err);
        if (!v->of_provider)
            return false;
    }
    v->pinned = verified_chain_len(chain) == 1;
    return true;
}

/* ---- an endorsement key ---- */

static bool try_certificate(const struct management *m, struct arena *a, const struct believed *b, const struct json *entry,
                            const struct json *ek_pub, struct voucher *v, struct err *err)
{
    struct bytes padded, der;

    return vouching_decode(a, entry, "ekCerts", LIMIT_CERT_BYTES, &padded, err) && cert_trim(padded, &der, err) &&
           cert_parse(der, &v->cert, err) && check_chain(m, b, v, err) && ek_cert_identity(v->cert, &v->identity, err) &&
           check_ek_public(a, ek_pub, v->cert, &v->ek, err);
}

static bool need_certs(const struct json *body, const struct json **ret, struct err *err)
{
    if (!json_need_array(body, "ekCerts", ret, err) || (*ret)->array.n > LIMIT_EK_CERTS)
        return err_set(err, ERR_MALFORMED, "ekCerts is not an array of at most %d certificates", LIMIT_EK_CERTS);
    return (*ret)->array.n > 0 ||
           err_set(err, ERR_UNTRUSTED, "this TPM has no endorsement certificate: make its vTPM with one (swtpm_setup --create-ek-cert)");
}

/* Its public area: one for each certificate, or of the first alone. */
static const struct json *ek_public_of(const struct json *body, size_t i)
{
    const struct json *pubs = json_get(body, "ekPubs");

    if (pubs && pubs->type == JSON_ARRAY && i < pubs->array.n)
        return pubs->array.items[i];
    return i == 0 ? json_get(body, "ekPub") : NULL;
}

/* The first endorsement certificate that holds; when none does, the reason is the last one's. */
static bool find_endorsement(const struct management *m, struct arena *a, const struct json *body, const struct believed *b,
                             struct voucher *ret, struct err *err)
{
    const struct json *certs;
    bool found = false;

    if (!need_certs(body, &certs, err))
        return false;
    for (size_t i = 0; !found && i < certs->array.n; i++) {
        struct voucher v = { .index = i };
        struct err why = ERR_INIT;
        found = try_certificate(m, a, b, certs->array.items[i], ek_public_of(body, i), &v, &why);
        if (found)
            *ret = v;
        else
            cert_free(v.cert);
        if (!found && i + 1 == certs->array.n)
            err_set(err, why.code, "ekCerts[%zu]: %s", i, why.text);
    }
    return found;
}

/* The others that came along, as far as they hold and name the same machine: a copy of this TPM may come with another one of them, or with another kind of key
 * that vouches (attack I8). What does not hold is nothing. */
static void hear_of_others(const struct management *m, struct arena *a, const struct json *body, const struct believed *b,
                           struct voucher *v)
{
    const struct json *certs = json_get(body, "ekCerts");

    for (size_t i = 0; certs && certs->type == JSON_ARRAY && i < certs->array.n && v->n_said < LIMIT_EK_CERTS; i++) {
        struct voucher other = { .index = i };
        struct err ignored = ERR_INIT;
        if (try_certificate(m, a, b, certs->array.items[i], ek_public_of(body, i), &other, &ignored) && !other.of_provider &&
            strcmp(other.identity.vm_uuid, v->identity.vm_uuid) == 0 && tpm_public_name(&other.ek, &v->said[v->n_said], &ignored))
            v->n_said++;
        cert_free(other.cert);
    }
}

/* ---- an initial attestation key ---- */

static bool iak_came(const struct json *body)
{
    const struct json *iak = json_get(body, "iak");

    return iak && iak->type != JSON_NULL;
}

static bool read_iak_cert(struct arena *a, const struct json *body, struct cert **ret, struct err *err)
{
    struct bytes padded, der;

    return vouching_decode(a, json_get(json_get(body, "iak"), "cert"), "iak.cert", LIMIT_CERT_BYTES, &padded, err) &&
           ((cert_trim(padded, &der, err) && cert_parse(der, ret, err)) || err_within(err, "iak.cert"));
}

static bool find_iak(const struct management *m, struct arena *a, const struct json *body, const struct believed *b, struct voucher *ret,
                     struct err *err)
{
    ret->is_iak = ret->doubted = true;
    if (!read_iak_cert(a, body, &ret->cert, err))
        return false;
    return (check_chain(m, b, ret, err) && ek_cert_identity(ret->cert, &ret->identity, err)) || err_within(err, "iak.cert");
}

bool vouching_same_iak(struct arena *a, const struct json *body, const char *sha256, struct cert **ret, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    char other[2 * CERT_SHA256_LEN + 1];

    if (!iak_came(body))
        return err_set(err, ERR_UNTRUSTED,
                       "iak: this enrolment began with an initial attestation key, which has to certify the key over the nonce");
    if (!read_iak_cert(a, body, &cert, err))
        return false;
    hex_encode((struct bytes){ cert->sha256, CERT_SHA256_LEN }, other);
    if (strcmp(other, sha256) != 0)
        return err_set(err, ERR_UNTRUSTED, "iak.cert: another certificate than the one that this enrolment began with");
    *ret = TAKE(cert);
    return true;
}

/* In the words of the object: the quote names the key that it is by with its hierarchy, and so does the certification of that key. */
static bool is_same_key(struct bytes certify, const struct iak_word *want, struct err *err)
{
    struct attest attest;

    if (!want->qualified_ak.len)
        return true;
    return attest_decode(certify, &attest, err) && (bytes_equal(attest.qualified_name, want->qualified_ak) ||
                                                    err_set(err, ERR_UNTRUSTED, "the certified key is another one than the quote's"));
}

bool vouching_hear_iak(struct arena *a, const struct json *body, const struct iak_word *want, struct err *err)
{
    enum { ATTEST_MAX = 1024 };
    const struct json *iak = json_get(body, "iak");
    struct certify_claim claim = { .form = SIGNATURE_FORM_TPMT, .object = want->ak };
    const struct certify_expectations expected = { .ak = want->iak,
                                                   .any_nonce = !want->nonce,
                                                   .nonce = want->nonce ? *want->nonce : BYTES_NONE };

    if (!vouching_decode(a, json_get(iak, "certify"), "iak.certify", ATTEST_MAX, &claim.attest, err) ||
        !vouching_decode(a, json_get(iak, "signature"), "iak.signature", TPM_SIGNATURE_MAX_LEN + 16, &claim.signature, err))
        return false;
    return (certify_verify(&claim, &expected, err) && is_same_key(claim.attest, want, err)) || err_within(err, "iak");
}

/* ---- either ---- */

bool vouching_find(const struct management *m, struct arena *a, const struct json *body, const char *provider, struct voucher *ret,
                   struct err *err)
{
    struct believed believed CLEANUP(believed_done) = { 0 };

    if (!find_believed(m, a, body, provider, &believed, err))
        return false;
    if (!(iak_came(body) ? find_iak(m, a, body, &believed, ret, err) : find_endorsement(m, a, body, &believed, ret, err)))
        return false;
    if (!ret->identity.vm_uuid[0])
        return err_set(err, ERR_UNTRUSTED, "the %s names no VM: its subject holds no UUID",
                       ret->is_iak ? "certificate of the initial attestation key" : "endorsement certificate");
    if (!ret->of_provider)
        hear_of_others(m, a, body, &believed, ret);
    return true;
}
