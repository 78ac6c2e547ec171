/* TPM 2.0 Library Part 1, 36 "Timing components". */
#include "monitor/counters.h"
#include "base/limits.h"

/* 36.3.2: Clock is written to NV "at least every 2^22 milliseconds": so far it may lag behind what it said before power was lost. */
static const uint64_t clock_lag_ms = UINT64_C(1) << 22;

/* In a later boot: a safe Clock is past all that it ever said (36.3.3). */
static bool clock_went_back_over_boots(uint64_t before_ms, const struct appraisal *now)
{
    return before_ms > now->clock_ms && (now->clock_safe || before_ms - now->clock_ms > clock_lag_ms);
}

bool counters_went_back(const struct vm_memory *before, const struct appraisal *now)
{
    uint64_t before_ms = (uint64_t)before->clock_ms;

    if (!before->has_counters)
        return false;
    if (before->reset_count != now->reset_count)
        return before->reset_count > now->reset_count || clock_went_back_over_boots(before_ms, now);
    if (before->restart_count != now->restart_count)
        return before->restart_count > now->restart_count || clock_went_back_over_boots(before_ms, now);
    return before_ms > now->clock_ms; /* one boot: safe or not, it runs forward */
}

/* No longer than a challenge lives: a server's clock that was set back must not excuse more. */
bool counters_came_late(const struct vm_memory *before, const struct appraisal *now)
{
    return counters_went_back(before, now) && now->asked_ms && before->quoted_ms > now->asked_ms &&
           before->quoted_ms - now->asked_ms <= LIMIT_CHALLENGE_SECONDS * INT64_C(1000);
}

void counters_remember(struct vm_memory *memory, const struct appraisal *now)
{
    memory->has_counters = true;
    memory->reset_count = now->reset_count;
    memory->restart_count = now->restart_count;
    memory->clock_ms = (int64_t)(now->clock_ms & INT64_MAX);
    memory->quoted_ms = now->time_ms;
}

void counters_note(struct vm_memory *memory, const struct appraisal *now, struct findings *list)
{
    if (now->quote_verified && counters_came_late(memory, now)) {
        findings_add(list, FINDING_TPM_EVIDENCE_LATE, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "this evidence was asked for before newer evidence came, and may have been made before it: it says nothing about now")
            ->unsettled = true;
    } else if (now->quote_verified && counters_went_back(memory, now)) {
        memory->rolled_back = true;
        findings_add(list, FINDING_TPM_ROLLBACK, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "the TPM's counters are behind those that it attested before (resets %u after %u, restarts %u after %u, clock %llu ms "
                     "after %lld ms)",
                     now->reset_count, memory->reset_count, now->restart_count, memory->restart_count, (unsigned long long)now->clock_ms,
                     (long long)memory->clock_ms);
        return;
    }
    if (now->quote_verified && !counters_went_back(memory, now))
        counters_remember(memory, now);
    if (memory->rolled_back)
        findings_add(list, FINDING_TPM_ROLLBACK, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "the TPM's counters went back at an earlier attestation, and nobody has approved that yet");
}
