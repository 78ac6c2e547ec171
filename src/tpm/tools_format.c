#include "tpm/tools_format.h"
#include "base/hex.h"
#include "crypto/der.h"
#include "tpm/attest.h"
#include "tpm/signature.h"

enum {
    HOST_BANKS = 16,      /* TPM2_NUM_PCR_BANKS of tss2 */
    HOST_DIGESTS = 8,     /* digests in a TPML_DIGEST */
    HOST_DIGEST_LEN = 64, /* room in a TPM2B_DIGEST */
};

static bool is_2b(struct bytes file) { return file.len >= 2 && (size_t)(file.data[0] << 8 | file.data[1]) == file.len - 2; }

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_text(struct bytes file)
{
    for (size_t i = 0; i < file.len; i++)
        if (!is_space(file.data[i]) && (file.data[i] < 0x20 || file.data[i] > 0x7e))
            return false;
    return file.len > 0;
}

/* The bytes of hexadecimal digits, white space between them left out. Empty: it is none. */
static bool from_hex(struct arena *a, struct bytes text, struct bytes *ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    int high = -1;

    *ret = BYTES_NONE;
    text = bytes_trim(text);
    if (bytes_starts_with(text, BYTES_LIT("0x")) || bytes_starts_with(text, BYTES_LIT("0X")))
        text = bytes_slice(text, 2, text.len);
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0 && is_space(text.data[i]))
            continue;
        if (digit < 0)
            return true;
        if (high >= 0)
            write_u8(&w, (uint8_t)(high << 4 | digit));
        high = high < 0 ? digit : -1;
    }
    if (high >= 0)
        return true;
    return (writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret)) || err_set(err, ERR_NO_MEMORY, "no memory for a file");
}

/* The rest of the line "member: …"; empty: there is none. */
static struct bytes member_of(struct bytes text, const char *member)
{
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_trim(bytes_slice(text, 0, end == SIZE_MAX ? text.len : end));
        size_t name = strlen(member);
        if (bytes_starts_with(line, bytes_of_string(member)) && line.len > name && line.data[name] == ':')
            return bytes_slice(line, name + 1, line.len);
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
    }
    return BYTES_NONE;
}

bool tools_binary(struct arena *a, struct bytes file, const char *member, struct bytes *ret, struct err *err)
{
    struct bytes hex = BYTES_NONE, binary;

    if (!is_text(file)) {
        *ret = file;
        return true;
    }
    if (member)
        hex = member_of(file, member);
    if (!from_hex(a, hex.len ? hex : file, &binary, err))
        return false;
    *ret = binary.len ? binary : file;
    return true;
}

bool tools_public(struct bytes file, struct tpm_public *ret, struct err *err)
{
    return is_2b(file) ? tpm_public_decode_2b(file, ret, err) : tpm_public_decode(file, ret, err);
}

/* Words before the block are people's own (RFC 7468, 2). */
static bool is_pem(struct bytes file)
{
    const struct bytes begin = BYTES_LIT("-----BEGIN ");

    return bytes_starts_with(bytes_trim(file), begin) || (is_text(file) && bytes_find(file, begin) != SIZE_MAX);
}

static bool is_der(struct bytes file) /* a DER sequence; a TPMT_PUBLIC begins with 00 */
{
    return file.len > 0 && file.data[0] == 0x30 && !is_2b(file);
}

bool tools_key(struct bytes file, struct pubkey **ret, struct err *err)
{
    struct tpm_public pub;

    if (is_pem(file))
        return pubkey_from_pem(file, ret, err);
    if (is_der(file))
        return pubkey_from_spki(file, ret, err);
    if (is_text(file))
        return err_set(err, ERR_MALFORMED, "text that is neither PEM nor hexadecimal");
    return tools_public(file, &pub, err) && tpm_public_key(&pub, ret, err);
}

bool tools_key_public(struct bytes file, struct tpm_public *ret)
{
    struct err ignored = ERR_INIT;

    return !is_pem(file) && !is_der(file) && tools_public(file, ret, &ignored);
}

enum signature_form tools_signature_form(struct bytes file, const struct pubkey *key)
{
    bool fits = pubkey_type(key) == KEY_RSA && file.len == (pubkey_bits(key) + 7) / 8;
    return fits ? SIGNATURE_FORM_RAW_RSASSA : SIGNATURE_FORM_TPMT;
}

struct bytes tools_attest(struct bytes file)
{
    struct bytes inside = bytes_slice(file, 2, file.len);

    return is_2b(file) && bytes_starts_with(inside, BYTES_LIT("\xff\x54\x43\x47")) ? inside : file;
}

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3), or both numbers in the curve's width. */
static bool bare_ecdsa(struct bytes file, size_t width, struct tpm_signature *ret)
{
    struct reader outer = reader_over(file), r;

    if (der_read_into(&outer, DER_SEQUENCE, &r) && reader_done(&outer) && der_read_unsigned(&r, &ret->r) && der_read_unsigned(&r, &ret->s))
        return reader_done(&r);
    if (width == 0 || file.len != 2 * width)
        return false;
    ret->r = bytes_slice(file, 0, width);
    ret->s = bytes_slice(file, width, width);
    return true;
}

static enum digest_algorithm hash_of_quote(struct bytes attest)
{
    static const enum digest_algorithm hashes[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
    struct attest quote;
    struct err ignored = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(hashes) && attest_decode(attest, &quote, &ignored); i++)
        if (quote.pcr_digest.len == digest_len(hashes[i]))
            return hashes[i];
    return DIGEST_SHA256;
}

/* A bare RSA signature does not say how it was padded. The key's public area does; without one, whichever way holds: neither can be made
 * without the key. */
static enum signature_scheme bare_rsa_scheme(const struct tpm_signature *bare, const struct pubkey *key,
                                             const struct tpm_public *key_public, struct bytes attest)
{
    struct tpm_signature padded = *bare;
    struct err ignored = ERR_INIT;

    padded.scheme = SIGNATURE_RSAPSS;
    if (key_public)
        return key_public->scheme.algorithm == TPM_ALG_RSAPSS ? SIGNATURE_RSAPSS : SIGNATURE_RSASSA;
    return tpm_signature_verify(&padded, key, false, attest, &ignored) ? SIGNATURE_RSAPSS : SIGNATURE_RSASSA;
}

bool tools_signature(struct arena *a, struct bytes file, const struct pubkey *key, const struct tpm_public *key_public, struct bytes attest,
                     struct bytes *ret, enum signature_form *ret_form, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct tpm_signature bare = { .hash = hash_of_quote(attest) }, decoded;
    struct err ignored = ERR_INIT;

    *ret = file;
    *ret_form = SIGNATURE_FORM_TPMT;
    if (tpm_signature_decode(file, &decoded, &ignored))
        return true;
    if (pubkey_type(key) == KEY_EC && bare_ecdsa(file, ec_curve_len(pubkey_curve(key)), &bare)) {
        bare.scheme = SIGNATURE_ECDSA;
    } else if (tools_signature_form(file, key) == SIGNATURE_FORM_RAW_RSASSA) {
        bare.rsa = file;
        bare.scheme = bare_rsa_scheme(&bare, key, key_public, attest);
    } else {
        return true; /* quote_verify says what is wrong with it */
    }
    tpm_signature_encode(&w, &bare);
    return (writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret)) || err_set(err, ERR_NO_MEMORY, "no memory for a signature");
}

/* TPML_PCR_SELECTION as tss2 keeps it in memory: u32 count, 16 times {u16 hash, u8 octets, u8[4], one of padding}. */
static bool read_host_selection(struct reader *r, struct pcr_set *set, struct err *err)
{
    uint32_t n;

    if (!read_u32le(r, &n))
        return err_set(err, ERR_TRUNCATED, "number of PCR banks");
    if (n > LIMIT_PCR_BANKS)
        return err_set(err, ERR_LIMIT, "%u PCR banks; at most %d", n, LIMIT_PCR_BANKS);
    for (uint32_t i = 0; i < HOST_BANKS; i++) {
        struct pcr_bank *bank = &set->banks[i < n ? i : 0];
        uint8_t octets, padding;
        uint16_t hash;
        uint32_t mask;

        if (!read_u16le(r, &hash) || !read_u8(r, &octets) || !read_u32le(r, &mask) || !read_u8(r, &padding))
            return err_set(err, ERR_TRUNCATED, "PCR selection at offset %zu", r->offset);
        if (i >= n)
            continue;
        bank->algorithm = digest_from_tpm_id(hash);
        bank->present = mask;
        if (bank->algorithm == DIGEST_NONE || octets > 4 || mask >> LIMIT_PCRS != 0)
            return err_set(err, ERR_MALFORMED, "PCR bank 0x%04x with registers 0x%08x", hash, mask);
    }
    set->n_banks = n;
    return true;
}

/* The digests of all lists, one after the other: each list is u32 count, 8 times {u16 size, u8[64]}. */
struct host_digests {
    struct reader rest;
    uint32_t lists, left, unused; /* lists not begun; digests left in this list; unused places at its end */
};

static bool next_host_digest(struct host_digests *d, struct bytes *ret, struct err *err)
{
    uint16_t len;

    while (d->left == 0) {
        if (d->lists == 0 || !read_skip(&d->rest, (size_t)d->unused * (2 + HOST_DIGEST_LEN)) || !read_u32le(&d->rest, &d->left))
            return err_set(err, ERR_TRUNCATED, "fewer register values than selected");
        if (d->left > HOST_DIGESTS)
            return err_set(err, ERR_MALFORMED, "%u digests in one list", d->left);
        d->unused = HOST_DIGESTS - d->left;
        d->lists--;
    }
    if (!read_u16le(&d->rest, &len) || !read_bytes(&d->rest, HOST_DIGEST_LEN, ret))
        return err_set(err, ERR_TRUNCATED, "register value at offset %zu", d->rest.offset);
    if (len > HOST_DIGEST_LEN)
        return err_set(err, ERR_MALFORMED, "register value of %u bytes", len);
    ret->len = len;
    d->left--;
    return true;
}

bool tools_pcrs(struct bytes file, struct pcr_set *ret, struct err *err)
{
    struct host_digests digests = { .rest = reader_over(file) };
    struct pcr_set set = { 0 };
    struct bytes value;

    if (!read_host_selection(&digests.rest, &set, err))
        return err_within(err, "register file");
    if (!read_u32le(&digests.rest, &digests.lists))
        return err_set(err, ERR_TRUNCATED, "register file: number of lists");
    for (size_t i = 0; i < set.n_banks; i++)
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            struct pcr_bank *bank = &set.banks[i];

            if (!(bank->present >> pcr & 1))
                continue;
            if (!next_host_digest(&digests, &value, err))
                return err_within(err, "register file");
            if (value.len != digest_len(bank->algorithm))
                return err_set(err, ERR_MALFORMED, "register file: %s register %u has %zu bytes", digest_name(bank->algorithm), pcr,
                               value.len);
            bank->value[pcr].algorithm = bank->algorithm;
            memcpy(bank->value[pcr].value, value.data, value.len);
        }
    *ret = set;
    return true;
}

/* u32 0xbadcc0de, u32 version 1, the two TPM2Bs; big-endian. */
bool tools_credential(struct arena *a, struct bytes id_object, struct bytes encrypted_secret, struct bytes *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { 0 };

    write_u32be(&w, 0xbadcc0de);
    write_u32be(&w, 1);
    write_bytes(&w, id_object);
    write_bytes(&w, encrypted_secret);
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), ret))
        return err_set(err, ERR_NO_MEMORY, "no memory for a credential file");
    return true;
}
