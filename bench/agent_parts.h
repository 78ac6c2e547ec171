/* bench/agent_parts.h: a machine for the agent's part of the benchmark, and where an attestation's CPU goes: the agent's own code in this process,
 * on this thread's clock, so that its steps and the TPM's transport can be told apart. */
#pragma once
#include "agent/session/session.h"
#include "bench.h"
#include "unit/agent/stub.h"
#include "unit/agent/vtpm.h"

struct bench_guest {
    struct vtpm vtpm;
    struct stub stub;
    char ca_path[80], state_dir[80], run_dir[80], large_log[80], log_path[400];
};

enum agent_step { STEP_OPEN, STEP_ATTEST, STEP_REPORT, STEP_STATE, STEP_COUNT };

struct agent_parts {
    struct series step[STEP_COUNT];
    struct series carried; /* by the TPM's transport, in all steps */
    unsigned commands;     /* of the last attestation */
    /* of the running one */
    double last_us, carried_us;
    enum agent_step now;
    struct bench_guest *guest;
};

/* The guest must be enrolled. `ret` is filled. `pause_ms` before each attestation. */
MUST_CHECK bool agent_parts_measure(struct bench_guest *guest, int cycles, unsigned pause_ms, struct agent_parts *ret, struct err *err);
/* `whole_us`: what the program needs for one; what the steps do not explain is its loop and its status. */
void agent_parts_print(const struct agent_parts *parts, double whole_us);
