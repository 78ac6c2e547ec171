#include "eventlog/software/systemd_log.h"
#include "base/hex.h"
#include "base/writer.h"
#include "json/parse.h"

enum { RECORD_SEPARATOR = 0x1e };

static const struct {
    const char *type, *words;
} kinds[] = { { NULL, "measured by systemd" },
#define X(name, type, words) { type, words },
              SYSTEMD_EVENTS(X)
#undef X
};

const char *systemd_event_text(enum systemd_event event) { return kinds[event].words; }

bool event_is_systemd_record(const struct event *event)
{
    return event->type == EVENT_TYPE(EV_IPL) && event->data.len > 0 && event->data.data[0] == '{';
}

bool systemd_closes_register(const struct event *event, struct bytes proved)
{
    return event_is_systemd_record(event) && bytes_equal_string(proved, "os-separator");
}

static bool parse_digest(struct arena *a, const struct json *v, struct systemd_digest *ret, struct err *err)
{
    struct bytes name, hex, value;

    if (!json_need_string(v, "hashAlg", &name, err) || !json_need_string(v, "digest", &hex, err) || !hex_decode(a, hex, &value, err))
        return false;
    ret->algorithm = digest_from_name(name);
    if (ret->algorithm != DIGEST_NONE && value.len != digest_len(ret->algorithm))
        return err_set(err, ERR_MALFORMED, "a %s digest of %zu bytes", digest_name(ret->algorithm), value.len);
    ret->value = value;
    return true;
}

static bool parse_digests(struct arena *a, const struct json *v, struct systemd_record *record, struct err *err)
{
    const struct json *list;

    if (!json_need_array(v, "digests", &list, err))
        return false;
    if (list->array.n > LIMIT_LOG_BANKS)
        return err_set(err, ERR_LIMIT, "%zu digests in one record, at most %d are read", list->array.n, LIMIT_LOG_BANKS);
    for (size_t i = 0; i < list->array.n; i++) {
        struct systemd_digest digest;
        if (!parse_digest(a, list->array.items[i], &digest, err))
            return false;
        for (size_t j = 0; j < record->n_digests; j++)
            if (digest.algorithm == record->digests[j].algorithm)
                return err_set(err, ERR_MALFORMED, "two %s digests in one record", digest_name(digest.algorithm));
        if (digest.algorithm != DIGEST_NONE)
            record->digests[record->n_digests++] = digest;
    }
    return true;
}

static void parse_content(const struct json *v, struct systemd_record *record)
{
    const struct json *content = json_get(v, "content"), *string = json_get(content, "string");

    record->event_type = json_text(json_get(content, "eventType"), BYTES_NONE);
    record->boot_id = json_text(json_get(content, "bootId"), BYTES_NONE);
    record->has_string = string && string->type == JSON_STRING;
    record->string = json_text(string, BYTES_NONE);
    for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
        if (bytes_equal_string(record->event_type, kinds[i].type))
            record->event = (enum systemd_event)i;
}

static bool record_from(struct arena *a, const struct json *v, struct systemd_record *ret, struct err *err)
{
    struct systemd_record record = { .json = v->raw, .pcr = UINT32_MAX };
    const struct json *pcr = json_get(v, "pcr");
    int64_t number;

    if (v->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "a record has to be an object");
    if (!json_is_string(json_get(v, "content_type"), "systemd"))
        return err_set(err, ERR_MALFORMED, "content_type is not \"systemd\"");
    if (pcr && pcr->type != JSON_NULL) {
        if (!json_as_integer(pcr, &number) || number < 0 || number >= LIMIT_PCRS)
            return err_set(err, ERR_MALFORMED, "pcr is not a register number");
        record.pcr = (uint32_t)number;
    } else if (!json_get(v, "nv_index") && !json_get(v, "nvIndex")) {
        return err_set(err, ERR_MALFORMED, "neither pcr nor nv_index");
    }
    if (!parse_digests(a, v, &record, err))
        return false;
    parse_content(v, &record);
    *ret = record;
    return true;
}

bool systemd_record_parse(struct arena *a, struct bytes json, struct systemd_record *ret, struct err *err)
{
    const struct json_options options = { .refuse_duplicates = true };
    const struct json *v;

    return json_parse(a, json, &options, &v, err) && record_from(a, v, ret, err);
}

/* JSON text sequences (RFC 7464) begin each record with RS; systemd ends each with a newline. */
static size_t count_records(struct bytes text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == RECORD_SEPARATOR;
    return n;
}

bool systemd_log_parse(struct arena *a, struct bytes text, struct systemd_log *ret, struct err *err)
{
    struct systemd_log log = { 0 };
    size_t n = count_records(text), at = 0;

    if (n > LIMIT_SYSTEMD_RECORDS)
        return err_set(err, ERR_LIMIT, "%zu records, at most %d are read", n, LIMIT_SYSTEMD_RECORDS);
    if (text.len && text.data[0] != RECORD_SEPARATOR)
        return err_set(err, ERR_MALFORMED, "offset 0: a record begins with the RS character (0x1e)");
    log.records = ARENA_ARRAY(a, n, struct systemd_record);
    if (!log.records)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu records", n);
    while (at < text.len) {
        size_t start = at + 1, end = start;
        struct bytes record;
        while (end < text.len && text.data[end] != RECORD_SEPARATOR)
            end++;
        record = bytes_trim(bytes_slice(text, start, end - start));
        if (!systemd_record_parse(a, record, &log.records[log.n], err))
            return err_within(err, "record %zu at offset %zu", log.n, at);
        log.n++;
        at = end;
    }
    *ret = log;
    return true;
}

static void write_header(const enum digest_algorithm *banks, size_t n_banks, struct writer *w)
{
    static const uint8_t zeros[20];

    write_u32le(w, 0);
    write_u32le(w, EVENT_TYPE(EV_NO_ACTION));
    write_bytes(w, BYTES_OF(zeros));
    write_u32le(w, (uint32_t)(29 + 4 * n_banks));
    write_bytes(w, BYTES_LIT("Spec ID Event03\0"));
    write_u32le(w, 0); /* platform class: client */
    write_u8(w, 0);    /* minor, major, errata, size of UINTN */
    write_u8(w, 2);
    write_u8(w, 0);
    write_u8(w, 2);
    write_u32le(w, (uint32_t)n_banks);
    for (size_t i = 0; i < n_banks; i++) {
        write_u16le(w, digest_tpm_id(banks[i]));
        write_u16le(w, (uint16_t)digest_len(banks[i]));
    }
    write_u8(w, 0); /* no vendor information */
}

bool systemd_log_as_events(const struct systemd_log *log, struct writer *w, struct err *err)
{
    enum digest_algorithm banks[LIMIT_LOG_BANKS];
    size_t n_banks = 0;

    for (size_t i = 0; i < log->n; i++)
        for (size_t j = 0; j < log->records[i].n_digests; j++) {
            size_t k = 0;
            while (k < n_banks && banks[k] != log->records[i].digests[j].algorithm)
                k++;
            if (k == LIMIT_LOG_BANKS)
                return err_set(err, ERR_LIMIT, "more than %d digest algorithms in one log", LIMIT_LOG_BANKS);
            if (k == n_banks)
                banks[n_banks++] = log->records[i].digests[j].algorithm;
        }
    if (n_banks == 0)
        return err_set(err, ERR_MALFORMED, "no record has a digest that we know");
    write_header(banks, n_banks, w);
    for (size_t i = 0; i < log->n; i++) {
        const struct systemd_record *record = &log->records[i];
        if (record->pcr >= LIMIT_PCRS)
            continue;
        write_u32le(w, record->pcr);
        write_u32le(w, EVENT_TYPE(EV_IPL));
        write_u32le(w, (uint32_t)record->n_digests);
        for (size_t j = 0; j < record->n_digests; j++) {
            write_u16le(w, digest_tpm_id(record->digests[j].algorithm));
            write_bytes(w, record->digests[j].value);
        }
        write_u32le(w, (uint32_t)record->json.len);
        write_bytes(w, record->json);
    }
    return writer_ok(w) ? true : err_set(err, ERR_NO_MEMORY, "no memory for %zu records", log->n);
}
