/* struct ima_replay as bytes, big-endian:
 *
 *   u8 version (3) | u8 confirmed | u32 entries | u16 TPM_ALG_ID of the list's digests | u8 number of banks
 *   per bank: u16 TPM_ALG_ID | per mode: u8 possible | digest
 *   two summaries: u32 modules, signed, unsigned, kexec, boots | u8 records signatures | names of the first unsigned: u16 length | text |
 *     command line made ready: u16 length | text | u32 command lines of kernels that began | the first of them: u16 length | text */
#include "base/reader.h"
#include "eventlog/ima/replay.h"

enum { VERSION = 3 };

static uint32_t names_kept(const struct ima_summary *s) { return s->n_unsigned < IMA_SUMMARY_NAMES ? s->n_unsigned : IMA_SUMMARY_NAMES; }

static void write_summary(struct writer *w, const struct ima_summary *s)
{
    write_u32be(w, s->n_modules);
    write_u32be(w, s->n_signed);
    write_u32be(w, s->n_unsigned);
    write_u32be(w, s->n_kexec);
    write_u32be(w, s->n_boots);
    write_u8(w, s->records_signatures);
    for (uint32_t i = 0; i < names_kept(s); i++)
        write_u16be_prefixed(w, bytes_of_string(s->unsigned_names[i]));
    write_u16be_prefixed(w, ima_line_bytes(&s->ready));
    write_u32be(w, s->n_started);
    for (uint32_t i = 0; i < ima_summary_lines(s); i++)
        write_u16be_prefixed(w, ima_line_bytes(&s->started[i]));
}

void ima_replay_write(struct writer *w, const struct ima_replay *replay)
{
    write_u8(w, VERSION);
    write_u8(w, replay->confirmed);
    write_u32be(w, replay->n);
    write_u16be(w, digest_tpm_id(replay->list_digest));
    write_u8(w, (uint8_t)replay->n_banks);
    for (size_t i = 0; i < replay->n_banks; i++) {
        write_u16be(w, digest_tpm_id(replay->banks[i].algorithm));
        for (unsigned mode = 0; mode < IMA_MODES; mode++) {
            write_u8(w, replay->banks[i].possible[mode]);
            write_bytes(w, digest_bytes(&replay->banks[i].value[mode]));
        }
    }
    write_summary(w, &replay->all);
    write_summary(w, &replay->proved);
}

static bool read_flag(struct reader *r, bool *ret)
{
    uint8_t value;

    if (!read_u8(r, &value) || value > 1)
        return false;
    *ret = value;
    return true;
}

static bool read_bank(struct reader *r, struct ima_bank *bank)
{
    struct bytes value;
    uint16_t id;

    if (!read_u16be(r, &id) || (bank->algorithm = digest_from_tpm_id(id)) == DIGEST_NONE)
        return false;
    for (unsigned mode = 0; mode < IMA_MODES; mode++) {
        if (!read_flag(r, &bank->possible[mode]) || !read_bytes(r, digest_len(bank->algorithm), &value))
            return false;
        bank->value[mode].algorithm = bank->algorithm;
        memcpy(bank->value[mode].value, value.data, value.len);
    }
    return true;
}

static bool read_line(struct reader *r, struct ima_line *line)
{
    struct bytes text;

    if (!read_u16be_prefixed(r, &text) || text.len > IMA_LINE_MAX)
        return false;
    line->len = (uint16_t)text.len;
    if (text.len)
        memcpy(line->text, text.data, text.len);
    return true;
}

static bool read_summary(struct reader *r, struct ima_summary *s)
{
    struct bytes name;

    if (!read_u32be(r, &s->n_modules) || !read_u32be(r, &s->n_signed) || !read_u32be(r, &s->n_unsigned) || !read_u32be(r, &s->n_kexec) ||
        !read_u32be(r, &s->n_boots) || !read_flag(r, &s->records_signatures))
        return false;
    for (uint32_t i = 0; i < names_kept(s); i++) {
        if (!read_u16be_prefixed(r, &name) || (!kernel_module_name_is_valid(name) && !bytes_equal_string(name, "?")))
            return false;
        memcpy(s->unsigned_names[i], name.data, name.len);
    }
    if (!read_line(r, &s->ready) || !read_u32be(r, &s->n_started))
        return false;
    for (uint32_t i = 0; i < ima_summary_lines(s); i++)
        if (!read_line(r, &s->started[i]))
            return false;
    return true;
}

static bool read_state(struct reader *r, struct ima_replay *s)
{
    uint8_t version, n_banks;
    uint16_t list_digest;

    if (!read_u8(r, &version) || version != VERSION || !read_flag(r, &s->confirmed) || !read_u32be(r, &s->n) || s->n > LIMIT_IMA_ENTRIES ||
        !read_u16be(r, &list_digest) || !read_u8(r, &n_banks) || n_banks > LIMIT_PCR_BANKS)
        return false;
    s->list_digest = digest_from_tpm_id(list_digest);
    if ((s->list_digest == DIGEST_NONE) != (s->n == 0) || list_digest != digest_tpm_id(s->list_digest))
        return false;
    for (; s->n_banks < n_banks; s->n_banks++)
        if (!read_bank(r, &s->banks[s->n_banks]))
            return false;
    return read_summary(r, &s->all) && read_summary(r, &s->proved) && reader_done(r);
}

bool ima_replay_read(struct bytes state, struct ima_replay *ret, struct err *err)
{
    struct ima_replay s = { .n = 0 };
    struct reader r = reader_over(state);

    if (!read_state(&r, &s))
        return err_set(err, ERR_MALFORMED, "state of an IMA list: not as written, at offset %zu", r.offset);
    *ret = s;
    return true;
}
