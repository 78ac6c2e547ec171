#include "x509/pkcs7.h"
#include "crypto/der.h"

#define OID_DATA        BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01") /* 1.2.840.113549.1.7.1 */
#define OID_SIGNED_DATA BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02") /* 1.2.840.113549.1.7.2 */

#define OID_RSA(last)  BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01" last) /* 1.2.840.113549.1.1.… */
#define OID_SHA2(last) BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02" last) /* 2.16.840.1.101.3.4.2.… */

static bool malformed(struct err *err, const struct reader *r, const char *what)
{
    return err_set(err, r->rest.len ? ERR_MALFORMED : ERR_TRUNCATED, "PKCS #7, offset %zu: %s", r->offset, what);
}

/* AlgorithmIdentifier: the OID; parameters absent or NULL. */
static bool read_algorithm(struct reader *r, struct bytes *ret)
{
    struct reader in;
    struct bytes none;

    if (!der_read_into(r, DER_SEQUENCE, &in) || !der_read_oid(&in, ret))
        return false;
    return reader_done(&in) || (der_read(&in, DER_NULL, &none) && none.len == 0 && reader_done(&in));
}

static enum digest_algorithm hash_of(struct bytes digest_oid)
{
    const struct {
        struct bytes oid;
        enum digest_algorithm hash;
    } rows[] = { { OID_SHA2("\x01"), DIGEST_SHA256 }, { OID_SHA2("\x02"), DIGEST_SHA384 }, { OID_SHA2("\x03"), DIGEST_SHA512 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_equal(digest_oid, rows[i].oid))
            return rows[i].hash;
    return DIGEST_NONE;
}

/* Plain rsaEncryption, or RSA with the same hash. */
static bool is_rsa_with(struct bytes oid, enum digest_algorithm hash)
{
    const struct {
        struct bytes oid;
        enum digest_algorithm hash;
    } rows[] = { { OID_RSA("\x0b"), DIGEST_SHA256 }, { OID_RSA("\x0c"), DIGEST_SHA384 }, { OID_RSA("\x0d"), DIGEST_SHA512 } };

    if (bytes_equal(oid, OID_RSA("\x01")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].hash == hash && bytes_equal(oid, rows[i].oid))
            return true;
    return false;
}

static bool read_certificates(struct reader *r, struct pkcs7 *p, struct err *err)
{
    struct reader in;
    struct bytes content, whole;
    unsigned tag;

    if (!der_read_into(r, DER_CONTEXT_CONSTRUCTED(0), &in))
        return malformed(err, r, "certificates expected");
    while (!reader_done(&in)) {
        if (!der_read_any(&in, &tag, &content, &whole) || tag != DER_SEQUENCE)
            return malformed(err, &in, "a certificate expected");
        if (p->n_certs == PKCS7_CERTS_MAX)
            return err_set(err, ERR_LIMIT, "PKCS #7: more than %d certificates", PKCS7_CERTS_MAX);
        if (!cert_parse(whole, &p->certs[p->n_certs], err))
            return err_within(err, "PKCS #7, certificate %zu", p->n_certs);
        p->n_certs++;
    }
    return true;
}

/* SignerInfo, RFC 2315 9.2. */
static bool read_signer(struct reader *r, struct pkcs7_signer *ret, struct err *err)
{
    struct reader in, who;
    struct bytes digest, encryption, name_content;
    uint32_t version;
    unsigned tag;

    if (!der_read_into(r, DER_SEQUENCE, &in) || !der_read_small(&in, &version) || version != 1)
        return malformed(err, r, "a signer of version 1 expected");
    if (!der_read_into(&in, DER_SEQUENCE, &who) || !der_read_any(&who, &tag, &name_content, &ret->issuer) || tag != DER_SEQUENCE ||
        !der_read_unsigned(&who, &ret->serial) || !reader_done(&who))
        return malformed(err, &in, "issuer and serial number expected");
    if (!read_algorithm(&in, &digest))
        return malformed(err, &in, "a digest algorithm expected");
    if (der_next_is(&in, DER_CONTEXT_CONSTRUCTED(0)))
        return err_set(err, ERR_UNSUPPORTED, "PKCS #7: authenticated attributes are not allowed here");
    if (!read_algorithm(&in, &encryption) || !der_read(&in, DER_OCTET_STRING, &ret->signature))
        return malformed(err, &in, "a signature expected");
    if (!reader_done(&in))
        return err_set(err, ERR_UNSUPPORTED, "PKCS #7: unauthenticated attributes are not allowed here");
    ret->hash = hash_of(digest);
    if (ret->hash == DIGEST_NONE || !is_rsa_with(encryption, ret->hash))
        return err_set(err, ERR_UNSUPPORTED, "PKCS #7: only RSA with SHA-256 or better is accepted");
    return true;
}

static bool read_signers(struct reader *r, struct pkcs7 *p, struct err *err)
{
    struct reader in;

    if (!der_read_into(r, DER_SET, &in))
        return malformed(err, r, "signers expected");
    while (!reader_done(&in)) {
        if (p->n_signers == PKCS7_SIGNERS_MAX)
            return err_set(err, ERR_LIMIT, "PKCS #7: more than %d signers", PKCS7_SIGNERS_MAX);
        if (!read_signer(&in, &p->signers[p->n_signers], err))
            return false;
        p->n_signers++;
    }
    return true;
}

/* The SignedData inside a ContentInfo, or `r` itself when it is not wrapped. */
static bool unwrap(struct reader *r, struct reader *ret, struct err *err)
{
    struct reader outer, explicit_tag;
    struct bytes oid;

    if (!der_read_into(r, DER_SEQUENCE, &outer) || !reader_done(r))
        return malformed(err, r, "one sequence expected");
    if (!der_next_is(&outer, DER_OID)) {
        *ret = outer;
        return true;
    }
    if (!der_read_oid(&outer, &oid) || !bytes_equal(oid, OID_SIGNED_DATA))
        return err_set(err, ERR_UNSUPPORTED, "PKCS #7: no signed data");
    if (!der_read_into(&outer, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) || !reader_done(&outer) ||
        !der_read_into(&explicit_tag, DER_SEQUENCE, ret) || !reader_done(&explicit_tag))
        return malformed(err, &outer, "signed data expected");
    return true;
}

static bool read_signed_data(struct reader *r, struct pkcs7 *p, struct err *err)
{
    struct reader content;
    struct bytes algorithms, oid, revoked;
    uint32_t version;

    if (!der_read_small(r, &version) || version != 1 || !der_read(r, DER_SET, &algorithms))
        return malformed(err, r, "version 1 and digest algorithms expected");
    if (!der_read_into(r, DER_SEQUENCE, &content) || !der_read_oid(&content, &oid))
        return malformed(err, r, "a content type expected");
    if (!bytes_equal(oid, OID_DATA) || !reader_done(&content))
        return err_set(err, ERR_UNSUPPORTED, "PKCS #7: the signature is not detached");
    if (der_next_is(r, DER_CONTEXT_CONSTRUCTED(0)) && !read_certificates(r, p, err))
        return false;
    if (der_next_is(r, DER_CONTEXT_CONSTRUCTED(1)) && !der_read(r, DER_CONTEXT_CONSTRUCTED(1), &revoked))
        return malformed(err, r, "revocation lists expected");
    if (!read_signers(r, p, err))
        return false;
    return reader_done(r) || malformed(err, r, "nothing more expected");
}

bool pkcs7_parse(struct bytes der, struct pkcs7 *ret, struct err *err)
{
    struct pkcs7 p CLEANUP(pkcs7_done) = { 0 };
    struct reader r = reader_over(der), in;

    if (!unwrap(&r, &in, err) || !read_signed_data(&in, &p, err))
        return false;
    *ret = p;
    p.n_certs = 0; /* handed over */
    return true;
}

void pkcs7_done(struct pkcs7 *p)
{
    for (size_t i = 0; i < p->n_certs; i++)
        cert_free(p->certs[i]);
    p->n_certs = 0;
}

static bool is_anchor(const struct cert *cert, const struct cert *const *anchors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cert_equal(cert, anchors[i]))
            return true;
    return false;
}

static bool may_issue(const struct cert *issuer, const struct cert *cert)
{
    struct err ignored = ERR_INIT;

    return issuer->is_ca && issuer->key && bytes_equal(issuer->subject, cert->issuer) && cert_is_signed_by(cert, issuer->key, &ignored);
}

/* A path of issuers from `cert` to an anchor; `depth` bounds it, each step is a certificate that came along. */
static bool leads_to_anchor(const struct pkcs7 *p, const struct cert *cert, const struct cert *const *anchors, size_t n, unsigned depth)
{
    for (; depth > 0; depth--) {
        const struct cert *next = NULL;
        if (is_anchor(cert, anchors, n))
            return true;
        for (size_t i = 0; i < n; i++)
            if (may_issue(anchors[i], cert))
                return true;
        for (size_t i = 0; i < p->n_certs && !next; i++)
            if (!cert_equal(p->certs[i], cert) && may_issue(p->certs[i], cert))
                next = p->certs[i];
        if (!next)
            return false;
        cert = next;
    }
    return false;
}

static const struct cert *signer_cert(const struct pkcs7 *p, const struct pkcs7_signer *signer, const struct cert *const *anchors, size_t n)
{
    for (size_t i = 0; i < p->n_certs; i++)
        if (bytes_equal(p->certs[i]->issuer, signer->issuer) && bytes_equal(p->certs[i]->serial, signer->serial))
            return p->certs[i];
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(anchors[i]->issuer, signer->issuer) && bytes_equal(anchors[i]->serial, signer->serial))
            return anchors[i];
    return NULL;
}

bool pkcs7_verify(const struct pkcs7 *p, struct bytes message, const struct cert *const *anchors, size_t n_anchors, struct err *err)
{
    (void)err_set(err, ERR_UNTRUSTED, "PKCS #7: nobody signed");
    for (size_t i = 0; i < p->n_signers; i++) {
        const struct pkcs7_signer *signer = &p->signers[i];
        const struct cert *cert = signer_cert(p, signer, anchors, n_anchors);
        if (!cert || !cert->key)
            (void)err_set(err, ERR_UNTRUSTED, "PKCS #7: the signer's certificate is missing or has no usable key");
        else if (!leads_to_anchor(p, cert, anchors, n_anchors, PKCS7_CERTS_MAX))
            (void)err_set(err, ERR_UNTRUSTED, "PKCS #7: the signer's certificate was issued by none of those that are trusted");
        else if (pubkey_verify(cert->key, SIGNATURE_RSASSA, signer->hash, message, signer->signature, err))
            return true;
    }
    return false;
}
