#include <stdlib.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "base/limits.h"
#include "crypto/cms.h"
#include "support/test.h"

/* Somebody's certificate and key, and a message to them, as a management plane makes them. */
struct mail {
    BIO *cert, *key, *der;
};

static struct bytes bytes_in(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    return (struct bytes){ (const uint8_t *)data, (size_t)len };
}

static void mail_done(struct mail *m)
{
    BIO_free(m->cert);
    BIO_free(m->key);
    BIO_free(m->der);
}

/* Certificates of one issuer differ in their serial number: a message names its recipient by both. */
static bool mail_make_to(struct mail *m, const char *content, long serial)
{
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    X509 *cert = X509_new();
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf(content, -1);
    CMS_ContentInfo *cms;
    bool fine;

    *m = (struct mail){ BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()) };
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, pkey);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"t", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    fine = X509_sign(cert, pkey, EVP_sha256()) > 0;
    sk_X509_push(to, cert);
    cms = CMS_encrypt(to, in, EVP_aes_256_cbc(), CMS_BINARY);
    fine = fine && cms && i2d_CMS_bio(m->der, cms) == 1 && PEM_write_bio_X509(m->cert, cert) == 1 &&
           PEM_write_bio_PrivateKey(m->key, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    sk_X509_free(to);
    X509_free(cert);
    EVP_PKEY_free(pkey);
    return fine;
}

static bool mail_make(struct mail *m, const char *content) { return mail_make_to(m, content, 1); }

static bool open_mail(struct mail *m, struct bytes der, struct arena *a, struct bytes *ret, struct err *err)
{
    return cms_decrypt(der, bytes_in(m->cert), bytes_in(m->key), a, ret, err);
}

TEST(a_message_is_opened_with_certificate_and_key)
{
    struct mail m CLEANUP(mail_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes plain;

    REQUIRE(mail_make(&m, "{\"reportingToken\":\"t\"}"));
    REQUIRE_OK(open_mail(&m, bytes_in(m.der), &a, &plain, &err), err);
    CHECK(bytes_equal_string(plain, "{\"reportingToken\":\"t\"}"));
}

TEST(a_message_to_somebody_else_or_a_damaged_one_is_refused)
{
    struct mail m CLEANUP(mail_done), other CLEANUP(mail_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes plain = BYTES_NONE, der;
    uint8_t *bad;

    REQUIRE(mail_make(&m, "secret") && mail_make_to(&other, "other", 2));
    der = bytes_in(m.der);
    CHECK(!cms_decrypt(der, bytes_in(other.cert), bytes_in(other.key), &a, &plain, &err));
    CHECK(!cms_decrypt(der, bytes_in(m.cert), bytes_in(other.key), &a, &plain, &err));
    CHECK(strstr(err.text, "is not this private key's") != NULL);
    CHECK(!cms_decrypt(der, BYTES_LIT("no certificate"), bytes_in(m.key), &a, &plain, &err));
    CHECK(!cms_decrypt(der, bytes_in(m.cert), BYTES_LIT("no key"), &a, &plain, &err));
    CHECK(!cms_decrypt(BYTES_NONE, bytes_in(m.cert), bytes_in(m.key), &a, &plain, &err));

    bad = malloc(der.len + 1);
    REQUIRE(bad != NULL);
    memcpy(bad, der.data, der.len);
    bad[der.len] = 0;
    CHECK(!open_mail(&m, (struct bytes){ bad, der.len + 1 }, &a, &plain, &err));
    CHECK(strstr(err.text, "1 bytes behind") != NULL);
    CHECK(plain.len == 0);
    free(bad);
}

/* RFC 5652 has nothing that would tell: a namesake's key gives random bytes, which now and then end as padding does. Never the text. */
TEST(a_message_to_a_namesake_never_gives_its_text)
{
    struct mail m CLEANUP(mail_done), other CLEANUP(mail_done);
    struct arena a CLEANUP(arena_done) = { 0 };

    REQUIRE(mail_make(&m, "secret") && mail_make(&other, "other"));
    for (int i = 0; i < 600; i++) {
        struct err err = ERR_INIT;
        struct bytes plain = BYTES_NONE;

        if (cms_decrypt(bytes_in(m.der), bytes_in(other.cert), bytes_in(other.key), &a, &plain, &err))
            CHECK(!bytes_equal_string(plain, "secret"));
        else
            CHECK(err.code == ERR_UNTRUSTED && plain.len == 0);
    }
}

TEST(a_message_cut_anywhere_is_refused)
{
    struct mail m CLEANUP(mail_done);

    REQUIRE(mail_make(&m, "x"));
    for (size_t n = 0; n < bytes_in(m.der).len; n += 7) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(bytes_in(m.der), 0, n)), plain;
        struct err err = ERR_INIT;

        CHECK(!open_mail(&m, cut, &a, &plain, &err) && err.text[0]);
        free((void *)cut.data);
    }
}

TEST(a_message_beyond_the_limit_is_not_looked_at)
{
    struct mail m CLEANUP(mail_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes plain, big = { calloc(1, LIMIT_SETTINGS_BYTES + 1), LIMIT_SETTINGS_BYTES + 1 };

    REQUIRE(big.data && mail_make(&m, "x"));
    CHECK(!open_mail(&m, big, &a, &plain, &err) && err.code == ERR_LIMIT);
    big.len--;
    CHECK(!open_mail(&m, big, &a, &plain, &err) && err.code == ERR_MALFORMED);
    free((void *)big.data);
}
