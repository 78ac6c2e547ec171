#include "tpm/public.h"

enum { RSA_MAX_BITS = 8192, COORDINATE_MAX_LEN = 128 };

/* What follows the algorithm id of a scheme (Part 2, 11.1 and 11.2). TPM_ALG_NULL and RSAES carry nothing. */
static const struct {
    uint16_t algorithm;
    bool has_hash, has_count;
} schemes[] = {
    { TPM_ALG_NULL, false, false },          { TPM_ALG_RSAES, false, false }, { TPM_ALG_RSASSA, true, false },
    { TPM_ALG_RSAPSS, true, false },         { TPM_ALG_OAEP, true, false },   { TPM_ALG_ECDSA, true, false },
    { TPM_ALG_ECDH, true, false },           { TPM_ALG_ECDAA, true, true },   { TPM_ALG_SM2, true, false },
    { TPM_ALG_ECSCHNORR, true, false },      { TPM_ALG_ECMQV, true, false },  { TPM_ALG_MGF1, true, false },
    { TPM_ALG_KDF1_SP800_56A, true, false }, { TPM_ALG_KDF2, true, false },   { TPM_ALG_KDF1_SP800_108, true, false },
};

static const struct {
    uint16_t id;
    enum ec_curve curve;
} curves[] = {
    { TPM_CURVE_P256, CURVE_P256 },
    { TPM_CURVE_P384, CURVE_P384 },
    { TPM_CURVE_P521, CURVE_P521 },
};

enum ec_curve tpm_curve(uint16_t curve_id)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (curves[i].id == curve_id)
            return curves[i].curve;
    return CURVE_NONE;
}

const char *object_attribute_name(enum object_attribute attribute)
{
    switch (attribute) {
#define X(bit, name, text) \
    case OBJECT_##name:    \
        return text;
        OBJECT_ATTRIBUTES(X)
#undef X
    }
    return NULL;
}

static bool read_scheme(struct reader *r, struct tpm_scheme *ret, struct err *err)
{
    struct tpm_scheme scheme = { 0 };
    size_t i = 0;

    if (!read_u16be(r, &scheme.algorithm))
        return err_set(err, ERR_TRUNCATED, "scheme at offset %zu", r->offset);
    while (i < ARRAY_LEN(schemes) && schemes[i].algorithm != scheme.algorithm)
        i++;
    if (i == ARRAY_LEN(schemes))
        return err_set(err, ERR_UNSUPPORTED, "scheme 0x%04x", scheme.algorithm);
    if (schemes[i].has_hash && !read_u16be(r, &scheme.hash))
        return err_set(err, ERR_TRUNCATED, "scheme's hash at offset %zu", r->offset);
    if (schemes[i].has_count && !read_u16be(r, &scheme.count))
        return err_set(err, ERR_TRUNCATED, "scheme's count at offset %zu", r->offset);
    *ret = scheme;
    return true;
}

static void write_scheme(struct writer *w, const struct tpm_scheme *scheme)
{
    write_u16be(w, scheme->algorithm);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].algorithm == scheme->algorithm) {
            if (schemes[i].has_hash)
                write_u16be(w, scheme->hash);
            if (schemes[i].has_count)
                write_u16be(w, scheme->count);
        }
}

/* Part 2, 11.1.7 TPMT_SYM_DEF_OBJECT. */
static bool read_symmetric(struct reader *r, struct tpm_symmetric *ret, struct err *err)
{
    struct tpm_symmetric sym = { 0 };

    if (!read_u16be(r, &sym.algorithm))
        return err_set(err, ERR_TRUNCATED, "symmetric algorithm at offset %zu", r->offset);
    switch (sym.algorithm) {
    case TPM_ALG_NULL:
        break;
    case TPM_ALG_AES:
    case TPM_ALG_TDES:
    case TPM_ALG_SM4:
    case TPM_ALG_CAMELLIA:
        if (!read_u16be(r, &sym.bits) || !read_u16be(r, &sym.mode))
            return err_set(err, ERR_TRUNCATED, "symmetric key size at offset %zu", r->offset);
        break;
    default:
        return err_set(err, ERR_UNSUPPORTED, "symmetric algorithm 0x%04x", sym.algorithm);
    }
    *ret = sym;
    return true;
}

/* Part 2, 12.2.3.5 TPMS_RSA_PARMS and the unique field. */
static bool read_rsa(struct reader *r, struct tpm_public *pub, struct err *err)
{
    if (!read_symmetric(r, &pub->symmetric, err) || !read_scheme(r, &pub->scheme, err))
        return false;
    if (!read_u16be(r, &pub->rsa_bits) || !read_u32be(r, &pub->rsa_exponent))
        return err_set(err, ERR_TRUNCATED, "RSA parameters at offset %zu", r->offset);
    if (pub->rsa_bits > RSA_MAX_BITS)
        return err_set(err, ERR_LIMIT, "RSA key of %u bits; at most %d", pub->rsa_bits, RSA_MAX_BITS);
    if (!read_u16be_prefixed(r, &pub->rsa_n))
        return err_set(err, ERR_TRUNCATED, "RSA modulus at offset %zu", r->offset);
    if (pub->rsa_n.len > pub->rsa_bits / 8u)
        return err_set(err, ERR_MALFORMED, "RSA modulus of %zu bytes in a key of %u bits", pub->rsa_n.len, pub->rsa_bits);
    return true;
}

/* Part 2, 12.2.3.6 TPMS_ECC_PARMS and the unique field. */
static bool read_ecc(struct reader *r, struct tpm_public *pub, struct err *err)
{
    if (!read_symmetric(r, &pub->symmetric, err) || !read_scheme(r, &pub->scheme, err))
        return false;
    if (!read_u16be(r, &pub->curve_id))
        return err_set(err, ERR_TRUNCATED, "curve at offset %zu", r->offset);
    if (!read_scheme(r, &pub->kdf, err))
        return err_within(err, "key derivation");
    if (!read_u16be_prefixed(r, &pub->ecc_x) || !read_u16be_prefixed(r, &pub->ecc_y))
        return err_set(err, ERR_TRUNCATED, "ECC point at offset %zu", r->offset);
    if (pub->ecc_x.len > COORDINATE_MAX_LEN || pub->ecc_y.len > COORDINATE_MAX_LEN)
        return err_set(err, ERR_LIMIT, "ECC coordinate longer than %d bytes", COORDINATE_MAX_LEN);
    return true;
}

bool read_tpm_public(struct reader *r, struct tpm_public *ret, struct err *err)
{
    struct tpm_public pub = { 0 };
    uint16_t name_algorithm;

    if (!read_u16be(r, &pub.type) || !read_u16be(r, &name_algorithm) || !read_u32be(r, &pub.attributes) ||
        !read_u16be_prefixed(r, &pub.policy))
        return err_set(err, ERR_TRUNCATED, "public area at offset %zu", r->offset);
    pub.name_algorithm = digest_from_tpm_id(name_algorithm);
    if (pub.name_algorithm == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "name algorithm 0x%04x", name_algorithm);
    /* Part 3, 12.1: "the size of authPolicy is either zero or the digest size of nameAlg". */
    if (pub.policy.len != 0 && pub.policy.len != digest_len(pub.name_algorithm))
        return err_set(err, ERR_MALFORMED, "policy of %zu bytes with %s names", pub.policy.len, digest_name(pub.name_algorithm));
    if (pub.type != TPM_ALG_RSA && pub.type != TPM_ALG_ECC)
        return err_set(err, ERR_UNSUPPORTED, "object of type 0x%04x; only RSA and ECC keys", pub.type);
    if (!(pub.type == TPM_ALG_RSA ? read_rsa(r, &pub, err) : read_ecc(r, &pub, err)))
        return err_within(err, "public area");
    *ret = pub;
    return true;
}

bool tpm_public_decode(struct bytes tpmt_public, struct tpm_public *ret, struct err *err)
{
    struct reader r = reader_over(tpmt_public);
    struct tpm_public pub;

    if (!read_tpm_public(&r, &pub, err))
        return false;
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes after the public area", r.rest.len);
    *ret = pub;
    return true;
}

bool tpm_public_decode_2b(struct bytes tpm2b_public, struct tpm_public *ret, struct err *err)
{
    struct reader r = reader_over(tpm2b_public);
    struct bytes area;

    if (!read_u16be_prefixed(&r, &area))
        return err_set(err, ERR_TRUNCATED, "public area is shorter than its size says");
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes after the public area", r.rest.len);
    return tpm_public_decode(area, ret, err);
}

void tpm_public_encode(struct writer *w, const struct tpm_public *pub)
{
    write_u16be(w, pub->type);
    write_u16be(w, digest_tpm_id(pub->name_algorithm));
    write_u32be(w, pub->attributes);
    write_u16be_prefixed(w, pub->policy);
    write_u16be(w, pub->symmetric.algorithm);
    if (pub->symmetric.algorithm != TPM_ALG_NULL) {
        write_u16be(w, pub->symmetric.bits);
        write_u16be(w, pub->symmetric.mode);
    }
    write_scheme(w, &pub->scheme);
    if (pub->type == TPM_ALG_RSA) {
        write_u16be(w, pub->rsa_bits);
        write_u32be(w, pub->rsa_exponent);
        write_u16be_prefixed(w, pub->rsa_n);
        return;
    }
    write_u16be(w, pub->curve_id);
    write_scheme(w, &pub->kdf);
    write_u16be_prefixed(w, pub->ecc_x);
    write_u16be_prefixed(w, pub->ecc_y);
}

void tpm_public_encode_2b(struct writer *w, const struct tpm_public *pub)
{
    CLEANUP(writer_done) struct writer area = { 0 };

    tpm_public_encode(&area, pub);
    write_u16be_prefixed(w, writer_bytes(&area));
    w->bad = w->bad || !writer_ok(&area);
}

bool tpm_public_name(const struct tpm_public *pub, struct tpm_name *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer area = { 0 };
    uint16_t id = digest_tpm_id(pub->name_algorithm);
    struct digest digest;

    tpm_public_encode(&area, pub);
    if (!writer_ok(&area))
        return err_set(err, ERR_NO_MEMORY, "no memory for a public area");
    digest_compute(pub->name_algorithm, writer_bytes(&area), &digest);
    ret->len = 2 + digest_len(pub->name_algorithm);
    ret->value[0] = (uint8_t)(id >> 8);
    ret->value[1] = (uint8_t)id;
    memcpy(ret->value + 2, digest.value, ret->len - 2);
    return true;
}

void tpm_qualified_name(const struct tpm_public *pub, uint32_t hierarchy, const struct tpm_name *name, struct tpm_name *ret)
{
    const uint8_t handle[] = { (uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16), (uint8_t)(hierarchy >> 8), (uint8_t)hierarchy };
    struct digest digest;

    digest_compute_parts(pub->name_algorithm, (const struct bytes[]){ BYTES_OF(handle), tpm_name_bytes(name) }, 2, &digest);
    ret->len = 2 + digest_len(pub->name_algorithm);
    memcpy(ret->value, name->value, 2);
    memcpy(ret->value + 2, digest.value, ret->len - 2);
}

struct bytes tpm_name_bytes(const struct tpm_name *name) { return (struct bytes){ name->value, name->len }; }

static bool rsa_key(const struct tpm_public *pub, struct pubkey **ret, struct err *err)
{
    uint32_t exponent = pub->rsa_exponent ? pub->rsa_exponent : 65537; /* Part 2, 12.2.3.5: zero is the default, 2^16 + 1 */
    const uint8_t e[] = { (uint8_t)(exponent >> 24), (uint8_t)(exponent >> 16), (uint8_t)(exponent >> 8), (uint8_t)exponent };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;

    if (!pubkey_from_rsa(pub->rsa_n, BYTES_OF(e), &key, err))
        return false;
    if (pubkey_bits(key) != pub->rsa_bits)
        return err_set(err, ERR_MALFORMED, "RSA modulus of %u bits in a key of %u bits", pubkey_bits(key), pub->rsa_bits);
    *ret = TAKE(key);
    return true;
}

bool tpm_public_key(const struct tpm_public *pub, struct pubkey **ret, struct err *err)
{
    enum ec_curve curve = tpm_curve(pub->curve_id);

    if (pub->type == TPM_ALG_RSA)
        return rsa_key(pub, ret, err);
    if (curve == CURVE_NONE)
        return err_set(err, ERR_UNSUPPORTED, "curve 0x%04x", pub->curve_id);
    if (pub->ecc_x.len > ec_curve_len(curve) || pub->ecc_y.len > ec_curve_len(curve))
        return err_set(err, ERR_MALFORMED, "ECC coordinate longer than its curve");
    return pubkey_from_ec(curve, pub->ecc_x, pub->ecc_y, ret, err);
}
