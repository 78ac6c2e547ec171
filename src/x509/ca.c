#include "x509/ca.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/uuid.h"
#include "crypto/pem.h"
#include "x509/ak_cert.h"
#include "x509/ca_write.h"

enum { COMMON_NAME_MAX = 64 /* RFC 5280 annex A, ub-common-name; others refuse longer ones */ };

struct ca {
    struct privkey *key;
    size_t n;
    struct cert *chain[CA_CHAIN_MAX];
};

static struct ca_request request_for(enum ca_profile profile, const char *common_name, const struct pubkey *key, int64_t now_ms,
                                     int64_t validity_ms)
{
    return (struct ca_request){
        .profile = profile,
        .common_name = common_name,
        .key = key,
        .not_before_ms = now_ms - CA_BACKDATE_MS,
        .not_after_ms = now_ms + validity_ms,
    };
}

/* A certificate must not outlive the CA that issued it: its chain would break while it still looks valid. */
static bool issue(const struct ca *ca, struct ca_request request, struct cert **ret, struct err *err)
{
    request.issuer = ca->chain[0];
    request.signer = ca->key;
    if (request.profile != CA_PROFILE_EK && request.not_after_ms > ca->chain[0]->not_after_ms)
        request.not_after_ms = ca->chain[0]->not_after_ms;
    return ca_write_cert(&request, ret, err);
}

static bool new_with_key(struct ca **ret, struct err *err)
{
    CLEANUP(ca_free_at) struct ca *ca = calloc(1, sizeof *ca);

    if (!ca)
        return err_set(err, ERR_NO_MEMORY, "certificate authority");
    if (!privkey_generate(PRIVKEY_P256, &ca->key, err))
        return false;
    *ret = TAKE(ca);
    return true;
}

bool ca_new(const char *common_name, int64_t now_ms, struct ca **ret, struct err *err)
{
    CLEANUP(ca_free_at) struct ca *ca = NULL;
    struct ca_request request;

    if (!new_with_key(&ca, err))
        return false;
    request = request_for(CA_PROFILE_ROOT, common_name, privkey_public(ca->key), now_ms, CA_VALIDITY_MS);
    request.signer = ca->key;
    if (!ca_write_cert(&request, &ca->chain[0], err))
        return false;
    ca->n = 1;
    *ret = TAKE(ca);
    return true;
}

bool ca_new_below(const struct ca *parent, const char *common_name, int64_t now_ms, struct ca **ret, struct err *err)
{
    CLEANUP(ca_free_at) struct ca *ca = NULL;

    if (parent->n == CA_CHAIN_MAX || parent->chain[0]->path_len == 0)
        return err_set(err, ERR_LIMIT, "no further CA fits below this one");
    if (!new_with_key(&ca, err) ||
        !issue(parent, request_for(CA_PROFILE_BELOW, common_name, privkey_public(ca->key), now_ms, CA_VALIDITY_MS), &ca->chain[0], err))
        return false;
    ca->n = 1;
    for (size_t i = 0; i < parent->n; i++)
        ca->chain[ca->n++] = cert_ref(parent->chain[i]);
    *ret = TAKE(ca);
    return true;
}

bool ca_load(struct bytes key_pem, struct bytes chain_pem, struct ca **ret, struct err *err)
{
    CLEANUP(ca_free_at) struct ca *ca = calloc(1, sizeof *ca);

    if (!ca)
        return err_set(err, ERR_NO_MEMORY, "certificate authority");
    if (!privkey_from_pem(key_pem, &ca->key, err) || !cert_parse_bundle(chain_pem, ca->chain, CA_CHAIN_MAX, &ca->n, err))
        return err_within(err, "certificate authority");
    if (!ca->chain[0]->is_ca || !ca->chain[0]->key || !pubkey_equal(ca->chain[0]->key, privkey_public(ca->key)))
        return err_set(err, ERR_UNTRUSTED, "certificate authority: its key and its certificate do not belong together");
    for (size_t i = 0; i + 1 < ca->n; i++)
        if (!ca->chain[i + 1]->key || !cert_is_signed_by(ca->chain[i], ca->chain[i + 1]->key, err))
            return err_set(err, ERR_UNTRUSTED, "certificate authority: certificate %zu of its chain is not issued by the next one", i + 1);
    *ret = TAKE(ca);
    return true;
}

bool ca_save(const struct ca *ca, struct arena *a, struct bytes *ret_key_pem, struct bytes *ret_chain_pem, struct err *err)
{
    struct writer w = { 0 };
    char *text;

    for (size_t i = 0; i < ca->n; i++)
        pem_write(&w, "CERTIFICATE", ca->chain[i]->der);
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    writer_done(&w);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "certificate authority");
    if (!privkey_to_pem(ca->key, a, ret_key_pem, err))
        return false;
    *ret_chain_pem = bytes_of_string(text);
    return true;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    privkey_free(ca->key);
    for (size_t i = 0; i < CA_CHAIN_MAX; i++)
        cert_free(ca->chain[i]);
    free(ca);
}

void ca_free_at(struct ca **ca) { ca_free(*ca); }

size_t ca_chain_len(const struct ca *ca) { return ca->n; }

const struct cert *ca_cert(const struct ca *ca, size_t i) { return ca->chain[i]; }

bool ca_issue_ak_on_terms(const struct ca *ca, const char *vm_uuid, const struct ca_ak_terms *terms, const struct pubkey *ak,
                          int64_t now_ms, struct cert **ret, struct err *err)
{
    char uuid[UUID_TEXT_LEN], provider[128];
    const char *uris[3];
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct ca_request request;

    if (!uuid_canonical(bytes_of_string(vm_uuid), uuid))
        return err_set(err, ERR_MALFORMED, "an attestation key's certificate needs the VM's UUID");
    request = request_for(CA_PROFILE_AK, uuid, ak, now_ms, CA_AK_VALIDITY_MS);
    request.names = uris;
    if (terms->provider && snprintf(provider, sizeof provider, AK_CERT_PROVIDER_URI "%s", terms->provider) >= (int)sizeof provider)
        return err_set(err, ERR_LIMIT, "the provider's name is too long for a certificate");
    if (terms->provider)
        uris[request.n_names++] = provider;
    if (terms->ek_pinned)
        uris[request.n_names++] = AK_CERT_EK_PINNED_URI;
    if (terms->by_iak)
        uris[request.n_names++] = AK_CERT_IAK_URI;
    if (!issue(ca, request, &cert, err))
        return false;
    if (cert->der.len >= CA_AK_CERT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the certificate would have %zu bytes; an NV index holds fewer than %d", cert->der.len,
                       CA_AK_CERT_BYTES_MAX);
    *ret = TAKE(cert);
    return true;
}

bool ca_issue_ak(const struct ca *ca, const char *vm_uuid, const struct pubkey *ak, int64_t now_ms, struct cert **ret, struct err *err)
{
    return ca_issue_ak_on_terms(ca, vm_uuid, &(struct ca_ak_terms){ .provider = NULL }, ak, now_ms, ret, err);
}

bool ca_issue_tls_server(const struct ca *ca, const char *const *names, size_t n_names, const struct pubkey *key, int64_t now_ms,
                         int64_t validity_ms, struct cert **ret, struct err *err)
{
    struct ca_request request;

    if (n_names == 0)
        return err_set(err, ERR_MALFORMED, "a TLS certificate needs a name");
    request = request_for(CA_PROFILE_TLS_SERVER, strlen(names[0]) <= COMMON_NAME_MAX ? names[0] : "trueboot", key, now_ms, validity_ms);
    request.names = names;
    request.n_names = n_names;
    return issue(ca, request, ret, err);
}

bool ca_issue_token_signer(const struct ca *ca, const char *common_name, const struct pubkey *key, int64_t now_ms, int64_t validity_ms,
                           struct cert **ret, struct err *err)
{
    return issue(ca, request_for(CA_PROFILE_SIGNER, common_name, key, now_ms, validity_ms), ret, err);
}

bool ca_self_signed_signer(const struct privkey *key, const char *common_name, int64_t now_ms, int64_t validity_ms, struct cert **ret,
                           struct err *err)
{
    struct ca_request request = request_for(CA_PROFILE_SIGNER, common_name, privkey_public(key), now_ms, validity_ms);

    request.signer = key;
    return ca_write_cert(&request, ret, err);
}

static bool issue_for_ever(const struct ca *ca, struct ca_request request, struct cert **ret, struct err *err)
{
    int64_t no_end = 0;

    if (!clock_parse(BYTES_LIT("9999-12-31T23:59:59Z"), &no_end)) /* RFC 5280 4.1.2.5: no well-defined expiration */
        return err_set(err, ERR_INTERNAL, "the end of time");
    request.not_after_ms = no_end;
    return issue(ca, request, ret, err);
}

bool ca_issue_ek(const struct ca *ca, const char *common_name, const struct pubkey *ek, int64_t now_ms, struct cert **ret, struct err *err)
{
    return issue_for_ever(ca, request_for(CA_PROFILE_EK, common_name, ek, now_ms, 0), ret, err);
}

bool ca_issue_iak(const struct ca *ca, const char *common_name, const struct pubkey *iak, int64_t now_ms, struct cert **ret,
                  struct err *err)
{
    return issue_for_ever(ca, request_for(CA_PROFILE_IAK, common_name, iak, now_ms, 0), ret, err);
}
