#include "openssl_figures.h"
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_LEN = 32, SIGNATURE_MAX = 512 };

struct openssl_figures {
    EVP_PKEY *rsa, *ec;
    EVP_PKEY_CTX *rsa_sign, *rsa_verify, *ec_sign;
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
    unsigned char digest[SHA256_LEN], signature[SIGNATURE_MAX];
    size_t signature_len;
    unsigned char *buffer;
};

static bool rsa_scheme(EVP_PKEY_CTX *ctx, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
}

static bool prepare(struct openssl_figures *f)
{
    f->rsa = EVP_RSA_gen(2048);
    f->ec = EVP_EC_gen("P-256");
    f->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    f->hash = EVP_MD_CTX_new();
    f->buffer = malloc(OPENSSL_HASH_MAX);
    if (!f->rsa || !f->ec || !f->sha256 || !f->hash || !f->buffer)
        return false;
    memset(f->buffer, 0x5a, OPENSSL_HASH_MAX);
    f->rsa_sign = EVP_PKEY_CTX_new_from_pkey(NULL, f->rsa, NULL);
    f->rsa_verify = EVP_PKEY_CTX_new_from_pkey(NULL, f->rsa, NULL);
    f->ec_sign = EVP_PKEY_CTX_new_from_pkey(NULL, f->ec, NULL);
    return f->rsa_sign && f->rsa_verify && f->ec_sign && EVP_DigestInit_ex2(f->hash, f->sha256, NULL) == 1 &&
           EVP_PKEY_sign_init(f->rsa_sign) == 1 && rsa_scheme(f->rsa_sign, f->sha256) && EVP_PKEY_verify_init(f->rsa_verify) == 1 &&
           rsa_scheme(f->rsa_verify, f->sha256) && EVP_PKEY_sign_init(f->ec_sign) == 1 && openssl_sign_rs256(f);
}

bool openssl_figures_new(struct openssl_figures **ret, struct err *err)
{
    struct openssl_figures *f = calloc(1, sizeof *f);

    if (!f || !prepare(f)) {
        openssl_figures_free(f);
        return err_set(err, ERR_INTERNAL, "libcrypto does not make the keys to compare with");
    }
    *ret = f;
    return true;
}

void openssl_figures_free(struct openssl_figures *f)
{
    if (!f)
        return;
    EVP_PKEY_CTX_free(f->rsa_sign);
    EVP_PKEY_CTX_free(f->rsa_verify);
    EVP_PKEY_CTX_free(f->ec_sign);
    EVP_PKEY_free(f->rsa);
    EVP_PKEY_free(f->ec);
    EVP_MD_CTX_free(f->hash);
    EVP_MD_free(f->sha256);
    free(f->buffer);
    free(f);
}

bool openssl_verify_rsa2048(struct openssl_figures *f)
{
    return EVP_PKEY_verify(f->rsa_verify, f->signature, f->signature_len, f->digest, sizeof f->digest) == 1;
}

bool openssl_sign_rs256(struct openssl_figures *f)
{
    f->signature_len = sizeof f->signature;
    return EVP_PKEY_sign(f->rsa_sign, f->signature, &f->signature_len, f->digest, sizeof f->digest) == 1;
}

bool openssl_sign_es256(struct openssl_figures *f)
{
    unsigned char der[SIGNATURE_MAX];
    size_t len = sizeof der;

    return EVP_PKEY_sign(f->ec_sign, der, &len, f->digest, sizeof f->digest) == 1;
}

bool openssl_sha256(struct openssl_figures *f, size_t len)
{
    unsigned char digest[SHA256_LEN];
    unsigned n;

    if (len > OPENSSL_HASH_MAX)
        len = OPENSSL_HASH_MAX;
    return EVP_DigestInit_ex2(f->hash, NULL, NULL) == 1 && EVP_DigestUpdate(f->hash, f->buffer, len) == 1 &&
           EVP_DigestFinal_ex(f->hash, digest, &n) == 1;
}

const char *openssl_version_text(void) { return OpenSSL_version(OPENSSL_VERSION); }
