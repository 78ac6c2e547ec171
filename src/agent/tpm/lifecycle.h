/* agent/tpm/lifecycle.h: what the TPM's counters say has happened since they were last seen (guest-agent.md 9.4).
 *
 * Pure: two observations in, notes out. What follows is the verifier's decision, which keeps the authoritative history. */
#pragma once
#include "agent/failure/note.h"
#include "base/uuid.h"
#include "tpm/attest.h"

struct life_point {
    bool known;
    char boot_id[UUID_TEXT_LEN]; /* "": unknown, then nothing is concluded from it */
    struct tpm_clock_info clock;
    char pcrs[65]; /* hex of SHA-256 over registers 0 to 7; "": unknown */
};

/* `resumed`: the system is known to have slept in between. The attestation key is the recorded one in both. Adds TPM_CLEARED, STATE_ROLLBACK,
 * KEXEC or RESTART_SEEN, at most one. */
void lifecycle_judge(const struct life_point *before, const struct life_point *now, bool resumed, struct notes *notes);
