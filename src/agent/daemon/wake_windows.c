/* Windows counts both ways. That a machine is a copy the hypervisor tells it through a device that only a driver sees: not told here. */
#include <windows.h>
#include "agent/daemon/wake.h"

static int64_t asleep_ms(void)
{
    ULONGLONG awake = 0; /* 100 ns */

    return QueryUnbiasedInterruptTime(&awake) ? (int64_t)GetTickCount64() - (int64_t)(awake / 10000) : 0;
}

void wake_init(struct wake *wake) { *wake = (struct wake){ .asleep_ms = asleep_ms(), .socket = -1 }; }

void wake_done(struct wake *wake UNUSED) {}

unsigned wake_look(struct wake *wake) { return wake_slept(&wake->asleep_ms, asleep_ms()) ? WAKE_RESUMED : 0; }
