/* agent/tpm_esys.h: what the agent's own TPM files share. Not for others: it shows tpm2-tss. */
#pragma once
#include <tss2/tss2_esys.h>
#include "agent/tpm_tcti.h"

struct tpm_device {
    ESYS_CONTEXT *esys;
    TSS2_TCTI_CONTEXT *inner;
    struct tpm_tcti tcti;
    bool inner_is_loaded; /* by tctildr, else made by ourselves */
    bool exclusive;       /* no resource manager below us: leftovers are ours to flush */
    char name[200];
};

/* tpm_pause_before_retry sleeps and returns true when the command should be repeated. */
bool tpm_pause_before_retry(TSS2_RC rc, unsigned attempt);

/* TPM_CALL(Esys_X(…)) repeats busy answers and yields the last response code. */
#define TPM_CALL(call)                                   \
    __extension__({                                      \
        unsigned attempt_ = 0;                           \
        TSS2_RC rc_;                                     \
        do                                               \
            rc_ = (call);                                \
        while (tpm_pause_before_retry(rc_, attempt_++)); \
        rc_;                                             \
    })

/* tpm_refused records that `command` ended with `rc`, and returns false. */
bool tpm_refused(struct failure *why, const char *command, TSS2_RC rc);

/* The TPM's own code without the layer that reported it; 0 when a layer above the TPM made the error. */
uint32_t tpm_own_rc(TSS2_RC rc);

/* tpm_flush unloads a transient object or session and forgets it; ESYS_TR_NONE is fine. */
void tpm_flush(struct tpm_device *tpm, ESYS_TR *object);
/* tpm_forget drops our knowledge of a persistent object without touching it. */
void tpm_forget(struct tpm_device *tpm, ESYS_TR *object);

/* tpm_find loads what is known about a persistent object or NV index; *ret = ESYS_TR_NONE when there is nothing at `handle`. */
MUST_CHECK bool tpm_find(struct tpm_device *tpm, uint32_t handle, ESYS_TR *ret, struct failure *why);

/* A frame for freeing what ESAPI allocated. */
void tpm_free_at(void *pointer);
#define TPM_FREE CLEANUP(tpm_free_at)
