/* agent/failure/decide.h: what a failed cycle means for the next one (guest-agent.md 8.3). */
#pragma once
#include "agent/failure/failure.h"

/* run_decide turns a failed cycle into a pause: how the daemon thinks, as a pure function. `made`: attempts in this cycle so far, `failed`:
 * cycles in a row that failed, this one included. */
struct run_decision {
    bool again_in_cycle;
    int64_t pause_ms;
    const char *state; /* "backoff" or "degraded" */
};
struct run_decision run_decide(const struct failure *why, unsigned made, unsigned failed, int64_t period_ms, uint32_t random);
