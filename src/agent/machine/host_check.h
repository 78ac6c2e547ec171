/* agent/machine/host_check.h: firmware settings as the guest sees them: hints for people, the verifier decides (guest-agent.md 9.1). */
#pragma once
#include "agent/failure/note.h"
#include "base/uuid.h"

/* Below `root` ("" but in tests). Adds NOT_UEFI, SB_OFF or SHIM_INSECURE. */
void host_check(const char *root, struct notes *notes);

/* IDENTITY_MISMATCH: the VM that the endorsement certificate names (UUID text; "" when it names none) is not the one that the firmware names. Both
 * byte orders of the first three fields count as equal: firmware and hypervisors differ. */
void host_check_identity(const char *certified, const char *firmware, struct notes *notes);
