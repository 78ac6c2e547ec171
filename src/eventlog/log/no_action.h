/* eventlog/log/no_action.h: EV_NO_ACTION events: statements that extend nothing and hence prove nothing (PFP 1.06, 10.4.5). */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* clang-format off */
/*    name               signature, 16 bytes or its beginning     what it says */
#define NO_ACTION_KINDS(X)                                                                                                    \
    X(SPEC_ID,           "Spec ID Event",                         "which format the log has")                                 \
    X(STARTUP_LOCALITY,  "StartupLocality",                       "from which locality the TPM was started")                  \
    X(SP800_155,         "SP800-155 Event",                       "where the firmware's reference measurements are (NIST SP 800-155)") \
    X(BIOS_INTEGRITY,    "BIOS Integrity M",                      "where the firmware's reference manifest is")               \
    X(HCRTM,             "H-CRTM",                                "that the processor measured the first firmware")           \
    X(NV_INSTANCE,       "NvIndexInstance",                       "a measurement that went to a TPM NV index")                \
    X(NV_DYNAMIC,        "NvIndexDynamic",                        "a measurement that went to a TPM NV index")
/* clang-format on */

enum no_action_kind {
    NO_ACTION_OTHER,
#define X(name, signature, says) NO_ACTION_##name,
    NO_ACTION_KINDS(X)
#undef X
};

struct no_action {
    enum no_action_kind kind;
    uint8_t locality;  /* STARTUP_LOCALITY */
    struct bytes body; /* after the 16 bytes of signature */
    /* SP800_155 (Event, Event2 and Event3 share the beginning) */
    uint32_t vendor_id; /* IANA enterprise number */
    struct bytes manifest_guid;
};

/* Never fails for kinds that it does not know; ERR_MALFORMED for a known kind with a wrong length. */
MUST_CHECK bool no_action_parse(struct bytes data, struct no_action *ret, struct err *err);
const char *no_action_says(enum no_action_kind kind);
