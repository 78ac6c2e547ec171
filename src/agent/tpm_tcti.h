/* agent/tpm_tcti.h: a TCTI between ESAPI and the real one: deadlines per command and a count of what is loaded. */
#pragma once
#include <tss2/tss2_tcti.h>
#include "agent/tpm_device.h"

struct tpm_tcti {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: ESAPI sees only this */
    TSS2_TCTI_CONTEXT *inner;
    uint32_t command;    /* TPM_CC under way */
    uint32_t flushed;    /* handle that a FlushContext under way names */
    int64_t deadline_ms; /* monotonic */
    struct tpm_usage usage;
};

/* `inner` must outlive it. */
void tpm_tcti_init(struct tpm_tcti *t, TSS2_TCTI_CONTEXT *inner);
