#include "crypto/cms.h"
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "base/limits.h"

static void cms_free_at(CMS_ContentInfo **cms) { CMS_ContentInfo_free(*cms); }
static void key_free_at(EVP_PKEY **key) { EVP_PKEY_free(*key); }
static void x509_free_at(X509 **cert) { X509_free(*cert); }
static void bio_free_at(BIO **bio) { BIO_free_all(*bio); }

/* Never asks anybody for a password. */
static int no_password(char *buffer UNUSED, int size UNUSED, int rw UNUSED, void *context UNUSED) { return -1; }

static bool read_cms(struct bytes der, CMS_ContentInfo **ret, struct err *err)
{
    const uint8_t *at = der.data;

    if (!der.len || der.len > LIMIT_SETTINGS_BYTES)
        return err_set(err, ERR_LIMIT, "CMS: 1 to %d bytes are expected", LIMIT_SETTINGS_BYTES);
    *ret = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    if (!*ret)
        return err_set(err, ERR_MALFORMED, "CMS: this is no DER structure of that kind");
    if (at != der.data + der.len)
        return err_set(err, ERR_MALFORMED, "CMS: %zu bytes behind the structure", (size_t)(der.data + der.len - at));
    if (OBJ_obj2nid(CMS_get0_type(*ret)) != NID_pkcs7_enveloped)
        return err_set(err, ERR_UNSUPPORTED, "CMS: only enveloped data are expected");
    return true;
}

static bool read_pair(struct bytes cert_pem, struct bytes key_pem, X509 **ret_cert, EVP_PKEY **ret_key, struct err *err)
{
    BIO *cert CLEANUP(bio_free_at) = BIO_new_mem_buf(cert_pem.data, (int)cert_pem.len);
    BIO *key CLEANUP(bio_free_at) = BIO_new_mem_buf(key_pem.data, (int)key_pem.len);

    if (!cert || !key)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret_cert = PEM_read_bio_X509(cert, NULL, no_password, NULL);
    if (!*ret_cert)
        return err_set(err, ERR_MALFORMED, "the recipient's certificate cannot be read");
    *ret_key = PEM_read_bio_PrivateKey(key, NULL, no_password, NULL);
    if (!*ret_key)
        return err_set(err, ERR_MALFORMED, "the recipient's private key cannot be read");
    /* Without this a wrong key may seem to open a message: RSA's implicit rejection answers with random bytes for the content's key, and
     * one random key in 256 leaves what looks like padding. */
    if (X509_check_private_key(*ret_cert, *ret_key) != 1)
        return err_set(err, ERR_MALFORMED, "the recipient's certificate is not this private key's");
    return true;
}

bool cms_decrypt(struct bytes der, struct bytes cert_pem, struct bytes key_pem, struct arena *a, struct bytes *ret, struct err *err)
{
    CMS_ContentInfo *cms CLEANUP(cms_free_at) = NULL;
    X509 *cert CLEANUP(x509_free_at) = NULL;
    EVP_PKEY *key CLEANUP(key_free_at) = NULL;
    BIO *out CLEANUP(bio_free_at) = NULL;
    char *plain;
    long len;
    bool fine;

    if (cert_pem.len > LIMIT_SETTINGS_BYTES || key_pem.len > LIMIT_SETTINGS_BYTES)
        return err_set(err, ERR_LIMIT, "certificate or key: at most %d bytes are expected", LIMIT_SETTINGS_BYTES);
    if (!read_cms(der, &cms, err) || !read_pair(cert_pem, key_pem, &cert, &key, err)) {
        ERR_clear_error();
        return false;
    }
    out = BIO_new(BIO_s_secmem());
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    fine = CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY) == 1;
    ERR_clear_error();
    if (!fine)
        return err_set(err, ERR_UNTRUSTED, "CMS: it is not encrypted to this certificate, or it is damaged");
    len = BIO_get_mem_data(out, &plain);
    if (!arena_copy(a, (struct bytes){ (const uint8_t *)plain, (size_t)len }, ret))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return true;
}
