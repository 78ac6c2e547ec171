#include "cli/files/pcrs_file.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "json/parse.h"
#include "tpm/attest.h"
#include "tpm/tools_format.h"

/* The bank to fill; NULL with an error when there are too many, or it was there already. */
static struct pcr_bank *begin_bank(struct pcr_set *set, enum digest_algorithm algorithm, struct err *err)
{
    struct pcr_bank *bank = &set->banks[set->n_banks];

    if (pcr_bank_find(set, algorithm)) {
        err_set(err, ERR_MALFORMED, "bank %s is listed twice", digest_name(algorithm));
        return NULL;
    }
    if (set->n_banks == LIMIT_PCR_BANKS) {
        err_set(err, ERR_LIMIT, "more than %d banks", LIMIT_PCR_BANKS);
        return NULL;
    }
    *bank = (struct pcr_bank){ .algorithm = algorithm };
    set->n_banks++;
    return bank;
}

static bool is_number(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

static bool set_register(struct pcr_bank *bank, struct bytes number, struct bytes hex, struct err *err)
{
    unsigned pcr = 0;

    if (!is_number(number) || number.len > 2)
        return err_set(err, ERR_MALFORMED, "%s: a register's number is not 0 to %d", digest_name(bank->algorithm), LIMIT_PCRS - 1);
    for (size_t i = 0; i < number.len; i++)
        pcr = pcr * 10 + (number.data[i] - '0');
    if (pcr >= LIMIT_PCRS)
        return err_set(err, ERR_MALFORMED, "%s: register %u is not 0 to %d", digest_name(bank->algorithm), pcr, LIMIT_PCRS - 1);
    if (bank->present >> pcr & 1)
        return err_set(err, ERR_MALFORMED, "%s: register %u is listed twice", digest_name(bank->algorithm), pcr);
    if (bytes_starts_with(hex, BYTES_LIT("0x")) || bytes_starts_with(hex, BYTES_LIT("0X")))
        hex = bytes_slice(hex, 2, hex.len);
    if (!hex_decode_into(hex, bank->value[pcr].value, digest_len(bank->algorithm)))
        return err_set(err, ERR_MALFORMED, "%s: register %u is not %zu bytes in hexadecimal", digest_name(bank->algorithm), pcr,
                       digest_len(bank->algorithm));
    bank->value[pcr].algorithm = bank->algorithm;
    bank->present |= 1u << pcr;
    return true;
}

/* "sha256", "SHA256", "sha-256" */
static enum digest_algorithm bank_name(struct bytes name)
{
    uint8_t plain[16];
    size_t n = 0;

    for (size_t i = 0; i < name.len && n < sizeof plain; i++)
        if (name.data[i] != '-')
            plain[n++] = (uint8_t)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    return digest_from_name((struct bytes){ plain, n });
}

/* {"0": hex, …}, or the values of registers 0, 1, … in a list */
static bool parse_bank(struct pcr_bank *bank, const struct json *v, struct err *err)
{
    static const char digits[] = "0123456789";

    for (size_t k = 0; v->type == JSON_OBJECT && k < v->object.n; k++)
        if (!set_register(bank, v->object.members[k].name, json_text(v->object.members[k].value, BYTES_NONE), err))
            return false;
    for (size_t k = 0; v->type == JSON_ARRAY && k < v->array.n; k++) {
        const uint8_t number[] = { (uint8_t)digits[k / 10 % 10], (uint8_t)digits[k % 10] };
        if (k >= LIMIT_PCRS)
            return err_set(err, ERR_MALFORMED, "%s: a list of %zu registers, there are %d", digest_name(bank->algorithm), v->array.n,
                           LIMIT_PCRS);
        if (!set_register(bank, (struct bytes){ number, 2 }, json_text(v->array.items[k], BYTES_NONE), err))
            return false;
    }
    return true;
}

/* Some tools put the banks one level down. */
static const struct json *banks_of(const struct json *v)
{
    static const char *const wrappers[] = { "pcrs", "PCRs", "registers", "values" };

    for (size_t i = 0; i < ARRAY_LEN(wrappers); i++)
        if (json_get(v, wrappers[i]) && json_get(v, wrappers[i])->type == JSON_OBJECT)
            return json_get(v, wrappers[i]);
    return v;
}

static bool parse_json(struct arena *a, struct bytes content, struct pcr_set *set, struct err *err)
{
    struct json_options options = { .refuse_duplicates = true };
    const struct json *v;

    if (!json_parse(a, content, &options, &v, err))
        return false;
    v = banks_of(v);
    for (size_t i = 0; i < v->object.n; i++) {
        const struct json_member *m = &v->object.members[i];
        enum digest_algorithm algorithm = bank_name(m->name);
        struct pcr_bank *bank;

        if (bytes_equal_string(m->name, "mismatch"))
            continue;
        if (algorithm == DIGEST_NONE || (m->value->type != JSON_OBJECT && m->value->type != JSON_ARRAY))
            return err_set(err, ERR_MALFORMED, "member %zu is not a bank such as \"sha256\": {\"0\": hex, …}", i);
        bank = begin_bank(set, algorithm, err);
        if (!bank || !parse_bank(bank, m->value, err))
            return false;
    }
    return true;
}

static struct bytes next_line(struct bytes *rest)
{
    size_t end = bytes_find(*rest, BYTES_LIT("\n"));
    struct bytes line = bytes_slice(*rest, 0, end == SIZE_MAX ? rest->len : end);

    *rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(*rest, end + 1, rest->len);
    return line;
}

static bool parse_yaml(struct bytes content, struct pcr_set *set, struct err *err)
{
    struct pcr_bank *bank = NULL;

    while (content.len) {
        struct bytes line = bytes_trim(next_line(&content)), name, value;
        size_t colon = bytes_find(line, BYTES_LIT(":"));

        if (colon == SIZE_MAX)
            continue;
        name = bytes_trim(bytes_slice(line, 0, colon));
        value = bytes_trim(bytes_slice(line, colon + 1, line.len));
        if (!value.len) {
            enum digest_algorithm algorithm = digest_from_name(name);
            bank = algorithm == DIGEST_NONE ? NULL : begin_bank(set, algorithm, err);
            if (algorithm != DIGEST_NONE && !bank)
                return false;
        } else if (bank && is_number(name)) {
            if (!set_register(bank, name, value, err))
                return false;
        } else {
            bank = NULL;
        }
    }
    return true;
}

static bool is_text(struct bytes content)
{
    for (size_t i = 0; i < content.len; i++)
        if (content.data[i] == 0 || content.data[i] > 0x7e)
            return false;
    return true;
}

/* `tpm2_pcrread sha256:all -o FILE`: the values of all registers of one bank, and nothing else. The length tells the bank. */
static bool parse_bare_bank(struct bytes content, struct pcr_set *set)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        size_t len = digest_len(algorithms[i]);
        struct pcr_bank *bank = &set->banks[0];
        if (content.len != LIMIT_PCRS * len)
            continue;
        *bank = (struct pcr_bank){ .algorithm = algorithms[i], .present = (1u << LIMIT_PCRS) - 1 };
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            bank->value[pcr].algorithm = algorithms[i];
            memcpy(bank->value[pcr].value, content.data + pcr * len, len);
        }
        set->n_banks = 1;
        return true;
    }
    return false;
}

bool pcrs_parse(struct arena *a, struct bytes content, struct pcr_set *ret, struct err *err)
{
    struct pcr_set set = { .n_banks = 0 };
    bool read;

    content = utf8_without_mark(content);
    if (bytes_starts_with(bytes_trim(content), BYTES_LIT("{")))
        read = parse_json(a, content, &set, err);
    else if (is_text(content))
        read = parse_yaml(content, &set, err);
    else
        read = parse_bare_bank(content, &set) || tools_pcrs(content, &set, err);
    if (!read)
        return false;
    for (size_t i = 0; i < set.n_banks; i++)
        if (set.banks[i].present) {
            *ret = set;
            return true;
        }
    return err_set(err, ERR_MALFORMED, "no register value is in it");
}

/* Exactly the values that the quote selects, one after the other, in its order. */
static bool bare_values(struct bytes content, struct bytes attest, struct pcr_set *ret)
{
    struct pcr_set set = { .n_banks = 0 };
    struct reader r = reader_over(content);
    struct err ignored = ERR_INIT;
    struct attest quote;

    if (!attest_decode(attest, &quote, &ignored) || quote.type != TPM_ST_ATTEST_QUOTE)
        return false;
    for (size_t i = 0; i < quote.selection.n_banks; i++) {
        enum digest_algorithm algorithm = quote.selection.banks[i].algorithm;
        struct pcr_bank *bank = quote.selection.banks[i].mask ? begin_bank(&set, algorithm, &ignored) : NULL;
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            struct bytes value;
            if (!(quote.selection.banks[i].mask >> pcr & 1))
                continue;
            if (!bank || algorithm == DIGEST_NONE || !read_bytes(&r, digest_len(algorithm), &value))
                return false;
            bank->value[pcr].algorithm = algorithm;
            memcpy(bank->value[pcr].value, value.data, value.len);
            bank->present |= 1u << pcr;
        }
    }
    if (!reader_done(&r) || !content.len)
        return false;
    *ret = set;
    return true;
}

bool pcrs_parse_quoted(struct arena *a, struct bytes content, struct bytes attest, struct pcr_set *ret, struct err *err)
{
    return bare_values(content, attest, ret) || pcrs_parse(a, content, ret, err);
}

void pcrs_write(struct json_out *out, const struct pcr_set *set)
{
    static const char *const numbers[LIMIT_PCRS] = { "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11",
                                                     "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23" };

    for (size_t b = 0; b < set->n_banks; b++) {
        const struct pcr_bank *bank = &set->banks[b];
        json_begin_object(out, digest_name(bank->algorithm));
        for (unsigned i = 0; i < LIMIT_PCRS; i++)
            if (bank->present >> i & 1)
                json_put_hex(out, numbers[i], digest_bytes(&bank->value[i]));
        json_end(out);
    }
}
