#include "x509/cert.h"
#include <stdatomic.h>
#include <stdlib.h>
#include "base/limits.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "crypto/signature.h"
#include "x509/cert_parts.h"
#include "x509/name.h"
#include "x509/oids.h"

enum { SERIAL_BYTES_MAX = 20 /* RFC 5280 4.1.2.2 */ };

/* The public structure is the first member, so that both addresses are one. */
struct counted {
    struct cert cert;
    atomic_uint holders;
    struct pubkey *key;
    char key_problem[160];
    uint8_t der[];
};

static bool malformed(struct err *err, const struct reader *r, const char *field)
{
    return err_set(err, ERR_MALFORMED, "certificate: %s at offset %zu is not the DER it should be", field, r->offset);
}

static bool read_name(struct reader *r, struct bytes *ret)
{
    unsigned tag;
    struct bytes content;

    return der_read_any(r, &tag, &content, ret) && tag == DER_SEQUENCE && name_is_well_formed(*ret);
}

static bool read_version(struct reader *r, unsigned *ret)
{
    struct reader inside;
    uint32_t number;

    *ret = 1;
    if (!der_next_is(r, DER_CONTEXT_CONSTRUCTED(0)))
        return true;
    /* v1 is the default and so never written; v2 has only the unique identifiers that nobody uses. */
    if (!der_read_into(r, DER_CONTEXT_CONSTRUCTED(0), &inside) || !der_read_small(&inside, &number) || !reader_done(&inside) || number != 2)
        return false;
    *ret = 3;
    return true;
}

static bool read_validity(struct reader *r, struct cert *cert)
{
    struct reader inside;

    return der_read_into(r, DER_SEQUENCE, &inside) && der_read_time(&inside, &cert->not_before_ms) &&
           der_read_time(&inside, &cert->not_after_ms) && reader_done(&inside);
}

/* A key that we do not accept does not make the certificate unreadable: people want to see what it is. */
static bool read_key(struct counted *c, struct err *err)
{
    struct err key_err = ERR_INIT;

    if (pubkey_from_spki(c->cert.spki, &c->key, &key_err)) {
        c->cert.key = c->key;
        return true;
    }
    if (key_err.code != ERR_UNSUPPORTED) {
        *err = key_err;
        return err_within(err, "certificate");
    }
    memcpy(c->key_problem, key_err.text, sizeof c->key_problem - 1);
    c->cert.key_problem = c->key_problem;
    return true;
}

/* TBSCertificate, RFC 5280 4.1 */
static bool read_tbs(struct reader r, struct cert *cert, struct bytes *ret_algorithm, struct err *err)
{
    struct reader extensions;
    unsigned tag;
    struct bytes content;

    if (!read_version(&r, &cert->version))
        return malformed(err, &r, "version");
    if (!der_read_unsigned(&r, &cert->serial) || cert->serial.len > SERIAL_BYTES_MAX)
        return malformed(err, &r, "serial number");
    if (!der_read(&r, DER_SEQUENCE, ret_algorithm))
        return malformed(err, &r, "signature algorithm");
    if (!read_name(&r, &cert->issuer))
        return malformed(err, &r, "issuer");
    if (!read_validity(&r, cert))
        return malformed(err, &r, "validity");
    if (!read_name(&r, &cert->subject))
        return malformed(err, &r, "subject");
    if (!der_read_any(&r, &tag, &content, &cert->spki) || tag != DER_SEQUENCE)
        return malformed(err, &r, "public key");
    if (reader_done(&r))
        return true;
    if (cert->version != 3 || !der_read_into(&r, DER_CONTEXT_CONSTRUCTED(3), &extensions) || !reader_done(&r))
        return malformed(err, &r, "what follows the public key");
    return cert_read_extensions(&extensions, cert, err);
}

static bool read_cert(struct counted *c, struct err *err)
{
    struct cert *cert = &c->cert;
    struct reader outer = reader_over(cert->der), r, tbs;
    struct bytes inner_algorithm, algorithm, content;
    struct cert_algorithm meaning;
    unsigned tag;

    if (!der_read_into(&outer, DER_SEQUENCE, &r))
        return err_set(err, ERR_TRUNCATED, "certificate: not one DER sequence, or cut");
    if (!reader_done(&outer))
        return err_set(err, ERR_MALFORMED, "certificate: %zu bytes follow it", outer.rest.len);
    tbs = r;
    if (!der_read_any(&r, &tag, &content, &cert->tbs) || tag != DER_SEQUENCE || !der_read_into(&tbs, DER_SEQUENCE, &tbs))
        return malformed(err, &r, "signed part");
    if (!read_tbs(tbs, cert, &inner_algorithm, err))
        return false;
    if (!der_read(&r, DER_SEQUENCE, &algorithm) || !cert_read_algorithm(algorithm, &meaning))
        return malformed(err, &r, "signature algorithm");
    /* RFC 5280 4.1.1.2: "MUST contain the same algorithm identifier as the signature field" */
    if (!bytes_equal(algorithm, inner_algorithm))
        return err_set(err, ERR_MALFORMED, "certificate: the two signature algorithms differ");
    if (!der_read_bit_bytes(&r, &cert->signature) || !reader_done(&r))
        return malformed(err, &r, "signature");
    cert->signature_algorithm = meaning.oid;
    cert->signature_scheme = meaning.scheme;
    cert->signature_hash = meaning.hash;
    return true;
}

bool cert_parse(struct bytes der, struct cert **ret, struct err *err)
{
    struct counted *c;
    struct digest digest;

    if (der.len > LIMIT_CERT_BYTES)
        return err_set(err, ERR_LIMIT, "certificate of %zu bytes; at most %d are read", der.len, LIMIT_CERT_BYTES);
    c = calloc(1, sizeof *c + der.len);
    if (!c)
        return err_set(err, ERR_NO_MEMORY, "certificate");
    atomic_init(&c->holders, 1);
    if (der.len)
        memcpy(c->der, der.data, der.len);
    c->cert.der = (struct bytes){ c->der, der.len };
    c->cert.path_len = CERT_NO_PATH_LEN;
    if (!read_cert(c, err) || !read_key(c, err)) {
        cert_free(&c->cert);
        return false;
    }
    digest_compute(DIGEST_SHA256, c->cert.der, &digest);
    memcpy(c->cert.sha256, digest.value, CERT_SHA256_LEN);
    if (!name_find(c->cert.subject, OID_COMMON_NAME, &c->cert.common_name))
        c->cert.common_name = BYTES_NONE;
    *ret = &c->cert;
    return true;
}

struct cert *cert_ref(const struct cert *cert)
{
    struct counted *c = (struct counted *)cert;

    atomic_fetch_add_explicit(&c->holders, 1, memory_order_relaxed);
    return &c->cert;
}

void cert_free(struct cert *cert)
{
    struct counted *c = (struct counted *)cert;

    if (!c || atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) != 1)
        return;
    pubkey_free(c->key);
    free(c);
}

void cert_free_at(struct cert **cert) { cert_free(*cert); }

bool cert_equal(const struct cert *a, const struct cert *b) { return a == b || bytes_equal(a->der, b->der); }

bool cert_is_signed_by(const struct cert *cert, const struct pubkey *issuer, struct err *err)
{
    struct bytes signature = cert->signature;
    uint8_t raw[SIGNATURE_EC_RAW_MAX];
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *weak = cert_weak_algorithm(cert->signature_algorithm);
    struct err ignored = ERR_INIT;

    if (weak)
        return err_set(err, ERR_UNSUPPORTED, "signed with %s, which is too weak", weak);
    if (cert->signature_hash == DIGEST_NONE) {
        const char *oid = der_oid_text(&a, cert->signature_algorithm);
        return err_set(err, ERR_UNSUPPORTED, "signed with an algorithm that is not accepted (%s)", oid ? oid : "unknown");
    }
    if (cert->signature_scheme == SIGNATURE_ECDSA && pubkey_type(issuer) == KEY_EC) {
        if (!signature_from_der(pubkey_curve(issuer), signature, raw, &signature.len, &ignored))
            return err_set(err, ERR_UNTRUSTED, "the signature does not have the form of the issuer's key");
        signature.data = raw;
    }
    return pubkey_verify(issuer, cert->signature_scheme, cert->signature_hash, cert->tbs, signature, err);
}

bool cert_has_eku(const struct cert *cert, struct bytes oid)
{
    for (size_t i = 0; i < cert->n_eku_oids; i++)
        if (bytes_equal(cert->eku_oids[i], oid))
            return true;
    return false;
}

void cert_sha1(const struct cert *cert, uint8_t ret[static CERT_SHA1_LEN])
{
    struct digest d;

    digest_compute(DIGEST_SHA1, cert->der, &d);
    memcpy(ret, d.value, CERT_SHA1_LEN);
}

char *cert_pem(const struct cert *cert, struct arena *a)
{
    struct writer w = { 0 };
    char *text;

    pem_write(&w, "CERTIFICATE", cert->der);
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    writer_done(&w);
    return text;
}
