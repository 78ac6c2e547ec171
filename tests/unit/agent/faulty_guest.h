/* faulty_guest.h: a whole guest for one test: TPM emulator, server, state folder, configuration; and a session whose TPM misbehaves as a plan says. */
#pragma once
#include "agent/session/session.h"
#include "unit/agent/faulty.h"
#include "unit/agent/stub.h"
#include "unit/agent/vtpm.h"
#include "unit/agent/with_guest.h"

struct guest {
    struct vtpm vtpm;
    struct stub stub;
    struct arena arena;
    struct agent_config config;
    char state_dir[80], run_dir[80], log_path[80];
    struct faulty plan;    /* faults for every device that is opened; only n_faults and faults count */
    struct faulty device;  /* the one that is open now or was last */
    struct tpm_usage most; /* what was loaded at most, as the transport saw it */
    bool exclusive;        /* as if there were no resource manager */
    unsigned opened;
};

MUST_CHECK bool guest_start(struct guest *g, struct err *err);
void guest_stop(struct guest *g);
/* A session over g->plan. */
void guest_session(struct guest *g, struct session *ret);
/* A guest, and such a session. Declares a, result and why, for attesting. */
#define WITH_ATTESTING_SESSION(g, s)                \
    struct session s CLEANUP(session_done) = { 0 }; \
    struct arena a CLEANUP(arena_done) = { 0 };     \
    struct attest_result result;                    \
    struct failure why = FAILURE_INIT;              \
    WITH_GUEST(g);                                  \
    guest_session(&g, &s)
/* The firmware log that the agent will read; NULL: there is none. */
bool guest_log(struct guest *g, const struct bytes *log);
/* One PCR extended by the emulator's own tools; no device may be open. */
bool guest_extend(struct guest *g, unsigned pcr, unsigned value);
