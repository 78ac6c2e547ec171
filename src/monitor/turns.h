/* monitor/turns.h: two machines that run on copies of one TPM's state.
 *
 * Copies that were started together count on side by side: their quotes, taken in turn, look like one TPM's whose clock runs forward
 * (counters.h sees those that are behind). What gives them away is that their boots take turns: a boot that another one followed comes
 * back, and the other one, too (guest-agent.md 9.4 CLONE, attack-suite.md I8). One boot that comes back once is a memory snapshot that was restored. */
#pragma once
#include "monitor/monitor.h"

/* An agent's sign of life in the boot `boot_id`; what is no UUID counts for nothing. */
MUST_CHECK bool turns_note(struct store *store, struct arena *a, const char *vm, const char *boot_id, struct err *err);
/* *ret: a sentence about the two boots, or NULL while nothing speaks for two machines. It stays until turns_forget. */
MUST_CHECK bool turns_found(struct store *store, struct arena *a, const char *vm, const char **ret, struct err *err);
MUST_CHECK bool turns_forget(struct store *store, struct arena *a, const char *vm, struct err *err);
