#include "boot_sample.h"
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "json/parse.h"
#include "support/test.h"

static bool fail(const char *what, const struct err *err)
{
    test_note("%s: %s", what, err->text);
    return false;
}

static bool wanted(enum sample_banks banks, enum digest_algorithm bank)
{
    return banks == SAMPLE_ALL_BANKS || (banks == SAMPLE_SHA256 && bank == DIGEST_SHA256) ||
           (banks == SAMPLE_SHA384 && bank == DIGEST_SHA384);
}

static void read_bank(const struct json *values, struct pcr_bank *bank)
{
    for (size_t i = 0; i < values->object.n; i++) {
        unsigned pcr = (unsigned)strtoul((const char *)values->object.members[i].name.data, NULL, 10);
        if (pcr < LIMIT_PCRS &&
            hex_decode_into(values->object.members[i].value->string, bank->value[pcr].value, digest_len(bank->algorithm))) {
            bank->value[pcr].algorithm = bank->algorithm;
            bank->present |= 1u << pcr;
        }
    }
}

static bool read_registers(struct arena *a, const char *path, enum sample_banks banks, struct pcr_set *ret, struct err *err)
{
    struct bytes text;
    const struct json *v;

    *ret = (struct pcr_set){ 0 };
    if (!file_read_in(a, path, 1 << 20, &text, err) || !json_parse(a, text, NULL, &v, err))
        return false;
    for (size_t i = 0; i < v->object.n && ret->n_banks < LIMIT_PCR_BANKS; i++) {
        enum digest_algorithm bank = digest_from_name(v->object.members[i].name);
        if (bank == DIGEST_NONE || !wanted(banks, bank))
            continue;
        ret->banks[ret->n_banks] = (struct pcr_bank){ .algorithm = bank };
        read_bank(v->object.members[i].value, &ret->banks[ret->n_banks++]);
    }
    return true;
}

static bool finish(struct arena *a, const struct boot_reference *reference, struct boot_sample *s, struct err *err)
{
    s->findings.arena = a;
    if (!replay_verify(a, &s->log, &s->quoted, NULL, &s->findings, &s->replayed, err))
        return false;
    s->record.registers = s->quoted;
    s->record.has_log = s->has_log;
    if (!s->has_log)
        return true;
    if (!bootchain_read(a, s->replayed, reference, &s->findings, &s->chain, err))
        return false;
    s->record.components = s->chain.components;
    return true;
}

bool sample_read(struct arena *a, const char *folder, enum sample_banks banks, const struct boot_reference *reference,
                 struct boot_sample *ret)
{
    struct err err = ERR_INIT;
    struct bytes log = BYTES_NONE;
    const char *path = arena_printf(a, "%s/pcrs.json", folder);

    *ret = (struct boot_sample){ 0 };
    if (!path || !read_registers(a, path, banks, &ret->quoted, &err))
        return fail(path, &err);
    path = arena_printf(a, "%s/binary_bios_measurements", folder);
    if (path && !file_exists(path))
        path = arena_printf(a, "%s/eventlog.bin", folder);
    if (!ret->quoted.n_banks)
        return true;
    ret->has_log = path && file_read_in(a, path, LIMIT_LOG_BYTES, &log, &err);
    if (!eventlog_parse(a, log, &ret->log, &err) || !finish(a, reference, ret, &err))
        return fail(path, &err);
    return true;
}

/* Extended, and the log says nothing of it. */
static void extend_unlogged(struct pcr_set *quoted, const struct unlogged *extends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < quoted->n_banks; k++) {
            struct pcr_bank *bank = &quoted->banks[k];
            struct digest digest;

            if (!(bank->present & PCR_BIT(extends[i].pcr)))
                pcr_reset_value(bank->algorithm, extends[i].pcr, &bank->value[extends[i].pcr]);
            bank->present |= PCR_BIT(extends[i].pcr);
            digest_compute(bank->algorithm, extends[i].text, &digest);
            digest_extend(&bank->value[extends[i].pcr], digest_bytes(&digest));
        }
}

bool sample_from_log(struct arena *a, struct bytes log, const struct boot_reference *reference, struct boot_sample *ret)
{
    return sample_from_log_and(a, log, NULL, 0, reference, ret);
}

bool sample_from_log_and(struct arena *a, struct bytes log, const struct unlogged *extends, size_t n,
                         const struct boot_reference *reference, struct boot_sample *ret)
{
    struct err err = ERR_INIT;

    *ret = (struct boot_sample){ .has_log = true };
    if (!eventlog_parse(a, log, &ret->log, &err))
        return fail("log", &err);
    if (eventlog_looks_confidential(&ret->log))
        ret->log.registers = REGISTERS_CONFIDENTIAL;
    replay_compute(&ret->log, &ret->quoted);
    extend_unlogged(&ret->quoted, extends, n);
    if (!ret->quoted.n_banks || !finish(a, reference, ret, &err))
        return fail("log", &err);
    return true;
}
