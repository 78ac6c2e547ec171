#include "tpm/platform_claim.h"
#include "base/limits.h"
#include "base/reader.h"

enum { REGISTERS = 24, SIGNATURE_MAX = 2048, PLATFORM_TPM_20 = 2 };

struct header {
    struct bytes magic;
    uint32_t platform, size, pcr_values, quote, signature, log, algorithm;
    bool second_form;
};

static bool is_second_form(struct bytes magic)
{
    return bytes_equal(magic, BYTES_LIT("PAD2")) || bytes_equal(magic, BYTES_LIT("\x02\0\0\0"));
}

static bool read_header(struct reader *r, struct header *h, struct err *err)
{
    uint32_t *const fields[] = { &h->platform, &h->size, &h->pcr_values, &h->quote, &h->signature, &h->log };

    if (!read_bytes(r, 4, &h->magic))
        return err_set(err, ERR_TRUNCATED, "its magic at offset %zu", r->offset);
    h->second_form = is_second_form(h->magic);
    if (!h->second_form && !bytes_equal(h->magic, BYTES_LIT("PADS")))
        return err_set(err, ERR_MALFORMED, "its magic is neither PADS nor that of the second form");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!read_u32le(r, fields[i]))
            return err_set(err, ERR_TRUNCATED, "its header at offset %zu", r->offset);
    if (h->second_form && !read_u32le(r, &h->algorithm))
        return err_set(err, ERR_TRUNCATED, "its register algorithm at offset %zu", r->offset);
    if (h->platform != PLATFORM_TPM_20)
        return err_set(err, ERR_UNSUPPORTED, "its platform is %u: only claims of a TPM 2.0 are verified", h->platform);
    if (h->size < r->offset)
        return err_set(err, ERR_MALFORMED, "its header size is %u, less than the %zu bytes that it has", h->size, r->offset);
    return read_skip(r, h->size - r->offset) || err_set(err, ERR_TRUNCATED, "its header of %u bytes", h->size);
}

/* The first form does not name the bank: the length of the values tells. */
static bool bank_of(const struct header *h, enum digest_algorithm *ret, struct err *err)
{
    static const enum digest_algorithm known[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (h->pcr_values == REGISTERS * digest_len(known[i]) && (!h->second_form || h->algorithm == digest_tpm_id(known[i]))) {
            *ret = known[i];
            return true;
        }
    return err_set(err, ERR_UNSUPPORTED, "its %u bytes of register values are not %d values of a bank that is known", h->pcr_values,
                   REGISTERS);
}

static bool read_values(struct reader *r, enum digest_algorithm algorithm, struct pcr_bank *bank, struct err *err)
{
    *bank = (struct pcr_bank){ .algorithm = algorithm, .present = (1u << REGISTERS) - 1 };
    for (unsigned i = 0; i < REGISTERS; i++) {
        struct bytes value;
        if (!read_bytes(r, digest_len(algorithm), &value))
            return err_set(err, ERR_TRUNCATED, "its value of register %u at offset %zu", i, r->offset);
        bank->value[i].algorithm = algorithm;
        memcpy(bank->value[i].value, value.data, value.len);
    }
    return true;
}

bool platform_claim_read(struct bytes blob, struct platform_claim *ret, struct err *err)
{
    struct reader r = reader_over(blob);
    enum digest_algorithm algorithm;
    struct platform_claim claim;
    struct header h = { .size = 0 };

    if (!read_header(&r, &h, err) || !bank_of(&h, &algorithm, err) || !read_values(&r, algorithm, &claim.bank, err))
        return false;
    if (h.quote == 0 || h.quote > LIMIT_SMALL_BODY_BYTES || h.signature == 0 || h.signature > SIGNATURE_MAX)
        return err_set(err, ERR_LIMIT, "its quote of %u bytes or its signature of %u bytes", h.quote, h.signature);
    if (!read_bytes(&r, h.quote, &claim.quote))
        return err_set(err, ERR_TRUNCATED, "its quote at offset %zu", r.offset);
    if (!read_bytes(&r, h.signature, &claim.signature))
        return err_set(err, ERR_TRUNCATED, "its signature at offset %zu", r.offset);
    if (!read_bytes(&r, h.log, &claim.log))
        return err_set(err, ERR_TRUNCATED, "its log at offset %zu", r.offset);
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes behind its end", r.rest.len);
    *ret = claim;
    return true;
}
