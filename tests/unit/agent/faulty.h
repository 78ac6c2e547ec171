/* faulty.h: a transport between the agent and a TPM (or none), which misbehaves as a plan says. */
#pragma once
#include "agent/tpm/device.h"

enum fault_kind {
    FAULT_RC,      /* the TPM answers with `rc`, the command is not carried out */
    FAULT_IO,      /* the exchange fails and the command is not carried out */
    FAULT_LOST,    /* carried out, but the answer is lost */
    FAULT_TIMEOUT, /* no answer until the deadline (not waited for) */
    FAULT_GONE,    /* the device went away */
    FAULT_CUT,     /* the answer lacks its second half */
    FAULT_GARBLED, /* one octet of the answer, the n-th by `rc`, is another */
    FAULT_EXTEND,  /* register `pcr` is extended first, then all goes on */
    FAULT_HOOK,    /* hook() is called first, then all goes on */
    FAULT_SHAPE,   /* carried out, and the answer becomes what shape() makes of it */
};

struct fault {
    enum fault_kind kind;
    uint32_t command; /* TPM_CC_…; 0: any */
    unsigned skip;    /* so many matching commands pass first */
    unsigned times;   /* 0: for ever */
    uint32_t rc;
    unsigned pcr;
    /* On the answer, its length and the room for it; NULL: none. May say what the exchange ends with. */
    void (*shape)(uint8_t *response, size_t size, size_t *len);
    unsigned matched; /* counted here */
};

enum { FAULTS_MAX = 8 };

struct faulty {
    struct tpm_transport transport; /* first */
    struct tpm_transport *inner;    /* NULL: every command that has no fault is answered with success and nothing in it */
    struct fault faults[FAULTS_MAX];
    size_t n_faults;
    unsigned seen;            /* commands that came */
    uint32_t codes[64];       /* the first of them */
    int64_t last_deadline_ms; /* how far off, of the last one */
    void (*hook)(void *context);
    void *context;
    bool closed;
    struct tpm_usage *most; /* NULL: not wanted. Objects and sessions, counted here by what really passed */
    unsigned objects, sessions;
};

/* On the caller's storage; closing closes `inner` too. */
void faulty_init(struct faulty *f, struct tpm_transport *inner);
void faulty_add(struct faulty *f, struct fault fault);
