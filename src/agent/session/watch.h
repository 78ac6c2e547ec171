/* agent/session/watch.h: what is noticed around an attestation, and how long it is told (guest-agent.md 9).
 *
 * `now` is true of the last attestation and made anew for each; `events` happened once and are kept until a report that carried them was
 * taken; `boot` is true of this boot, told with every report of it and remembered in the state: a kernel that kexec started stays unmeasured. Nothing here stops an attestation. */
#pragma once
#include "agent/machine/host.h"
#include "agent/protocol/attest.h"
#include "agent/tpm/ak.h"
#include "agent/tpm/lifecycle.h"

struct watch {
    struct notes now, events, boot;
    struct life_point before; /* what the last attestation saw, perhaps in an earlier boot */
    bool resumed;             /* since then */
    bool identity_checked;
    struct notes identity; /* what that found; true of the whole process */
};

/* Before the attestation: the TPM's lock-out, the firmware's settings, once the endorsement certificate against the machine. False when the TPM
 * fails. */
MUST_CHECK bool watch_before(struct watch *watch, struct tpm_device *tpm, const struct host *host, struct failure *why);
/* After the quote: logs and life-cycle. */
void watch_after(struct watch *watch, const struct attest_result *result, const char *boot_id);
/* All lists in one. */
void watch_notes(const struct watch *watch, struct notes *ret);
/* A report with these notes was taken. */
void watch_told(struct watch *watch);
