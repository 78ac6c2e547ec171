/* extension/status.h: status/<seq>.status and the heartbeat file, as the VM agent reads them (guest-agent.md 6.9, 6.10).
 *
 * Below LIMIT_HANDLER_STATUS_BYTES whatever goes in: messages are cut, and control characters become spaces. */
#pragma once
#include "base/limits.h"
#include "base/writer.h"

enum status_word { STATUS_TRANSITIONING, STATUS_WARNING, STATUS_ERROR, STATUS_SUCCESS };

enum { STATUS_MESSAGE_MAX = 1000 /* bytes of a message that are shown */ };

/* clang-format off */
/* The first six are control-plane.md's, there with Trueboot/ in front. */
#define SUBSTATUS(X)                      \
    X(TPM_ACCESS,          "TpmAccess")         \
    X(EVENT_LOG,           "EventLog")          \
    X(PROVIDER_REACHABLE,  "ProviderReachable") \
    X(PROVIDER_AUTH,       "ProviderAuth")      \
    X(TOKEN_ISSUED,        "TokenIssued")       \
    X(REPORT_ACCEPTED,     "ReportAccepted")    \
    X(ATTESTATION_KEY,     "AttestationKey")    \
    X(EVENT_LOG_REPLAY,    "EventLogReplay")    \
    X(BOOT_INTEGRITY,      "BootIntegrity")     \
    X(CONFIGURATION,       "Configuration")
/* clang-format on */

enum substatus_name {
#define X(name, text) SUBSTATUS_##name,
    SUBSTATUS(X)
#undef X
        SUBSTATUS_N
};

struct substatus {
    bool shown;
    enum status_word status;
    int code;
    char message[STATUS_MESSAGE_MAX + 1];
};

struct handler_status {
    const char *operation; /* "Enable" */
    int64_t applied_ms;    /* 0: not yet */
    enum status_word status;
    int code;
    char message[STATUS_MESSAGE_MAX + 1];
    struct substatus sub[SUBSTATUS_N];
};

const char *status_word_text(enum status_word word); /* "transitioning", … */

/* Each sets one and cuts its message. */
void handler_status_set(struct handler_status *status, enum status_word word, int code, const char *fmt, ...) PRINTF_LIKE(4, 5);
void handler_status_sub(struct handler_status *status, enum substatus_name name, enum status_word word, int code, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

void handler_status_write(struct writer *w, const struct handler_status *status, int64_t now_ms);

/* `Ready` means that the daemon's loop is alive, not that it attests. */
void heartbeat_write(struct writer *w, bool ready, int code, const char *message);
