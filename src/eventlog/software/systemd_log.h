/* eventlog/software/systemd_log.h: systemd's user-space measurement log, /run/log/systemd/tpm2-measure.log: a JSON sequence (RFC 7464: each
 * record after an RS character) of {"pcr":…,"digests":[{"hashAlg":…,"digest":…}],"content_type":"systemd","content":{…}}.
 *
 * Explained by software: weaker than proved by firmware (architecture.md 4.8). */
#pragma once
#include "eventlog/log/log.h"

/* clang-format off */
/*    name           eventType        in plain words */
#define SYSTEMD_EVENTS(X)                                                  \
    X(PHASE,         "phase",          "boot phase reached")                \
    X(FILESYSTEM,    "filesystem",     "file system mounted")               \
    X(VOLUME_KEY,    "volume-key",     "disk volume unlocked")              \
    X(MACHINE_ID,    "machine-id",     "machine id")                        \
    X(PRODUCT_ID,    "product-id",     "product id")                        \
    X(KEYSLOT,       "keyslot",        "disk key slot used")                \
    X(NVPCR_INIT,    "nvpcr-init",     "additional register initialised")   \
    X(NVPCR_SEP,     "nvpcr-separator","additional register closed")        \
    X(DM_VERITY,     "dm-verity",      "verified volume attached")
/* clang-format on */

enum systemd_event {
    SYSTEMD_EVENT_OTHER,
#define X(name, type, words) SYSTEMD_EVENT_##name,
    SYSTEMD_EVENTS(X)
#undef X
};

struct systemd_digest {
    enum digest_algorithm algorithm;
    struct bytes value;
};

struct systemd_record {
    uint32_t pcr; /* LIMIT_PCRS and above: measured to an NV index, extends no register */
    size_t n_digests;
    struct systemd_digest digests[LIMIT_LOG_BANKS];
    enum systemd_event event;
    struct bytes event_type; /* as written */
    struct bytes string;     /* content.string; UTF-8; empty when absent */
    bool has_string;
    struct bytes boot_id;
    struct bytes json; /* the record's text, without RS and line end */
};

/* One record's JSON, as the agent puts it into an EV_IPL event. */
MUST_CHECK bool systemd_record_parse(struct arena *a, struct bytes json, struct systemd_record *ret, struct err *err);

struct systemd_log {
    size_t n;
    struct systemd_record *records;
};

/* The whole file. ERR_MALFORMED names the record and its offset; ERR_LIMIT past LIMIT_SYSTEMD_RECORDS. */
MUST_CHECK bool systemd_log_parse(struct arena *a, struct bytes text, struct systemd_log *ret, struct err *err);

/* systemd_log_as_events writes the records as a crypto-agile log with a header (EV_IPL, all digests, the JSON as data), what the agent
 * sends (guest-agent.md 3.7) and what `--systemd-log` of the tools joins with eventlog_append(). Records for NV indices are left out. */
struct writer;
MUST_CHECK bool systemd_log_as_events(const struct systemd_log *log, struct writer *w, struct err *err);

/* Whether an event looks like such a record: EV_IPL, data begins with '{'. */
bool event_is_systemd_record(const struct event *event);

/* systemd-pcrosseparator.service (systemd 261) closes the registers of firmware and loader, 0–7, 9 and 12–14, with the word "os-separator".
 * `proved` is what such a record's digest proves. The word is the same on every machine: it says nothing but that later extends are not
 * those of the boot. */
bool systemd_closes_register(const struct event *event, struct bytes proved);
const char *systemd_event_text(enum systemd_event event);
