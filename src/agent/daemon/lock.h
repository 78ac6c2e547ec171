/* agent/daemon/lock.h: one daemon at a time on a machine, and one verb of a handler (guest-agent.md 1.3, 6.5). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lock_result { LOCK_TAKEN, LOCK_HELD /* by another one */, LOCK_IMPOSSIBLE /* nowhere to lock: go on alone */ };

struct lock {
    intptr_t file; /* -1: none */
};

/* Takes the file until lock_release, or the end of the process; our number and version are written into it. LOCK_HELD: `holder` has what stands there;
 * LOCK_IMPOSSIBLE: why. */
enum lock_result lock_take(struct lock *ret, const char *path, char *holder, size_t size);
/* Waits for the one before; where no lock can be had it is true, and ret->file -1. False: it does not end. */
bool lock_wait(struct lock *ret, const char *path, unsigned wait_ms);
/* Whether somebody holds it now. */
bool lock_is_held(const char *path);
void lock_release(struct lock *lock); /* also of one that was not taken */
