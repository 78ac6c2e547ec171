#include "crypto/evp.h"
#include <pthread.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static const char *const cipher_names[EVP_CIPHER_NAMES] = {
    [EVP_AES_128_GCM] = "AES-128-GCM", [EVP_AES_192_GCM] = "AES-192-GCM", [EVP_AES_256_GCM] = "AES-256-GCM",
    [EVP_AES_128_CFB] = "AES-128-CFB", [EVP_AES_256_CFB] = "AES-256-CFB",
};
static EVP_CIPHER *ciphers[EVP_CIPHER_NAMES];
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;

static void fetch_ciphers(void)
{
    for (size_t i = 0; i < EVP_CIPHER_NAMES; i++)
        ciphers[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
}

const EVP_CIPHER *evp_cipher(enum evp_cipher_name name)
{
    pthread_once(&ciphers_once, fetch_ciphers);
    return ciphers[name];
}

bool evp_failed(struct err *err, enum err_code code, const char *what)
{
    unsigned long last = ERR_peek_last_error();
    const char *reason = last ? ERR_reason_error_string(last) : NULL;

    ERR_clear_error();
    return reason ? err_set(err, code, "%s: %s", what, reason) : err_set(err, code, "%s failed", what);
}

void evp_pkey_free_at(EVP_PKEY **pkey) { EVP_PKEY_free(*pkey); }

void evp_pkey_ctx_free_at(EVP_PKEY_CTX **ctx) { EVP_PKEY_CTX_free(*ctx); }

bool evp_set_scheme(EVP_PKEY_CTX *ctx, enum signature_scheme scheme, enum digest_algorithm hash, bool signing)
{
    if (EVP_PKEY_CTX_set_signature_md(ctx, evp_md(hash)) != 1)
        return false;
    switch (scheme) {
    case SIGNATURE_RSASSA:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    case SIGNATURE_RSAPSS:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, evp_md(hash)) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, signing ? RSA_PSS_SALTLEN_DIGEST : RSA_PSS_SALTLEN_AUTO) == 1;
    case SIGNATURE_ECDSA:
        return true;
    }
    return false;
}

struct evp_prepared {
    EVP_PKEY_CTX *ctx;
    enum signature_scheme scheme;
    enum digest_algorithm hash;
};

void evp_prepared_free(struct evp_prepared *prepared)
{
    if (prepared)
        EVP_PKEY_CTX_free(prepared->ctx);
    free(prepared);
}

static struct evp_prepared *prepare(EVP_PKEY *pkey, enum signature_scheme scheme, enum digest_algorithm hash, bool signing)
{
    struct evp_prepared *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    *p = (struct evp_prepared){ EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL), scheme, hash };
    if (p->ctx && (signing ? EVP_PKEY_sign_init(p->ctx) : EVP_PKEY_verify_init(p->ctx)) == 1 &&
        evp_set_scheme(p->ctx, scheme, hash, signing))
        return p;
    evp_prepared_free(p);
    return NULL;
}

EVP_PKEY_CTX *evp_context(EVP_PKEY *pkey, _Atomic(struct evp_prepared *) *slot, enum signature_scheme scheme, enum digest_algorithm hash,
                          bool signing)
{
    struct evp_prepared *p = atomic_load(slot), *none = NULL, *own;
    EVP_PKEY_CTX *ctx;

    if (p && p->scheme == scheme && p->hash == hash)
        return EVP_PKEY_CTX_dup(p->ctx);
    own = prepare(pkey, scheme, hash, signing);
    if (!own)
        return NULL;
    ctx = EVP_PKEY_CTX_dup(own->ctx);
    if (!atomic_compare_exchange_strong(slot, &none, own))
        evp_prepared_free(own);
    return ctx;
}
