#include "eventlog/log/log.h"
#include "base/reader.h"
#include "eventlog/log/spec_id.h"
#include "eventlog/uefi/variable.h"

enum {
    SHA1_LEN = 20,
    FILL_PROBE = 16, /* bytes: the shortest event record; a whole one of 00 or FF is no event */
};

static const char *const state_names[] = { "complete", "truncated", "malformed", "missing" };

const char *eventlog_state_name(enum eventlog_state state) { return state_names[state]; }

/* Firmware hands out a fixed area and fills it with 00 or FF behind the last event (attack L17). What begins with a whole record
 * of fill is not an event: register 0, type EV_PREBOOT_CERT, no digest, no data; or a register number and a type of all ones. */
static enum eventlog_trailing fill_at(struct bytes rest)
{
    struct bytes probe = bytes_slice(rest, 0, FILL_PROBE);

    if (bytes_are_all(probe, 0x00))
        return TRAILING_ZEROS;
    return bytes_are_all(probe, 0xff) ? TRAILING_ONES : TRAILING_NONE;
}

static const struct eventlog_bank *bank_of(const struct eventlog_part *part, uint16_t tpm_id)
{
    for (size_t i = 0; i < part->n_banks; i++)
        if (part->banks[i].tpm_id == tpm_id)
            return &part->banks[i];
    return NULL;
}

/* TPML_DIGEST_VALUES as the log has it (PFP 10.2.2): a count, then algorithm and value. Lengths come from the Spec ID event. */
static bool read_digests(struct reader *r, const struct eventlog_part *part, struct event *event, struct err *err)
{
    struct bytes whole = r->rest;
    uint32_t n;
    unsigned seen = 0;

    if (!read_u32le(r, &n))
        return err_set(err, ERR_TRUNCATED, "number of digests at offset %zu", r->offset);
    if (n > part->n_banks)
        return err_set(err, ERR_MALFORMED, "%u digests at offset %zu, the log declares %zu algorithms", n, r->offset - 4, part->n_banks);
    whole = r->rest;
    for (uint32_t i = 0; i < n; i++) {
        const struct eventlog_bank *bank;
        uint16_t tpm_id;
        if (!read_u16le(r, &tpm_id))
            return err_set(err, ERR_TRUNCATED, "digest algorithm at offset %zu", r->offset);
        bank = bank_of(part, tpm_id);
        if (!bank)
            return err_set(err, ERR_MALFORMED, "digest algorithm 0x%04x at offset %zu is not declared", tpm_id, r->offset - 2);
        if (seen & (1u << (bank - part->banks)))
            return err_set(err, ERR_MALFORMED, "second digest of algorithm 0x%04x at offset %zu", tpm_id, r->offset - 2);
        seen |= 1u << (bank - part->banks);
        if (!read_skip(r, bank->len))
            return err_set(err, ERR_TRUNCATED, "digest at offset %zu", r->offset);
    }
    event->n_digests = (uint16_t)n;
    event->digests = bytes_slice(whole, 0, whole.len - r->rest.len);
    return true;
}

/* TCG_PCClientPCREvent (SHA-1 format, and the first event of every log) or TCG_PCR_EVENT2. All integers little-endian. */
static bool read_event(struct reader *r, const struct eventlog_part *part, bool sha1_layout, struct event *event, struct err *err)
{
    size_t start = r->offset;

    event->offset = (uint32_t)start;
    if (!read_u32le(r, &event->pcr) || !read_u32le(r, &event->type))
        return err_set(err, ERR_TRUNCATED, "event header at offset %zu", start);
    if (event->pcr >= LIMIT_PCRS && event->type != EVENT_TYPE(EV_NO_ACTION))
        return err_set(err, ERR_MALFORMED, "register %u at offset %zu, there are %d", event->pcr, start, LIMIT_PCRS);
    if (sha1_layout) {
        event->n_digests = 1;
        if (!read_bytes(r, SHA1_LEN, &event->digests))
            return err_set(err, ERR_TRUNCATED, "digest at offset %zu", r->offset);
    } else if (!read_digests(r, part, event, err)) {
        return false;
    }
    if (!read_u32le_prefixed(r, &event->data))
        return err_set(err, ERR_TRUNCATED, "event data at offset %zu", r->offset);
    return true;
}

/* The banks from a Spec ID event; algorithms that we do not know are kept with their length, to be skipped. A known algorithm
 * with another length than its own would shift everything after it. */
static bool banks_from_spec_id(struct eventlog_part *part, struct bytes data, struct err *err)
{
    struct spec_id spec;

    if (!spec_id_parse(data, &spec, err))
        return false;
    part->n_banks = spec.n_algorithms;
    for (size_t i = 0; i < spec.n_algorithms; i++) {
        struct eventlog_bank *bank = &part->banks[i];
        *bank = (struct eventlog_bank){ digest_from_tpm_id(spec.algorithms[i].tpm_id), spec.algorithms[i].tpm_id, spec.algorithms[i].len };
        if (bank->algorithm != DIGEST_NONE && digest_len(bank->algorithm) != bank->len)
            return err_set(err, ERR_MALFORMED, "the log declares %u bytes for a %s digest", bank->len, digest_name(bank->algorithm));
    }
    return true;
}

static void banks_sha1(struct eventlog_part *part)
{
    part->n_banks = 1;
    part->banks[0] = (struct eventlog_bank){ DIGEST_SHA1, digest_tpm_id(DIGEST_SHA1), SHA1_LEN };
}

bool event_is_spec_id(const struct event *event) { return event->type == EVENT_TYPE(EV_NO_ACTION) && is_spec_id(event->data); }

/* A log of its own begins with an event in SHA-1 layout; if that is a Spec ID event of edition 3, the rest is crypto-agile. Anything
 * else after a crypto-agile log is its continuation. */
static bool open_part(struct eventlog_part *part, const struct eventlog_part *before, struct err *err)
{
    struct reader r = reader_over(part->input);
    struct event first;
    struct err ignored = ERR_INIT;
    bool readable = read_event(&r, part, true, &first, &ignored);

    if (readable && event_is_spec_id(&first) && bytes_starts_with(first.data, BYTES_LIT("Spec ID Event03"))) {
        part->format = EVENTLOG_CRYPTO_AGILE;
        return banks_from_spec_id(part, first.data, err);
    }
    if (before && before->format == EVENTLOG_CRYPTO_AGILE && !(readable && event_is_spec_id(&first))) {
        part->format = before->format;
        part->continued = true;
        part->n_banks = before->n_banks;
        memcpy(part->banks, before->banks, sizeof part->banks);
        return true;
    }
    part->format = EVENTLOG_SHA1;
    part->continued = before && !(readable && event_is_spec_id(&first));
    banks_sha1(part);
    return true;
}

/* The header of a further log of the same boot, as `cat` puts it behind this one: a Spec ID event in SHA-1 layout. Read as an event of
 * this log it would have no digests and no data, and everything behind it be read askew. */
static bool is_inner_header(struct bytes rest)
{
    enum { TYPE_AT = 4, DIGEST_AT = 8, DATA_AT = 32 };

    return bytes_starts_with(bytes_slice(rest, TYPE_AT, 4), BYTES_LIT("\3\0\0\0")) &&
           bytes_are_all(bytes_slice(rest, DIGEST_AT, SHA1_LEN), 0x00) &&
           bytes_starts_with(bytes_slice(rest, DATA_AT, rest.len), BYTES_LIT("Spec ID Event03"));
}

/* It becomes an event without digests. What follows it is read as what came before: it has to declare the same banks. */
static bool read_inner_header(struct reader *r, const struct eventlog_part *part, struct event *event, struct err *err)
{
    struct eventlog_part other = { .n_banks = 0 };
    bool same;

    if (!read_event(r, part, true, event, err) || !banks_from_spec_id(&other, event->data, err))
        return false;
    same = other.n_banks == part->n_banks;
    for (size_t i = 0; same && i < part->n_banks; i++)
        same = other.banks[i].tpm_id == part->banks[i].tpm_id && other.banks[i].len == part->banks[i].len;
    event->n_digests = 0;
    event->digests = BYTES_NONE;
    return same || err_set(err, ERR_MALFORMED, "another log begins at offset %u, with other banks", event->offset);
}

static bool read_next(struct reader *r, const struct eventlog_part *part, bool sha1_layout, struct event *event, struct err *err)
{
    if (!sha1_layout && is_inner_header(r->rest))
        return read_inner_header(r, part, event, err);
    return read_event(r, part, sha1_layout, event, err);
}

/* Walks the part; with `events` (room enough) fills them, without only counts. What stops it becomes the part's state. */
static bool walk_part(struct eventlog_part *part, uint16_t part_number, size_t room, struct event *events, struct err *err)
{
    struct reader r = reader_over(part->input);
    uint32_t n = 0;

    part->state = EVENTLOG_COMPLETE;
    while (!reader_done(&r)) {
        struct event event = { .number = part->first_event + n, .part = part_number };
        bool sha1_layout = part->format == EVENTLOG_SHA1 || (n == 0 && !part->continued);
        part->trailing = fill_at(r.rest);
        if (part->trailing != TRAILING_NONE)
            break;
        if (!read_next(&r, part, sha1_layout, &event, &part->err)) {
            part->state = part->err.code == ERR_TRUNCATED ? EVENTLOG_TRUNCATED : EVENTLOG_MALFORMED;
            err_within(&part->err, "event %u", event.number);
            break;
        }
        if (n == room)
            return err_set(err, ERR_LIMIT, "more than %d events", LIMIT_LOG_EVENTS);
        if (events)
            events[n] = event;
        n++;
    }
    part->n_events = n;
    if (part->trailing == TRAILING_NONE)
        return true;
    part->trailing_bytes = r.rest;
    if (bytes_are_all(r.rest, part->trailing == TRAILING_ZEROS ? 0x00 : 0xff))
        return true;
    part->trailing = TRAILING_NONE;
    part->trailing_bytes = BYTES_NONE;
    part->state = EVENTLOG_MALFORMED;
    err_set(&part->err, ERR_MALFORMED, "event %u: fill bytes at offset %zu, and more than fill behind them", part->first_event + n,
            r.offset);
    return true;
}

static bool part_is_empty(const struct eventlog *log, const struct eventlog_part *part)
{
    for (uint32_t i = 0; i < part->n_events; i++)
        if (!event_is_spec_id(&log->events[part->first_event + i]))
            return false;
    return true;
}

static void judge(struct eventlog *log)
{
    bool empty = true;

    log->state = EVENTLOG_COMPLETE;
    for (size_t i = 0; i < log->n_parts; i++) {
        if (log->parts[i].state > log->state)
            log->state = log->parts[i].state;
        empty = empty && part_is_empty(log, &log->parts[i]);
    }
    if (empty && log->state == EVENTLOG_COMPLETE)
        log->state = EVENTLOG_MISSING;
}

static size_t bytes_so_far(const struct eventlog *log)
{
    size_t n = 0;

    for (size_t i = 0; i < log->n_parts; i++)
        n += log->parts[i].input.len;
    return n;
}

static bool append(struct arena *a, struct eventlog *log, struct bytes input, struct err *err)
{
    struct eventlog_part *parts = arena_grow(a, log->parts, log->n_parts, log->n_parts + 1, sizeof *parts), *part;
    size_t room = LIMIT_LOG_EVENTS - log->n_events;
    struct event *events;

    if (!parts)
        return err_set(err, ERR_NO_MEMORY, "no memory for an event log");
    part = &parts[log->n_parts];
    *part = (struct eventlog_part){ .input = input, .first_event = (uint32_t)log->n_events };
    if (!open_part(part, log->n_parts ? part - 1 : NULL, &part->err)) {
        part->state = EVENTLOG_MALFORMED;
        err_within(&part->err, "event %zu", log->n_events);
    } else {
        if (!walk_part(part, (uint16_t)log->n_parts, room, NULL, err))
            return false;
        events = arena_grow(a, log->events, log->n_events, log->n_events + part->n_events, sizeof *events);
        if (!events)
            return err_set(err, ERR_NO_MEMORY, "no memory for %zu events", log->n_events + part->n_events);
        if (!walk_part(part, (uint16_t)log->n_parts, room, events + log->n_events, err))
            return false;
        log->events = events;
        log->n_events += part->n_events;
    }
    log->parts = parts;
    log->n_parts++;
    judge(log);
    return true;
}

/* A log begins with a register's number: a byte below 24 and three zeros. */
const char *eventlog_foreign(struct bytes input)
{
    enum { PROBE = 16 };
    static const char *const compressed[] = { "\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\xfd\x37zXZ", "BZh", "PK\x03\x04" };

    for (size_t i = 0; i < ARRAY_LEN(compressed); i++)
        if (bytes_starts_with(input, bytes_of_string(compressed[i])))
            return "a compressed file";
    if (input.len < 4) /* not even a register's number */
        return NULL;
    for (size_t i = 0; i < PROBE && i < input.len; i++)
        if ((input.data[i] < 0x20 && (input.data[i] < '\t' || input.data[i] > '\r')) || input.data[i] > 0x7e)
            return NULL;
    return "text";
}

bool eventlog_append(struct arena *a, struct eventlog *log, struct bytes input, struct err *err)
{
    if (log->n_parts == LIMIT_LOGS)
        return err_set(err, ERR_LIMIT, "more than %d logs", LIMIT_LOGS);
    if (input.len > LIMIT_LOG_BYTES - bytes_so_far(log))
        return err_set(err, ERR_LIMIT, "event logs of more than %d bytes", LIMIT_LOG_BYTES);
    return append(a, log, input, err);
}

bool eventlog_parse(struct arena *a, struct bytes input, struct eventlog *ret, struct err *err)
{
    struct eventlog log = { 0 };

    if (!eventlog_append(a, &log, input, err))
        return false;
    *ret = log;
    return true;
}

static bool is_sha1_layout(const struct eventlog_part *part, const struct event *event)
{
    return part->format == EVENTLOG_SHA1 || (event->number == part->first_event && !part->continued);
}

bool event_digest_at(const struct eventlog *log, const struct event *event, size_t i, uint16_t *ret_tpm_id, struct bytes *ret)
{
    const struct eventlog_part *part = &log->parts[event->part];
    struct reader r = reader_over(event->digests);

    if (i >= event->n_digests)
        return false;
    if (is_sha1_layout(part, event)) {
        *ret_tpm_id = digest_tpm_id(DIGEST_SHA1);
        *ret = event->digests;
        return true;
    }
    for (size_t j = 0;; j++) {
        const struct eventlog_bank *bank;
        struct bytes value;
        uint16_t tpm_id;
        if (!read_u16le(&r, &tpm_id))
            return false;
        bank = bank_of(part, tpm_id);
        if (!bank || !read_bytes(&r, bank->len, &value))
            return false;
        if (j < i)
            continue;
        *ret_tpm_id = tpm_id;
        *ret = value;
        return true;
    }
}

/* Asked several times for every event: the digests are walked where they lie. Their form was checked when the log was read. */
struct bytes event_digest(const struct eventlog *log, const struct event *event, enum digest_algorithm algorithm)
{
    const struct eventlog_part *part = &log->parts[event->part];
    uint16_t wanted = digest_tpm_id(algorithm);
    const uint8_t *at = event->digests.data;
    size_t left = event->digests.len;

    if (algorithm == DIGEST_NONE)
        return BYTES_NONE;
    if (is_sha1_layout(part, event))
        return algorithm == DIGEST_SHA1 && event->n_digests ? event->digests : BYTES_NONE;
    while (left >= 2) {
        uint16_t tpm_id = (uint16_t)(at[0] | at[1] << 8);
        const struct eventlog_bank *bank = bank_of(part, tpm_id);
        if (!bank || bank->len > left - 2)
            break;
        if (tpm_id == wanted)
            return (struct bytes){ at + 2, bank->len };
        at += 2 + bank->len;
        left -= 2 + bank->len;
    }
    return BYTES_NONE;
}

bool eventlog_has_bank(const struct eventlog *log, enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < log->n_parts; i++)
        for (size_t j = 0; j < log->parts[i].n_banks; j++)
            if (log->parts[i].banks[j].algorithm == algorithm)
                return true;
    return false;
}

bool eventlog_looks_confidential(const struct eventlog *log)
{
    bool seen = false;

    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        struct uefi_variable variable;
        struct err err = ERR_INIT;
        if (event->type == EVENT_TYPE(EV_NO_ACTION))
            continue;
        if (event->pcr == 0 || event->pcr > 4) /* measurement register 0 is the TD's own (MRTD), written by the CPU */
            return false;
        if (event->type == EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG) && event->pcr == 1 &&
            uefi_variable_parse(event->data, &variable, &err))
            seen = seen || uefi_variable_is(&variable, UEFI_EFI_GLOBAL, "SecureBoot");
    }
    return seen;
}
