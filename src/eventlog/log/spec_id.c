#include "eventlog/log/spec_id.h"
#include "base/reader.h"

enum { SIGNATURE_LEN = 16 };

static const struct {
    const char *signature;
    bool has_algorithms, has_uintn_size;
} editions[] = {
    { "Spec ID Event03", true, true },
    { "Spec ID Event02", false, true },
    { "Spec ID Event00", false, false }, /* BIOS 1.21: the byte is reserved */
};

static size_t edition_of(struct bytes data)
{
    for (size_t i = 0; i < ARRAY_LEN(editions); i++)
        if (bytes_starts_with(data, (struct bytes){ (const uint8_t *)editions[i].signature, SIGNATURE_LEN }))
            return i;
    return ARRAY_LEN(editions);
}

bool is_spec_id(struct bytes data) { return edition_of(data) < ARRAY_LEN(editions); }

static bool read_algorithms(struct reader *r, struct spec_id *spec, struct err *err)
{
    uint32_t n;

    if (!read_u32le(r, &n))
        return err_set(err, ERR_TRUNCATED, "number of algorithms at offset %zu", r->offset);
    if (n == 0)
        return err_set(err, ERR_MALFORMED, "the Spec ID event declares no digest algorithm");
    if (n > LIMIT_LOG_BANKS)
        return err_set(err, ERR_LIMIT, "the Spec ID event declares %u digest algorithms, at most %d are read", n, LIMIT_LOG_BANKS);
    for (uint32_t i = 0; i < n; i++) {
        if (!read_u16le(r, &spec->algorithms[i].tpm_id) || !read_u16le(r, &spec->algorithms[i].len))
            return err_set(err, ERR_TRUNCATED, "algorithm %u of %u at offset %zu", i + 1, n, r->offset);
        for (uint32_t j = 0; j < i; j++)
            if (spec->algorithms[j].tpm_id == spec->algorithms[i].tpm_id)
                return err_set(err, ERR_MALFORMED, "algorithm 0x%04x is declared twice", spec->algorithms[i].tpm_id);
    }
    spec->n_algorithms = n;
    return true;
}

/* TCG_EfiSpecIDEvent (PFP 10.4.5.1), TCG_EfiSpecIdEventStruct (EFI 1.2), TCG_PCClientSpecIDEventStruct (BIOS 1.21): they share all but
 * the algorithms. */
bool spec_id_parse(struct bytes data, struct spec_id *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct spec_id spec = { 0 };
    size_t edition = edition_of(data);
    uint8_t vendor_len;

    if (edition == ARRAY_LEN(editions))
        return err_set(err, ERR_MALFORMED, "not a Spec ID event");
    spec.signature = editions[edition].signature;
    if (!read_skip(&r, SIGNATURE_LEN) || !read_u32le(&r, &spec.platform_class) || !read_u8(&r, &spec.minor) || !read_u8(&r, &spec.major) ||
        !read_u8(&r, &spec.errata) || !read_u8(&r, &spec.uintn_size))
        return err_set(err, ERR_TRUNCATED, "Spec ID event at offset %zu", r.offset);
    if (!editions[edition].has_uintn_size)
        spec.uintn_size = 0;
    if (editions[edition].has_algorithms && !read_algorithms(&r, &spec, err))
        return false;
    if (!read_u8(&r, &vendor_len) || !read_bytes(&r, vendor_len, &spec.vendor_info))
        return err_set(err, ERR_TRUNCATED, "vendor information at offset %zu", r.offset);
    spec.excess = read_rest(&r);
    *ret = spec;
    return true;
}
