/* appraise/evidence.h: what a guest says: claimed, not believed. Views into the JSON text it came in.
 *
 * Formats: ATT of attestation-service.md 6.4.1, with what is ours under one name:
 *   "trueboot":{"kernel":{…, eventlog/kernel/state.h},"ima":{"from":n,"more":bool}}
 * ima: the IMA log is a piece of the kernel's list, which begins after its first n entries; `more`: and goes on behind it.
 * and the evidence file of architecture.md 8:
 *   {"version":1,"vm":uuid,"time":RFC 3339,"nonce":b64u,"current_attestation":ATT,"boot_attestation":ATT?,"ek_cert":b64u?,
 *    "systemd_log":b64u?,
 *    "ima_state":b64u?: what the entries before a piece come to, as the service had it (eventlog/ima/replay.h)} */
#pragma once
#include "base/limits.h"
#include "crypto/pcr.h"
#include "eventlog/kernel/state.h"
#include "json/value.h"

enum evidence_log_kind { EVIDENCE_LOG_TCG, EVIDENCE_LOG_IMA };

struct evidence_log {
    enum evidence_log_kind kind;
    struct bytes content;
};

/* One ATT: what one quote was made over, and the logs that should explain it. */
struct evidence {
    struct evidence_log logs[LIMIT_LOGS]; /* in measurement order */
    size_t n_logs;
    bool ima_piece, ima_more;          /* the IMA log is a piece of the list */
    uint32_t ima_from;                 /* entries before it */
    const struct kernel_state *kernel; /* the guest's own words; NULL when it says nothing */
    struct bytes systemd_log;          /* JSON sequence, BYTES_NONE when there is none */
    struct bytes aik_cert;             /* DER, BYTES_NONE when only aik_pub came */
    const struct json *aik_pub;        /* JWK, NULL when only aik_cert came */
    struct pcr_set pcrs;               /* the register values that the guest shows */
    struct bytes quote;                /* TPMS_ATTEST */
    struct bytes signature;            /* TPMT_SIGNATURE */
    struct bytes raw;                  /* the ATT object's own characters */
    struct digest digest;              /* SHA-256 of raw */
};

/* evidence_read reads an ATT object. The error names the member. Everything lives in `a` or in the JSON's input. */
MUST_CHECK bool evidence_read(struct arena *a, const struct json *att, struct evidence *ret, struct err *err);

struct evidence_file {
    char vm[37]; /* canonical UUID, "" when the file names none */
    int64_t time_ms;
    struct bytes nonce; /* the quote's qualifying data */
    struct evidence current;
    bool has_boot;
    struct evidence boot;
    struct bytes ek_cert;   /* BYTES_NONE when absent */
    struct bytes ima_state; /* BYTES_NONE when absent */
};

MUST_CHECK bool evidence_file_read(struct arena *a, struct bytes text, struct evidence_file *ret, struct err *err);
