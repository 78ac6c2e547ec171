/* agent/daemon/wake.h: signs that the machine slept, or is a copy of one that was stopped (guest-agent.md 9.4 RESUME, VMGENID). */
#pragma once
#include "base/bytes.h"

struct wake {
    int64_t asleep_ms; /* how long the machine has slept since it started, when last looked at */
    int socket;        /* of the kernel's events; readable when there is one; -1: none to be had */
};

enum wake_sign { WAKE_RESUMED = 1, WAKE_RESTORED = 2 };

void wake_init(struct wake *wake);
void wake_done(struct wake *wake);
/* wake_look never blocks; a set of enum wake_sign since the last look. */
unsigned wake_look(struct wake *wake);

/* Pure parts. A sleep shorter than five seconds does not count. */
bool wake_slept(int64_t *asleep_ms, int64_t now_asleep_ms);
/* One message of the kernel: "action@path" and then KEY=value, each ended by a NUL. */
bool wake_is_restored(struct bytes uevent);
