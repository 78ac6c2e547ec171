#include "crypto/pubkey.h"
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "crypto/der.h"
#include "crypto/key_handle.h"
#include "crypto/pem.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, RSA_EXPONENT_BYTES_MAX = 8, COORDINATE_MAX = 66 };

struct pubkey {
    atomic_uint holders;
    struct key_handle *handle; /* the same key, ready for the crypto library */
    enum key_type type;
    enum ec_curve curve;
    unsigned bits;
    struct bytes spki;
    struct bytes first, second; /* n and e, or x and y: views into spki */
    uint8_t storage[];          /* the SPKI */
};

struct curve {
    const char *name;
    uint8_t len;
    uint16_t bits;
    struct bytes oid;
};

#define OID_RSA BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") /* 1.2.840.113549.1.1.1, rsaEncryption */
#define OID_EC  BYTES_LIT("\x2a\x86\x48\xce\x3d\x02\x01")         /* 1.2.840.10045.2.1, id-ecPublicKey */

static const struct curve *curve_of(enum ec_curve curve)
{
    static const struct curve curves[] = {
        [CURVE_NONE] = { "none", 0, 0, { NULL, 0 } },
        [CURVE_P256] = { "P-256", 32, 256, { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 } },
        [CURVE_P384] = { "P-384", 48, 384, { (const uint8_t *)"\x2b\x81\x04\x00\x22", 5 } },
        [CURVE_P521] = { "P-521", 66, 521, { (const uint8_t *)"\x2b\x81\x04\x00\x23", 5 } },
    };

    return &curves[(unsigned)curve < ARRAY_LEN(curves) ? curve : CURVE_NONE];
}

size_t ec_curve_len(enum ec_curve curve) { return curve_of(curve)->len; }

const char *ec_curve_name(enum ec_curve curve) { return curve_of(curve)->name; }

struct key_handle *key_handle_of(const struct pubkey *key) { return key->handle; }

static struct bytes without_leading_zeros(struct bytes b)
{
    while (b.len > 0 && b.data[0] == 0)
        b = bytes_slice(b, 1, b.len);
    return b;
}

static unsigned bit_length(struct bytes minimal)
{
    unsigned bits = (unsigned)minimal.len * 8;

    if (minimal.len == 0)
        return 0;
    for (uint8_t top = minimal.data[0]; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

/* The key with its SPKI behind it; `first` and `second` are found in the SPKI by the caller. */
static struct pubkey *key_with_spki(const struct writer *spki)
{
    struct pubkey *key = writer_ok(spki) ? calloc(1, sizeof *key + spki->len) : NULL;

    if (!key)
        return NULL;
    atomic_init(&key->holders, 1);
    memcpy(key->storage, spki->data, spki->len);
    key->spki = (struct bytes){ key->storage, spki->len };
    return key;
}

/* RFC 3279 2.3.1 */
static void write_rsa_spki(struct writer *w, struct bytes n, struct bytes e)
{
    size_t outer = der_begin(w), at = der_begin(w);

    der_write(w, DER_OID, OID_RSA);
    der_write(w, DER_NULL, BYTES_NONE);
    der_end(w, at, DER_SEQUENCE);
    at = der_begin(w);
    write_u8(w, 0);
    size_t sequence = der_begin(w);
    der_write_unsigned(w, n);
    der_write_unsigned(w, e);
    der_end(w, sequence, DER_SEQUENCE);
    der_end(w, at, DER_BIT_STRING);
    der_end(w, outer, DER_SEQUENCE);
}

bool pubkey_from_rsa(struct bytes n, struct bytes e, struct pubkey **ret, struct err *err)
{
    struct writer spki = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    unsigned bits;

    n = without_leading_zeros(n);
    e = without_leading_zeros(e);
    bits = bit_length(n);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "RSA key of %u bits; %d to %d are accepted", bits, RSA_BITS_MIN, RSA_BITS_MAX);
    if (!(n.data[n.len - 1] & 1))
        return err_set(err, ERR_MALFORMED, "RSA modulus is even");
    if (bit_length(e) < 17 || e.len > RSA_EXPONENT_BYTES_MAX || !(e.data[e.len - 1] & 1))
        return err_set(err, ERR_UNSUPPORTED, "RSA exponent is even, below 65537 or above 64 bits");
    write_rsa_spki(&spki, n, e);
    key = key_with_spki(&spki);
    writer_done(&spki);
    if (!key)
        return err_set(err, ERR_NO_MEMORY, "RSA key");
    key->type = KEY_RSA;
    key->bits = bits;
    /* e ends the SPKI; n ends where e's header, two bytes and perhaps a sign byte, begins. */
    key->second = bytes_slice(key->spki, key->spki.len - e.len, e.len);
    key->first = bytes_slice(key->spki, key->spki.len - e.len - 2 - (e.data[0] >= 0x80) - n.len, n.len);
    if (!key_handle_rsa(key->first, key->second, &key->handle, err))
        return false;
    *ret = TAKE(key);
    return true;
}

/* RFC 5480 2 */
static void write_ec_spki(struct writer *w, const struct curve *curve, struct bytes point)
{
    size_t outer = der_begin(w), at = der_begin(w);

    der_write(w, DER_OID, OID_EC);
    der_write(w, DER_OID, curve->oid);
    der_end(w, at, DER_SEQUENCE);
    der_write_bit_bytes(w, point);
    der_end(w, outer, DER_SEQUENCE);
}

bool pubkey_from_ec(enum ec_curve curve_id, struct bytes x, struct bytes y, struct pubkey **ret, struct err *err)
{
    const struct curve *curve = curve_of(curve_id);
    uint8_t point[1 + 2 * COORDINATE_MAX] = { 4 };
    struct bytes uncompressed = { point, 1 + 2 * (size_t)curve->len };
    struct writer spki = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;

    if (curve->len == 0)
        return err_set(err, ERR_UNSUPPORTED, "elliptic curve not accepted; P-256, P-384 and P-521 are");
    x = without_leading_zeros(x);
    y = without_leading_zeros(y);
    if (x.len > curve->len || y.len > curve->len)
        return err_set(err, ERR_MALFORMED, "point has longer coordinates than %s", curve->name);
    if (x.len)
        memcpy(point + 1 + curve->len - x.len, x.data, x.len);
    if (y.len)
        memcpy(point + 1 + 2 * curve->len - y.len, y.data, y.len);
    write_ec_spki(&spki, curve, uncompressed);
    key = key_with_spki(&spki);
    writer_done(&spki);
    if (!key)
        return err_set(err, ERR_NO_MEMORY, "EC key");
    key->type = KEY_EC;
    key->curve = curve_id;
    key->bits = curve->bits;
    key->second = bytes_slice(key->spki, key->spki.len - curve->len, curve->len);
    key->first = bytes_slice(key->spki, key->spki.len - 2 * (size_t)curve->len, curve->len);
    if (!key_handle_ec(curve_id, uncompressed, &key->handle, err))
        return false;
    *ret = TAKE(key);
    return true;
}

static bool rsa_from_bits(struct bytes bits, struct pubkey **ret, struct err *err)
{
    struct reader outer = reader_over(bits), r;
    struct bytes n, e;

    if (!der_read_into(&outer, DER_SEQUENCE, &r) || !reader_done(&outer) || !der_read_unsigned(&r, &n) || !der_read_unsigned(&r, &e) ||
        !reader_done(&r))
        return err_set(err, ERR_MALFORMED, "RSA public key is not a DER sequence of modulus and exponent");
    return pubkey_from_rsa(n, e, ret, err);
}

static bool ec_from_bits(struct bytes oid, struct bytes point, struct pubkey **ret, struct err *err)
{
    for (enum ec_curve id = CURVE_P256; id <= CURVE_P521; id++) {
        const struct curve *curve = curve_of(id);

        if (!bytes_equal(oid, curve->oid))
            continue;
        if (point.len != 1 + 2 * (size_t)curve->len || point.data[0] != 4)
            return err_set(err, ERR_MALFORMED, "point of %s is not in its uncompressed form", curve->name);
        return pubkey_from_ec(id, bytes_slice(point, 1, curve->len), bytes_slice(point, 1 + curve->len, curve->len), ret, err);
    }
    return err_set(err, ERR_UNSUPPORTED, "elliptic curve not accepted; P-256, P-384 and P-521 are");
}

bool pubkey_from_spki(struct bytes der, struct pubkey **ret, struct err *err)
{
    struct reader outer = reader_over(der), r, algorithm;
    struct bytes oid, curve, bits, nothing;

    if (!der_read_into(&outer, DER_SEQUENCE, &r) || !reader_done(&outer) || !der_read_into(&r, DER_SEQUENCE, &algorithm) ||
        !der_read_oid(&algorithm, &oid) || !der_read_bit_bytes(&r, &bits) || !reader_done(&r))
        return err_set(err, ERR_MALFORMED, "public key is not a DER SubjectPublicKeyInfo");
    if (bytes_equal(oid, OID_RSA)) {
        if (!der_read(&algorithm, DER_NULL, &nothing) || nothing.len != 0 || !reader_done(&algorithm))
            return err_set(err, ERR_MALFORMED, "RSA public key without the NULL parameter");
        return rsa_from_bits(bits, ret, err);
    }
    if (bytes_equal(oid, OID_EC)) {
        if (!der_read_oid(&algorithm, &curve) || !reader_done(&algorithm))
            return err_set(err, ERR_UNSUPPORTED, "EC public key without a named curve");
        return ec_from_bits(curve, bits, ret, err);
    }
    return err_set(err, ERR_UNSUPPORTED, "public key is neither RSA nor EC");
}

bool pubkey_from_pem(struct bytes pem, struct pubkey **ret, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes der;

    return pem_next(&a, &pem, "PUBLIC KEY", &der, err) && pubkey_from_spki(der, ret, err);
}

struct pubkey *pubkey_ref(const struct pubkey *key)
{
    struct pubkey *counted = (struct pubkey *)key;

    atomic_fetch_add_explicit(&counted->holders, 1, memory_order_relaxed);
    return counted;
}

void pubkey_free(struct pubkey *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->holders, 1, memory_order_acq_rel) != 1)
        return;
    key_handle_free(key->handle);
    free(key);
}

void pubkey_free_at(struct pubkey **key) { pubkey_free(*key); }

enum key_type pubkey_type(const struct pubkey *key) { return key->type; }

unsigned pubkey_bits(const struct pubkey *key) { return key->bits; }

enum ec_curve pubkey_curve(const struct pubkey *key) { return key->curve; }

bool pubkey_equal(const struct pubkey *a, const struct pubkey *b) { return bytes_equal(a->spki, b->spki); }

struct bytes pubkey_spki(const struct pubkey *key) { return key->spki; }

struct bytes pubkey_rsa_n(const struct pubkey *key) { return key->type == KEY_RSA ? key->first : BYTES_NONE; }

struct bytes pubkey_rsa_e(const struct pubkey *key) { return key->type == KEY_RSA ? key->second : BYTES_NONE; }

struct bytes pubkey_ec_x(const struct pubkey *key) { return key->type == KEY_EC ? key->first : BYTES_NONE; }

struct bytes pubkey_ec_y(const struct pubkey *key) { return key->type == KEY_EC ? key->second : BYTES_NONE; }

char *pubkey_pem(const struct pubkey *key, struct arena *a)
{
    struct writer w = { 0 };
    char *text;

    pem_write(&w, "PUBLIC KEY", key->spki);
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    writer_done(&w);
    return text;
}

static bool verify(const struct pubkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                   struct bytes signature, struct err *err)
{
    size_t len = key->type == KEY_EC ? 2 * ec_curve_len(key->curve) : key->first.len;
    struct digest digest;

    if ((scheme == SIGNATURE_ECDSA) != (key->type == KEY_EC))
        return err_set(err, ERR_UNTRUSTED, "the signature's algorithm is not one of the key");
    if (signature.len != len)
        return err_set(err, ERR_UNTRUSTED, "signature of %zu bytes; the key makes %zu", signature.len, len);
    digest_compute(hash, message, &digest);
    return key_handle_verify(key->handle, scheme, &digest, signature, err);
}

bool pubkey_verify(const struct pubkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                   struct bytes signature, struct err *err)
{
    if (!digest_is_strong(hash))
        return err_set(err, ERR_UNSUPPORTED, "signatures over %s are not accepted", digest_name(hash));
    return verify(key, scheme, hash, message, signature, err);
}

bool pubkey_verify_sha1(const struct pubkey *key, enum signature_scheme scheme, struct bytes message, struct bytes signature,
                        struct err *err)
{
    return verify(key, scheme, DIGEST_SHA1, message, signature, err);
}
