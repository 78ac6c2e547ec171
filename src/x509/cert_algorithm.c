#include "crypto/der.h"
#include "x509/cert_parts.h"

#define OID_RSA_PSS BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a") /* 1.2.840.113549.1.1.10 */
#define OID_MGF1    BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08") /* 1.2.840.113549.1.1.8 */

/* RFC 4055 5, RFC 5758 3.2 */
static const struct cert_algorithm accepted[] = {
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), SIGNATURE_RSASSA, DIGEST_SHA256 },
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), SIGNATURE_RSASSA, DIGEST_SHA384 },
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), SIGNATURE_RSASSA, DIGEST_SHA512 },
    { BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x02"), SIGNATURE_ECDSA, DIGEST_SHA256 },
    { BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x03"), SIGNATURE_ECDSA, DIGEST_SHA384 },
    { BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x04"), SIGNATURE_ECDSA, DIGEST_SHA512 },
};

static const struct {
    struct bytes oid;
    const char *name;
} weak[] = {
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"), "MD2 with RSA" },
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), "MD5 with RSA" },
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), "SHA-1 with RSA" },
    { BYTES_LIT("\x2b\x0e\x03\x02\x1d"), "SHA-1 with RSA" },
    { BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x01"), "SHA-1 with ECDSA" },
    { BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x01"), "SHA-224 with ECDSA" },
    { BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"), "SHA-224 with RSA" },
    { BYTES_LIT("\x2a\x86\x48\xce\x38\x04\x03"), "SHA-1 with DSA" },
};

static const struct {
    struct bytes oid;
    enum digest_algorithm hash;
} hashes[] = {
    { BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), DIGEST_SHA256 },
    { BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), DIGEST_SHA384 },
    { BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), DIGEST_SHA512 },
};

const char *cert_weak_algorithm(struct bytes oid)
{
    for (size_t i = 0; i < ARRAY_LEN(weak); i++)
        if (bytes_equal(oid, weak[i].oid))
            return weak[i].name;
    return NULL;
}

/* Parameters that are NULL, or not there. */
static bool no_parameters(struct reader *r)
{
    struct bytes nothing;

    return reader_done(r) || (der_read(r, DER_NULL, &nothing) && nothing.len == 0 && reader_done(r));
}

static bool read_hash(struct reader *r, enum digest_algorithm *ret)
{
    struct reader algorithm;
    struct bytes oid;

    if (!der_read_into(r, DER_SEQUENCE, &algorithm) || !der_read_oid(&algorithm, &oid) || !no_parameters(&algorithm) || !reader_done(r))
        return false;
    *ret = DIGEST_NONE;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        if (bytes_equal(oid, hashes[i].oid))
            *ret = hashes[i].hash;
    return true;
}

/* RSASSA-PSS-params, RFC 4055 3.1. The defaults are SHA-1, so what is left out is not accepted. Both hashes must be the same. */
static bool read_pss(struct reader *r, enum digest_algorithm *ret)
{
    struct reader params, field, mgf;
    enum digest_algorithm hash = DIGEST_NONE, mask_hash = DIGEST_NONE;
    struct bytes oid;
    uint32_t number;

    *ret = DIGEST_NONE;
    if (!der_read_into(r, DER_SEQUENCE, &params) || !reader_done(r))
        return false;
    if (der_read_into(&params, DER_CONTEXT_CONSTRUCTED(0), &field) && !read_hash(&field, &hash))
        return false;
    if (der_read_into(&params, DER_CONTEXT_CONSTRUCTED(1), &field)) {
        if (!der_read_into(&field, DER_SEQUENCE, &mgf) || !reader_done(&field) || !der_read_oid(&mgf, &oid) || !read_hash(&mgf, &mask_hash))
            return false;
        if (!bytes_equal(oid, OID_MGF1))
            mask_hash = DIGEST_NONE;
    }
    if (der_read_into(&params, DER_CONTEXT_CONSTRUCTED(2), &field) && (!der_read_small(&field, &number) || !reader_done(&field)))
        return false;
    if (!reader_done(&params)) /* the trailer field has one value, its default */
        return false;
    if (hash == mask_hash)
        *ret = hash;
    return true;
}

bool cert_read_algorithm(struct bytes content, struct cert_algorithm *ret)
{
    struct reader r = reader_over(content);
    struct cert_algorithm found = { .hash = DIGEST_NONE };

    if (!der_read_oid(&r, &found.oid))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        if (bytes_equal(found.oid, accepted[i].oid)) {
            found.scheme = accepted[i].scheme;
            found.hash = accepted[i].hash;
            /* RFC 5758 3.2: ECDSA has no parameters at all. */
            if (found.scheme == SIGNATURE_ECDSA ? !reader_done(&r) : !no_parameters(&r))
                return false;
        }
    if (bytes_equal(found.oid, OID_RSA_PSS)) {
        found.scheme = SIGNATURE_RSAPSS;
        if (!read_pss(&r, &found.hash))
            return false;
    }
    *ret = found;
    return true;
}
