#include "tpm/attest.h"

enum { SELECT_MAX_LEN = 4 };

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
    { TPM_ST_ATTEST_NV, "NV certification" },
    { TPM_ST_ATTEST_COMMAND_AUDIT, "command audit" },
    { TPM_ST_ATTEST_SESSION_AUDIT, "session audit" },
    { TPM_ST_ATTEST_CERTIFY, "key certification" },
    { TPM_ST_ATTEST_QUOTE, "quote" },
    { TPM_ST_ATTEST_TIME, "time attestation" },
    { TPM_ST_ATTEST_CREATION, "creation certificate" },
    { TPM_ST_ATTEST_NV_DIGEST, "NV digest certification" },
};

const char *attest_type_name(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown structure";
}

/* Part 1, 16: a Name is empty, or an algorithm id and a digest of that algorithm. */
static bool read_name(struct reader *r, const char *what, struct bytes *ret, struct err *err)
{
    struct bytes name;

    if (!read_u16be_prefixed(r, &name))
        return err_set(err, ERR_TRUNCATED, "%s at offset %zu", what, r->offset);
    if (name.len != 0) {
        struct reader inside = reader_over(name);
        uint16_t id = 0;
        bool known = read_u16be(&inside, &id) && digest_from_tpm_id(id) != DIGEST_NONE;

        if (!known || inside.rest.len != digest_len(digest_from_tpm_id(id)))
            return err_set(err, ERR_MALFORMED, "%s is no Name: %zu bytes, algorithm 0x%04x", what, name.len, id);
    }
    *ret = name;
    return true;
}

static bool read_clock_info(struct reader *r, struct tpm_clock_info *ret, struct err *err)
{
    uint8_t safe;

    if (!read_u64be(r, &ret->clock_ms) || !read_u32be(r, &ret->reset_count) || !read_u32be(r, &ret->restart_count) || !read_u8(r, &safe))
        return err_set(err, ERR_TRUNCATED, "clock at offset %zu", r->offset);
    if (safe > 1) /* Part 2, 9.2 TPMI_YES_NO */
        return err_set(err, ERR_MALFORMED, "clock's safe flag is %u", safe);
    ret->safe = safe == 1;
    return true;
}

/* Part 2, 10.6.4 TPMS_PCR_SELECTION: octet i/8, bit i%8. */
static bool read_selection_bank(struct reader *r, struct pcr_selection_bank *ret, struct err *err)
{
    struct bytes bitmap;

    if (!read_u16be(r, &ret->hash_id) || !read_u8(r, &ret->select_len))
        return err_set(err, ERR_TRUNCATED, "PCR selection at offset %zu", r->offset);
    if (ret->select_len > SELECT_MAX_LEN)
        return err_set(err, ERR_MALFORMED, "PCR selection of %u bytes; at most %d", ret->select_len, SELECT_MAX_LEN);
    if (!read_bytes(r, ret->select_len, &bitmap))
        return err_set(err, ERR_TRUNCATED, "PCR bitmap at offset %zu", r->offset);
    ret->algorithm = digest_from_tpm_id(ret->hash_id);
    ret->mask = 0;
    for (size_t i = 0; i < bitmap.len; i++)
        ret->mask |= (uint32_t)bitmap.data[i] << 8 * i;
    if (ret->mask >> LIMIT_PCRS != 0)
        return err_set(err, ERR_MALFORMED, "PCR selection names registers past %d", LIMIT_PCRS - 1);
    return true;
}

bool read_pcr_selection(struct reader *r, struct pcr_selection *ret, struct err *err)
{
    struct pcr_selection selection = { 0 };
    uint32_t n;

    if (!read_u32be(r, &n))
        return err_set(err, ERR_TRUNCATED, "number of PCR banks at offset %zu", r->offset);
    if (n > LIMIT_PCR_BANKS)
        return err_set(err, ERR_LIMIT, "%u PCR banks; at most %d", n, LIMIT_PCR_BANKS);
    for (selection.n_banks = 0; selection.n_banks < n; selection.n_banks++)
        if (!read_selection_bank(r, &selection.banks[selection.n_banks], err))
            return false;
    *ret = selection;
    return true;
}

void write_pcr_selection(struct writer *w, const struct pcr_selection *selection)
{
    write_u32be(w, (uint32_t)selection->n_banks);
    for (size_t i = 0; i < selection->n_banks; i++) {
        const struct pcr_selection_bank *bank = &selection->banks[i];

        write_u16be(w, bank->hash_id);
        write_u8(w, bank->select_len);
        for (unsigned octet = 0; octet < bank->select_len; octet++) {
            uint32_t rest = octet < sizeof bank->mask ? bank->mask >> 8 * octet : 0;
            write_u8(w, (uint8_t)rest);
        }
    }
}

void pcr_selection_of(const struct pcr_set *set, struct pcr_selection *ret)
{
    *ret = (struct pcr_selection){ .n_banks = set->n_banks };
    for (size_t i = 0; i < set->n_banks; i++)
        ret->banks[i] = (struct pcr_selection_bank){
            .hash_id = digest_tpm_id(set->banks[i].algorithm),
            .algorithm = set->banks[i].algorithm,
            .select_len = LIMIT_PCRS / 8,
            .mask = set->banks[i].present,
        };
}

bool pcr_set_digest(const struct pcr_set *set, enum digest_algorithm hash, struct digest *ret, struct err *err)
{
    struct bytes values[LIMIT_PCR_BANKS * LIMIT_PCRS];
    size_t n = 0;

    if (hash == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "no hash to compute a PCR digest with");
    for (size_t i = 0; i < set->n_banks; i++)
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (set->banks[i].present >> pcr & 1)
                values[n++] = (struct bytes){ set->banks[i].value[pcr].value, digest_len(set->banks[i].algorithm) };
    digest_compute_parts(hash, values, n, ret);
    return true;
}

/* Part 2, 10.12.1 TPMS_QUOTE_INFO. */
static bool read_quote_info(struct reader *r, struct attest *attest, struct err *err)
{
    if (!read_pcr_selection(r, &attest->selection, err))
        return false;
    if (!read_u16be_prefixed(r, &attest->pcr_digest))
        return err_set(err, ERR_TRUNCATED, "PCR digest at offset %zu", r->offset);
    if (attest->pcr_digest.len > DIGEST_MAX_LEN)
        return err_set(err, ERR_MALFORMED, "PCR digest of %zu bytes", attest->pcr_digest.len);
    return true;
}

/* Part 2, 10.12.12 TPMS_ATTEST, up to the part that depends on the type. */
static bool read_common(struct reader *r, struct attest *attest, struct err *err)
{
    if (!read_u32be(r, &attest->magic) || !read_u16be(r, &attest->type))
        return err_set(err, ERR_TRUNCATED, "header at offset %zu", r->offset);
    if (!read_name(r, "qualified signer", &attest->qualified_signer, err))
        return false;
    if (!read_u16be_prefixed(r, &attest->extra_data))
        return err_set(err, ERR_TRUNCATED, "qualifying data at offset %zu", r->offset);
    if (attest->extra_data.len > LIMIT_NONCE_BYTES + 2) /* TPM2B_DATA holds a TPMT_HA at most (Part 2, 10.4.3) */
        return err_set(err, ERR_MALFORMED, "qualifying data of %zu bytes", attest->extra_data.len);
    if (!read_clock_info(r, &attest->clock, err))
        return false;
    if (!read_u64be(r, &attest->firmware_version))
        return err_set(err, ERR_TRUNCATED, "firmware version at offset %zu", r->offset);
    return true;
}

bool attest_decode(struct bytes tpms_attest, struct attest *ret, struct err *err)
{
    struct reader r = reader_over(tpms_attest);
    struct attest attest = { 0 };

    if (!read_common(&r, &attest, err))
        return err_within(err, "attestation");
    if (attest.type == TPM_ST_ATTEST_QUOTE) {
        if (!read_quote_info(&r, &attest, err))
            return err_within(err, "quote");
    } else if (attest.type == TPM_ST_ATTEST_CERTIFY) { /* Part 2, 10.12.3 TPMS_CERTIFY_INFO */
        if (!read_name(&r, "name", &attest.name, err) || !read_name(&r, "qualified name", &attest.qualified_name, err))
            return err_within(err, "certification");
    } else {
        attest.other = read_rest(&r);
    }
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes after the %s", r.rest.len, attest_type_name(attest.type));
    *ret = attest;
    return true;
}

void attest_encode(struct writer *w, const struct attest *attest)
{
    write_u32be(w, attest->magic);
    write_u16be(w, attest->type);
    write_u16be_prefixed(w, attest->qualified_signer);
    write_u16be_prefixed(w, attest->extra_data);
    write_u64be(w, attest->clock.clock_ms);
    write_u32be(w, attest->clock.reset_count);
    write_u32be(w, attest->clock.restart_count);
    write_u8(w, attest->clock.safe);
    write_u64be(w, attest->firmware_version);
    if (attest->type == TPM_ST_ATTEST_QUOTE) {
        write_pcr_selection(w, &attest->selection);
        write_u16be_prefixed(w, attest->pcr_digest);
    } else if (attest->type == TPM_ST_ATTEST_CERTIFY) {
        write_u16be_prefixed(w, attest->name);
        write_u16be_prefixed(w, attest->qualified_name);
    } else {
        write_bytes(w, attest->other);
    }
}
