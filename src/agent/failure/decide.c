#include "agent/failure/decide.h"
#include "agent/failure/backoff.h"

enum { AGAIN_MAX = 3 }; /* starts over within a cycle without a pause */

struct run_decision run_decide(const struct failure *why, unsigned made, unsigned failed, int64_t period_ms, uint32_t random)
{
    struct run_decision next = { .state = "backoff" };

    switch (failure_retry(why->id)) {
    case RETRY_AGAIN:
        if (made < AGAIN_MAX)
            return (struct run_decision){ .again_in_cycle = true, .state = "attesting" };
        next.pause_ms = backoff_between_ms(failed, period_ms, random);
        return next;
    case RETRY_IN_CYCLE:
        next.pause_ms = backoff_in_cycle_ms(made, why->retry_after_seconds, random);
        if (next.pause_ms > period_ms)
            next.pause_ms = period_ms;
        next.again_in_cycle = next.pause_ms > 0;
        if (!next.again_in_cycle)
            next.pause_ms = backoff_between_ms(failed, period_ms, random);
        return next;
    case RETRY_LATER:
        next.pause_ms = why->retry_after_seconds ? (int64_t)why->retry_after_seconds * 1000 : backoff_between_ms(failed, period_ms, random);
        if (next.pause_ms > period_ms)
            next.pause_ms = period_ms;
        return next;
    case RETRY_PERIOD:
        next.pause_ms = period_ms;
        return next;
    case RETRY_PROBE:
        next.state = "degraded";
        next.pause_ms = period_ms < BACKOFF_PROBE_MS ? period_ms : BACKOFF_PROBE_MS;
        return next;
    }
    return next;
}
