#include "eventlog/log/trim.h"
#include "base/reader.h"
#include "eventlog/log/spec_id.h"

enum { SHA1_LEN = 20, SHA256_LEN = 32 };

/* TCG_EfiSpecIdEvent (PFP 1.06, 10.4.5.1): all before the number of algorithms stays, and the vendor's information behind them. */
static bool write_header(const struct event *event, struct writer *w, struct err *err)
{
    enum { FIXED_LEN = 24 };
    struct writer spec CLEANUP(writer_done) = { 0 };
    struct reader r = reader_over(event->data);
    struct bytes fixed, vendor;
    uint32_t n;
    uint8_t vendor_len;

    if (!read_bytes(&r, FIXED_LEN, &fixed) || !read_u32le(&r, &n) || n > LIMIT_LOG_BANKS || !read_skip(&r, n * 4) ||
        !read_u8(&r, &vendor_len) || !read_bytes(&r, vendor_len, &vendor))
        return err_set(err, ERR_TRUNCATED, "Spec ID event at offset %zu", r.offset);
    write_bytes(&spec, fixed);
    write_u32le(&spec, 1);
    write_u16le(&spec, digest_tpm_id(DIGEST_SHA256));
    write_u16le(&spec, SHA256_LEN);
    write_u8(&spec, vendor_len);
    write_bytes(&spec, vendor);
    write_u32le(w, event->pcr);
    write_u32le(w, event->type);
    write_bytes(w, bytes_slice(event->digests, 0, SHA1_LEN));
    write_u32le(w, (uint32_t)spec.len);
    write_bytes(w, writer_bytes(&spec));
    w->bad = w->bad || !writer_ok(&spec);
    return true;
}

static void write_event(const struct eventlog *log, const struct event *event, struct writer *w)
{
    struct bytes digest = event_digest(log, event, DIGEST_SHA256);

    write_u32le(w, event->pcr);
    write_u32le(w, event->type);
    write_u32le(w, digest.len ? 1 : 0);
    if (digest.len) {
        write_u16le(w, digest_tpm_id(DIGEST_SHA256));
        write_bytes(w, digest);
    }
    write_u32le(w, (uint32_t)event->data.len);
    write_bytes(w, event->data);
}

static bool declares_sha256(const struct eventlog_part *part)
{
    for (size_t i = 0; i < part->n_banks; i++)
        if (part->banks[i].algorithm == DIGEST_SHA256)
            return true;
    return false;
}

bool eventlog_trim(const struct eventlog *log, uint32_t mask, struct writer *w, struct err *err)
{
    if (log->n_parts != 1 || log->parts[0].format != EVENTLOG_CRYPTO_AGILE || !declares_sha256(&log->parts[0]) || !log->n_events)
        return err_set(err, ERR_UNSUPPORTED, "only a crypto-agile log with SHA-256 digests can be trimmed");
    if (!write_header(&log->events[0], w, err))
        return false;
    for (size_t i = 1; i < log->n_events; i++) {
        const struct event *event = &log->events[i];

        if (event->pcr < LIMIT_PCRS && (mask & (1u << event->pcr)))
            write_event(log, event, w);
    }
    return writer_ok(w) ? true : err_set(err, ERR_LIMIT, "the trimmed log is still too large");
}
