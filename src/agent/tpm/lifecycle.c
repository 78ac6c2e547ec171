#include "agent/tpm/lifecycle.h"

/* 9.4: TPM2_Clear sets both counters and the clock to zero with safe = YES; the registers stay. A reset since then has counted one up. */
static bool looks_cleared(const struct life_point *before, const struct life_point *now, bool same_boot)
{
    bool from_zero = now->clock.restart_count == 0 && now->clock.reset_count <= (same_boot ? 0 : 1);
    bool fell = before->clock.reset_count > now->clock.reset_count ||
                (before->clock.reset_count == now->clock.reset_count && now->clock.clock_ms < before->clock.clock_ms);

    return from_zero && fell && now->clock.safe;
}

/* A power cut sets the clock back by seconds, with safe = NO until it has caught up: that is no rollback. */
static bool went_back(const struct life_point *before, const struct life_point *now)
{
    if (now->clock.reset_count != before->clock.reset_count)
        return now->clock.reset_count < before->clock.reset_count;
    if (now->clock.restart_count != before->clock.restart_count)
        return now->clock.restart_count < before->clock.restart_count;
    return now->clock.clock_ms < before->clock.clock_ms && now->clock.safe;
}

static bool same_counters(const struct life_point *before, const struct life_point *now)
{
    return now->clock.reset_count == before->clock.reset_count && now->clock.restart_count == before->clock.restart_count;
}

void lifecycle_judge(const struct life_point *before, const struct life_point *now, bool resumed, struct notes *notes)
{
    const struct tpm_clock_info *was = &before->clock, *is = &now->clock;
    bool same_boot;

    if (!before->known || !now->known || !before->boot_id[0] || !now->boot_id[0])
        return;
    same_boot = strcmp(before->boot_id, now->boot_id) == 0;
    if (looks_cleared(before, now, same_boot)) {
        bool certain = same_boot && before->pcrs[0] && strcmp(before->pcrs, now->pcrs) == 0;

        notes_add(notes, FAILURE_TPM_CLEARED, "the TPM's counters went from %u resets to %u and its clock from %llu s to %llu s%s",
                  was->reset_count, is->reset_count, (unsigned long long)was->clock_ms / 1000, (unsigned long long)is->clock_ms / 1000,
                  certain ? ": TPM2_Clear was run during this boot" : "; TPM2_Clear was probably run");
        return;
    }
    if (went_back(before, now))
        notes_add(notes, FAILURE_STATE_ROLLBACK,
                  "the TPM's state went back: %u resets, %u restarts, clock %llu s, but %u, %u and %llu s were seen before: a snapshot was "
                  "restored "
                  "or the TPM was copied",
                  is->reset_count, is->restart_count, (unsigned long long)is->clock_ms / 1000, was->reset_count, was->restart_count,
                  (unsigned long long)was->clock_ms / 1000);
    else if (!same_boot && same_counters(before, now))
        notes_add(notes, FAILURE_KEXEC,
                  "another kernel runs, but the TPM was not reset: kexec. The firmware log describes the first kernel only");
    else if (same_boot && is->reset_count == was->reset_count && is->restart_count > was->restart_count && !resumed)
        notes_add(notes, FAILURE_RESTART_SEEN, "the TPM restarted %u times without a resume that we saw",
                  is->restart_count - was->restart_count);
}
