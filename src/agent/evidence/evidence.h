/* agent/evidence/evidence.h: logs from where the kernel and systemd keep them, and evidence in its JSON forms.
 *
 * guest-agent.md 3.7, 4; attestation-service.md 6.4.1 (ATT); architecture.md 8 (evidence file). */
#pragma once
#include "agent/tpm/quote.h"
#include "eventlog/kernel/state.h"
#include "json/write.h"

struct evidence_sources {     /* NULL: the usual path; "": do not look */
    const char *firmware_log; /* agent/machine/log_place.h */
    const char *systemd_log;  /* /run/log/systemd/tpm2-measure.log */
    const char *ima_log;      /* /sys/kernel/security/ima/binary_runtime_measurements */
    bool with_ima;            /* off by default */
    const char *kernel_state; /* what collect-logs wrote into run_dir; NULL: nothing is said */
    const char *run_dir;
    const char *collected_in; /* the run folder whose copy of the IMA list is to be made anew first; NULL: no copy is read */
};

/* Logs that are not there are sent as missing: the verifier judges. */
enum log_state { LOG_STATE_PRESENT, LOG_STATE_MISSING, LOG_STATE_EMPTY, LOG_STATE_TOO_LARGE, LOG_STATE_UNREADABLE };
const char *log_state_name(enum log_state state); /* "present", "missing", … */

struct evidence_logs {
    enum log_state firmware_state;
    bool firmware_may_be_cut;    /* ends within one event of 64 or 128 KiB (4.1); a hint only */
    struct bytes firmware;       /* as read; empty unless present */
    struct bytes systemd_text;   /* the JSON sequence; empty: none */
    struct bytes systemd_events; /* the same as a crypto-agile log of its own (3.7); empty: none */
    struct bytes ima;
    bool ima_piece, ima_more;          /* it is a piece of the list, and the list goes on */
    uint32_t ima_from;                 /* entries before it */
    const struct kernel_state *kernel; /* what the kernel says of its modules; NULL: nothing */
    char note[160];                    /* a sentence about what is missing; "" when nothing is */
};

/* collect_logs never fails for a log that is absent or broken; only without memory. */
MUST_CHECK bool evidence_collect_logs(const struct evidence_sources *sources, struct arena *a, struct evidence_logs *ret,
                                      struct failure *why);

/* Parts of messages; each writes one member of the object that is open. */
void evidence_put_logs(struct json_out *out, const char *name, const struct evidence_logs *logs, bool with_systemd);
void evidence_put_pcrs(struct json_out *out, const char *name, const struct pcr_set *pcrs);
void evidence_put_attestation(struct json_out *out, const char *name, const struct ak *ak, struct bytes ak_cert /* empty: left out */,
                              const struct quoted *quoted, const struct evidence_logs *logs, bool with_systemd);

struct evidence_file_content {
    const char *vm_id; /* NULL or "": left out */
    int64_t time_ms;
    struct bytes nonce; /* the quote's qualifying data */
    const struct ak *ak;
    struct bytes ak_cert, ek_cert; /* empty: left out */
    const struct quoted *quoted;
    const struct evidence_logs *logs; /* systemd's goes into systemd_log, not among the logs */
};
MUST_CHECK bool evidence_file_text(const struct evidence_file_content *content, struct writer *w, struct failure *why);
