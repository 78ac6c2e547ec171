#include "appraise/evidence.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "json/parse.h"

/* A member that may be missing or null: BYTES_NONE. */
static bool optional_base64(struct arena *a, const struct json *v, const char *name, size_t most, struct bytes *ret, struct err *err)
{
    const struct json *member = json_get(v, name);

    *ret = BYTES_NONE;
    return !member || member->type == JSON_NULL || json_need_base64(a, v, name, most, ret, err);
}

static bool read_log(struct arena *a, const struct json *entry, struct evidence_log *ret, struct err *err)
{
    struct bytes type;

    if (!json_need_string(entry, "type", &type, err))
        return false;
    if (bytes_equal_string(type, "TCG"))
        ret->kind = EVIDENCE_LOG_TCG;
    else if (bytes_equal_string(type, "IMA"))
        ret->kind = EVIDENCE_LOG_IMA;
    else
        return err_set(err, ERR_UNSUPPORTED, "type is neither TCG nor IMA");
    return json_need_base64(a, entry, "log", ret->kind == EVIDENCE_LOG_TCG ? LIMIT_LOG_BYTES : LIMIT_IMA_BYTES, &ret->content, err);
}

static bool read_logs(struct arena *a, const struct json *att, struct evidence *ret, struct err *err)
{
    const struct json *logs = json_get(att, "logs");

    if (!logs || logs->type == JSON_NULL)
        return true; /* a missing log is a state of its own, judged later */
    if (logs->type != JSON_ARRAY)
        return err_set(err, ERR_MALFORMED, "logs is not an array");
    if (logs->array.n > LIMIT_LOGS)
        return err_set(err, ERR_LIMIT, "logs has %zu entries, more than %d", logs->array.n, LIMIT_LOGS);
    for (size_t i = 0; i < logs->array.n; i++)
        if (!read_log(a, logs->array.items[i], &ret->logs[i], err))
            return err_within(err, "logs[%zu]", i);
    ret->n_logs = logs->array.n;
    return true;
}

static bool read_value(struct arena *a, const struct json *entry, struct pcr_bank *bank, struct err *err)
{
    struct bytes digest;
    int64_t index;

    if (!json_need_integer(entry, "index", &index, err))
        return false;
    if (index < 0 || index >= LIMIT_PCRS)
        return err_set(err, ERR_MALFORMED, "index %lld is not 0 to %d", (long long)index, LIMIT_PCRS - 1);
    if (bank->present & (1u << index))
        return err_set(err, ERR_MALFORMED, "register %lld is listed twice", (long long)index);
    if (!json_need_base64(a, entry, "digest", DIGEST_MAX_LEN, &digest, err))
        return false;
    if (digest.len != digest_len(bank->algorithm))
        return err_set(err, ERR_MALFORMED, "digest has %zu bytes, %s has %zu", digest.len, digest_name(bank->algorithm),
                       digest_len(bank->algorithm));
    bank->value[index].algorithm = bank->algorithm;
    memcpy(bank->value[index].value, digest.data, digest.len);
    bank->present |= 1u << index;
    return true;
}

static bool read_bank(struct arena *a, const struct json *entry, const struct pcr_set *before, struct pcr_bank *bank, struct err *err)
{
    const struct json *values;
    int64_t algorithm;

    if (!json_need_integer(entry, "algorithm", &algorithm, err) || !json_need_array(entry, "values", &values, err))
        return false;
    bank->algorithm = algorithm >= 0 && algorithm <= UINT16_MAX ? digest_from_tpm_id((uint16_t)algorithm) : DIGEST_NONE;
    if (bank->algorithm == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "algorithm %lld is no hash that we know", (long long)algorithm);
    if (pcr_bank_find(before, bank->algorithm))
        return err_set(err, ERR_MALFORMED, "bank %s is listed twice", digest_name(bank->algorithm));
    for (size_t i = 0; i < values->array.n; i++)
        if (!read_value(a, values->array.items[i], bank, err))
            return err_within(err, "values[%zu]", i);
    return true;
}

static bool read_pcrs(struct arena *a, const struct json *att, struct pcr_set *ret, struct err *err)
{
    const struct json *pcrs;

    if (!json_need_array(att, "pcrs", &pcrs, err))
        return false;
    if (pcrs->array.n > LIMIT_PCR_BANKS)
        return err_set(err, ERR_LIMIT, "pcrs has %zu banks, more than %d", pcrs->array.n, LIMIT_PCR_BANKS);
    for (size_t i = 0; i < pcrs->array.n; i++) {
        if (!read_bank(a, pcrs->array.items[i], ret, &ret->banks[i], err))
            return err_within(err, "pcrs[%zu]", i);
        ret->n_banks = i + 1;
    }
    return true;
}

static bool read_piece(const struct json *piece, struct evidence *ret, struct err *err)
{
    int64_t from;

    if (!piece || piece->type == JSON_NULL)
        return true;
    if (!json_need_integer(piece, "from", &from, err))
        return false;
    if (from < 0 || from > LIMIT_IMA_ENTRIES)
        return err_set(err, ERR_LIMIT, "from is not 0 to %d", LIMIT_IMA_ENTRIES);
    if (!json_as_boolean(json_get(piece, "more"), &ret->ima_more))
        return err_set(err, ERR_MALFORMED, "more is not true or false");
    ret->ima_piece = true;
    ret->ima_from = (uint32_t)from;
    return true;
}

/* What is ours. Words of a later schema are none that we understand: as if nothing were said. */
static bool read_ours(struct arena *a, const struct json *att, struct evidence *ret, struct err *err)
{
    const struct json *ours = json_get(att, "trueboot"), *kernel = json_get(ours, "kernel");
    struct kernel_state *state;

    if (ours && ours->type != JSON_OBJECT && ours->type != JSON_NULL)
        return err_set(err, ERR_MALFORMED, "trueboot is not an object");
    if (!read_piece(json_get(ours, "ima"), ret, err))
        return err_within(err, "trueboot.ima");
    if (!kernel || kernel->type == JSON_NULL)
        return true;
    state = ARENA_NEW(a, struct kernel_state);
    if (!state)
        return err_set(err, ERR_NO_MEMORY, "no memory for what the kernel says");
    if (!kernel_state_read(kernel, state, err))
        return err->code == ERR_UNSUPPORTED || err_within(err, "trueboot.kernel");
    ret->kernel = state;
    return true;
}

bool evidence_read(struct arena *a, const struct json *att, struct evidence *ret, struct err *err)
{
    struct evidence e = { .n_logs = 0 };

    if (!att || att->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "is not an object");
    if (!read_logs(a, att, &e, err) || !read_pcrs(a, att, &e.pcrs, err) ||
        !json_need_base64(a, att, "quote", LIMIT_SMALL_BODY_BYTES, &e.quote, err) ||
        !json_need_base64(a, att, "signature", LIMIT_SMALL_BODY_BYTES, &e.signature, err) ||
        !optional_base64(a, att, "aik_cert", LIMIT_CERT_BYTES, &e.aik_cert, err) || !read_ours(a, att, &e, err))
        return false;
    e.aik_pub = json_get(att, "aik_pub");
    if (e.aik_pub && e.aik_pub->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "aik_pub is not an object");
    if (!e.aik_pub && e.aik_cert.len == 0)
        return err_set(err, ERR_MALFORMED, "neither aik_cert nor aik_pub is there");
    e.raw = att->raw;
    digest_compute(DIGEST_SHA256, e.raw, &e.digest);
    *ret = e;
    return true;
}

/* A label that may be absent, null or empty. */
static bool read_label(const struct json *file, const char *name, struct bytes *ret, struct err *err)
{
    const struct json *member = json_get(file, name);

    *ret = json_text(member, BYTES_NONE);
    return !member || member->type == JSON_NULL || member->type == JSON_STRING || err_set(err, ERR_MALFORMED, "%s is not a string", name);
}

static bool read_file_members(struct arena *a, const struct json *file, struct evidence_file *f, struct err *err)
{
    const struct json *current, *boot = json_get(file, "boot_attestation");
    struct bytes vm, time;
    int64_t version;

    if (!json_need_integer(file, "version", &version, err) || !read_label(file, "vm", &vm, err) || !read_label(file, "time", &time, err))
        return false;
    if (version != 1)
        return err_set(err, ERR_UNSUPPORTED, "version %lld is not 1", (long long)version);
    if (vm.len && !uuid_canonical(vm, f->vm))
        return err_set(err, ERR_MALFORMED, "vm is not a UUID");
    if (time.len && !clock_parse(time, &f->time_ms))
        return err_set(err, ERR_MALFORMED, "time is not an RFC 3339 time");
    if (!json_need_object(file, "current_attestation", &current, err))
        return false;
    if (!evidence_read(a, current, &f->current, err))
        return err_within(err, "current_attestation");
    if (boot && boot->type != JSON_NULL) {
        if (!evidence_read(a, boot, &f->boot, err))
            return err_within(err, "boot_attestation");
        f->has_boot = true;
    }
    return optional_base64(a, file, "nonce", LIMIT_NONCE_BYTES, &f->nonce, err) &&
           optional_base64(a, file, "ek_cert", LIMIT_CERT_BYTES, &f->ek_cert, err) &&
           optional_base64(a, file, "ima_state", LIMIT_SMALL_BODY_BYTES, &f->ima_state, err) &&
           optional_base64(a, file, "systemd_log", LIMIT_LOG_BYTES, &f->current.systemd_log, err);
}

bool evidence_file_read(struct arena *a, struct bytes text, struct evidence_file *ret, struct err *err)
{
    struct json_options options = { .refuse_duplicates = true };
    struct evidence_file f = { .vm = "" };
    const struct json *file;

    if (!json_parse(a, text, &options, &file, err))
        return err_within(err, "evidence file");
    if (file->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "evidence file: not an object");
    if (!read_file_members(a, file, &f, err))
        return err_within(err, "evidence file");
    *ret = f;
    return true;
}
