#include "tpm/signature.h"
#include "tpm/public.h"

enum { COORDINATE_MAX_LEN = 66 }; /* P-521 */

static const struct {
    uint16_t algorithm;
    enum signature_scheme scheme;
    enum key_type key_type;
    const char *name;
} schemes[] = {
    { TPM_ALG_RSASSA, SIGNATURE_RSASSA, KEY_RSA, "RSASSA" },
    { TPM_ALG_RSAPSS, SIGNATURE_RSAPSS, KEY_RSA, "RSAPSS" },
    { TPM_ALG_ECDSA, SIGNATURE_ECDSA, KEY_EC, "ECDSA" },
};

static bool read_rsa_signature(struct reader *r, struct tpm_signature *sig, struct err *err)
{
    if (!read_u16be_prefixed(r, &sig->rsa))
        return err_set(err, ERR_TRUNCATED, "RSA signature at offset %zu", r->offset);
    if (sig->rsa.len == 0)
        return err_set(err, ERR_MALFORMED, "RSA signature is empty");
    if (sig->rsa.len > TPM_SIGNATURE_MAX_LEN)
        return err_set(err, ERR_LIMIT, "RSA signature of %zu bytes; at most %d", sig->rsa.len, TPM_SIGNATURE_MAX_LEN);
    return true;
}

static bool read_ec_number(struct reader *r, const char *what, struct bytes *ret, struct err *err)
{
    if (!read_u16be_prefixed(r, ret))
        return err_set(err, ERR_TRUNCATED, "ECDSA %s at offset %zu", what, r->offset);
    if (ret->len > COORDINATE_MAX_LEN)
        return err_set(err, ERR_MALFORMED, "ECDSA %s of %zu bytes", what, ret->len);
    if (bytes_are_all(*ret, 0)) /* the empty number, too; FIPS 186-5, 6.4.2: r and s are in [1, n-1] */
        return err_set(err, ERR_MALFORMED, "ECDSA %s is zero", what);
    return true;
}

bool tpm_signature_decode(struct bytes tpmt_signature, struct tpm_signature *ret, struct err *err)
{
    struct reader r = reader_over(tpmt_signature);
    struct tpm_signature sig = { 0 };
    uint16_t algorithm, hash;
    size_t i = 0;

    if (!read_u16be(&r, &algorithm))
        return err_set(err, ERR_TRUNCATED, "signature algorithm at offset %zu", r.offset);
    while (i < ARRAY_LEN(schemes) && schemes[i].algorithm != algorithm)
        i++;
    if (i == ARRAY_LEN(schemes))
        return err_set(err, ERR_UNSUPPORTED, "signature algorithm 0x%04x", algorithm);
    sig.scheme = schemes[i].scheme;
    if (!read_u16be(&r, &hash))
        return err_set(err, ERR_TRUNCATED, "signature's hash at offset %zu", r.offset);
    sig.hash = digest_from_tpm_id(hash);
    if (sig.hash == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "signature with hash 0x%04x", hash);
    if (schemes[i].key_type == KEY_RSA ? !read_rsa_signature(&r, &sig, err)
                                       : !read_ec_number(&r, "r", &sig.r, err) || !read_ec_number(&r, "s", &sig.s, err))
        return false;
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes after the signature", r.rest.len);
    *ret = sig;
    return true;
}

bool tpm_signature_from_raw(struct bytes rsassa, enum digest_algorithm hash, struct tpm_signature *ret, struct err *err)
{
    if (rsassa.len == 0 || rsassa.len > TPM_SIGNATURE_MAX_LEN)
        return err_set(err, ERR_MALFORMED, "RSA signature of %zu bytes", rsassa.len);
    *ret = (struct tpm_signature){ .scheme = SIGNATURE_RSASSA, .hash = hash, .rsa = rsassa };
    return true;
}

void tpm_signature_encode(struct writer *w, const struct tpm_signature *signature)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].scheme == signature->scheme)
            write_u16be(w, schemes[i].algorithm);
    write_u16be(w, digest_tpm_id(signature->hash));
    if (signature->scheme == SIGNATURE_ECDSA) {
        write_u16be_prefixed(w, signature->r);
        write_u16be_prefixed(w, signature->s);
        return;
    }
    write_u16be_prefixed(w, signature->rsa);
}

bool tpm_signature_suits(const struct tpm_signature *signature, const struct pubkey *key, bool allow_sha1, struct err *err)
{
    bool is_ec = signature->scheme == SIGNATURE_ECDSA;
    size_t width = pubkey_type(key) == KEY_EC ? ec_curve_len(pubkey_curve(key)) : (pubkey_bits(key) + 7) / 8;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].scheme == signature->scheme && schemes[i].key_type != pubkey_type(key))
            return err_set(err, ERR_UNSUPPORTED, "%s signature for %s key", schemes[i].name, is_ec ? "an RSA" : "an EC");
    if (!digest_is_strong(signature->hash) && !(allow_sha1 && signature->hash == DIGEST_SHA1))
        return err_set(err, ERR_UNSUPPORTED, "signature with %s", digest_name(signature->hash));
    if (is_ec ? signature->r.len > width || signature->s.len > width : signature->rsa.len != width)
        return err_set(err, ERR_MALFORMED, "signature does not have the key's length, %zu bytes", width);
    return true;
}

bool tpm_signature_is_of_scheme(const struct tpm_signature *signature, const struct tpm_scheme *scheme, struct err *err)
{
    const char *signs = NULL, *signed_with = NULL;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        signs = schemes[i].algorithm == scheme->algorithm ? schemes[i].name : signs;
        signed_with = schemes[i].scheme == signature->scheme ? schemes[i].name : signed_with;
    }
    if (scheme->algorithm == TPM_ALG_NULL || (signs == signed_with && digest_from_tpm_id(scheme->hash) == signature->hash))
        return true;
    return err_set(err, ERR_UNTRUSTED, "the key signs with %s and hash 0x%04x only; this is %s with %s", signs ? signs : "another scheme",
                   scheme->hash, signed_with, digest_name(signature->hash));
}

static void put_padded(uint8_t *out, size_t width, struct bytes number)
{
    memset(out, 0, width - number.len);
    memcpy(out + width - number.len, number.data, number.len);
}

/* r || s into `out`; suits has seen to the lengths. Returns what crypto/pubkey.h verifies. */
static struct bytes raw_form(const struct tpm_signature *signature, const struct pubkey *key, uint8_t out[static 2 * COORDINATE_MAX_LEN])
{
    size_t width = ec_curve_len(pubkey_curve(key));

    if (signature->scheme != SIGNATURE_ECDSA)
        return signature->rsa;
    put_padded(out, width, signature->r);
    put_padded(out + width, width, signature->s);
    return (struct bytes){ out, 2 * width };
}

bool tpm_signature_verify(const struct tpm_signature *signature, const struct pubkey *key, bool allow_sha1, struct bytes message,
                          struct err *err)
{
    uint8_t rs[2 * COORDINATE_MAX_LEN];

    if (!tpm_signature_suits(signature, key, allow_sha1, err))
        return false;
    if (signature->hash == DIGEST_SHA1) /* suits has asked the operator */
        return pubkey_verify_sha1(key, signature->scheme, message, raw_form(signature, key, rs), err);
    return pubkey_verify(key, signature->scheme, signature->hash, message, raw_form(signature, key, rs), err);
}

bool tpm_signature_raw(struct arena *a, const struct tpm_signature *signature, const struct pubkey *key, struct bytes *ret, struct err *err)
{
    uint8_t rs[2 * COORDINATE_MAX_LEN];

    if (!tpm_signature_suits(signature, key, true, err))
        return false;
    if (!arena_copy(a, raw_form(signature, key, rs), ret))
        return err_set(err, ERR_NO_MEMORY, "no memory for a signature");
    return true;
}
