/* agent/daemon/sandbox.h: giving up power where no service manager takes it: user and groups, new privileges, system calls, core files
 * (guest-agent.md 11.3, last paragraph). With systemd the unit does the same, and doing it twice does no harm. */
#pragma once
#include "agent/files/places.h"

/* As root: become `user`, with the group of the TPM's node, and nothing else. ERR_NOT_FOUND when there is no such user: then nothing has
 * changed. State and log folder are given to the user first. */
MUST_CHECK bool sandbox_become(const char *user, const struct places *places, struct err *err);

/* No core files, no new privileges, and the filter of agent/daemon/syscalls.h: other calls fail with EPERM, or, when `kill_instead`, end the
 * process (a test's way to see that there are none). */
MUST_CHECK bool sandbox_enter(bool kill_instead, struct err *err);
