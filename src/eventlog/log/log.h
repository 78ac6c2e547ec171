/* eventlog/log/log.h: a TCG event log, read: events as claimed by whoever sent it. Nothing here is believed: see eventlog/replay/.
 *
 * Formats: TCG 1.2 (SHA-1 only), TCG 2.0 crypto-agile (PC Client PFP 1.06, section 10), and the same format for confidential
 * computing (CCEL: measurement registers 0–4 instead of PCRs; UEFI 2.10 section 38). Several logs of one boot are joined by
 * appending: a continuation with or without its own header (in a file of its own, or with one header more behind the first in the same), or the records of systemd's measurement log that the agent turned into
 * EV_IPL events (guest-agent.md 3.7).
 *
 * Everything is a view into the input, which must outlive the log. One array of events, linear time, no allocation per event. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "eventlog/log/event_type.h"

enum eventlog_format { EVENTLOG_SHA1, EVENTLOG_CRYPTO_AGILE };

/* What the register numbers mean. It is not written in the log: the sender says so, or eventlog_looks_confidential() guesses. */
enum eventlog_registers { REGISTERS_PCR, REGISTERS_CONFIDENTIAL };

/* In rising order of badness; a joined log has the worst state of its parts. */
enum eventlog_state {
    EVENTLOG_COMPLETE,
    EVENTLOG_TRUNCATED, /* the input ends inside an event */
    EVENTLOG_MALFORMED, /* an event breaks the format; what follows is not read */
    EVENTLOG_MISSING,   /* no log, or one without a single event besides its header */
};

/* Bytes after the last event. They are ignored, and reported. */
enum eventlog_trailing { TRAILING_NONE, TRAILING_ZEROS, TRAILING_ONES };

struct eventlog_bank {
    enum digest_algorithm algorithm; /* DIGEST_NONE: unknown to us, skipped by its declared length */
    uint16_t tpm_id;
    uint16_t len;
};

/* One of the logs that were joined. */
struct eventlog_part {
    enum eventlog_format format;
    enum eventlog_state state;
    bool continued; /* it has no header of its own; the banks are those of the log before it */
    size_t n_banks;
    struct eventlog_bank banks[LIMIT_LOG_BANKS]; /* as the Spec ID event declares; {sha1} for EVENTLOG_SHA1 */
    uint32_t first_event, n_events;
    struct bytes input;
    enum eventlog_trailing trailing;
    struct bytes trailing_bytes;
    struct err err; /* why the state is not COMPLETE: offset, event number, what was expected */
};

enum { EVENT_PCR_NONE = 0xffffffff /* Windows' records after the end: EV_NO_ACTION, extends nothing */ };

struct event {
    uint32_t number; /* its place in the joined log, from 0, header events included */
    uint32_t pcr;    /* 0–23, or anything for EV_NO_ACTION */
    uint32_t type;
    uint32_t offset; /* of its first byte in its own log */
    uint16_t part;   /* which log */
    uint16_t n_digests;
    struct bytes digests; /* as written: SHA-1 format 20 bytes; else {u16le algorithm, value}…; use event_digest() */
    struct bytes data;
};

struct eventlog {
    enum eventlog_state state;
    enum eventlog_registers registers;
    size_t n_parts;
    struct eventlog_part *parts;
    size_t n_events;
    struct event *events;
};

/* eventlog_parse reads one log. It succeeds for anything that can be held in memory: what is wrong with the log is its state, the
 * part's err, and the events up to that place. It fails with ERR_LIMIT (LIMIT_LOG_BYTES, LIMIT_LOG_EVENTS) and ERR_NO_MEMORY only.
 * Empty input is a missing log. */
MUST_CHECK bool eventlog_parse(struct arena *a, struct bytes input, struct eventlog *ret, struct err *err);

/* eventlog_append joins a further log of the same boot. The limits hold for the sum. On failure `log` is unchanged. */
MUST_CHECK bool eventlog_append(struct arena *a, struct eventlog *log, struct bytes input, struct err *err);

/* What a file that is no event log at all looks like, in words ("a compressed file"); NULL when it may be one. For people who name files. */
const char *eventlog_foreign(struct bytes input);

/* The event's digest in one bank; empty when it has none. */
struct bytes event_digest(const struct eventlog *log, const struct event *event, enum digest_algorithm algorithm);

/* The i-th digest as written, for showing; false when there are fewer. tpm_id names algorithms that we do not know, too. */
MUST_CHECK bool event_digest_at(const struct eventlog *log, const struct event *event, size_t i, uint16_t *ret_tpm_id, struct bytes *ret);

/* Whether some part of the log declares the bank. */
bool eventlog_has_bank(const struct eventlog *log, enum digest_algorithm algorithm);

/* Whether it extended one of a PC's registers: everything but EV_NO_ACTION and records of registers that there are not. */
static inline bool event_extends(const struct event *event) { return event->type != EVENT_TYPE(EV_NO_ACTION) && event->pcr < LIMIT_PCRS; }
/* The Spec ID event that opens a crypto-agile log. */
bool event_is_spec_id(const struct event *event);

/* A guess from where the Secure Boot variables stand: register 1 instead of 7. A label; `registers` is REGISTERS_PCR until a caller
 * sets it. */
bool eventlog_looks_confidential(const struct eventlog *log);

const char *eventlog_state_name(enum eventlog_state state); /* "complete", "truncated", "malformed", "missing" */
