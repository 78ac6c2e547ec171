/* agent/failure/backoff.h: how long to wait before trying again (guest-agent.md 8.3). Pure: the random number is passed in. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"

enum { BACKOFF_CYCLE_ATTEMPTS = 4, BACKOFF_CYCLE_DEADLINE_MS = 10 * 60 * 1000, BACKOFF_PROBE_MS = 10 * 60 * 1000 };

/* Within a cycle, after attempt `made` (1, 2, 3) failed: 5, 10, 20 s and up to 5 s of jitter, or what the server asked for (at most
 * 300 s) when that is longer. 0: no further attempt. */
unsigned backoff_in_cycle_ms(unsigned made, unsigned retry_after_seconds, uint32_t random);

/* Between cycles, after `failed` (1, …) of them in a row: a random part (at least a tenth) of 1, 2, 5, 10, 30, 60, 60, … minutes,
 * never above the usual period. */
int64_t backoff_between_ms(unsigned failed, int64_t period_ms, uint32_t random);

/* The usual period less up to a tenth of it: never longer than asked, and a fleet does not come in step (7.3). */
int64_t backoff_period_ms(int64_t period_ms, uint32_t random);

/* The first attempt of a boot: 0–60 s, so that a host that starts all its VMs is not met by a herd. */
int64_t backoff_start_ms(uint32_t random);
