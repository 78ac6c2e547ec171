#include <windows.h>
#include "base/clock.h"

int64_t clock_now_ms(void)
{
    const int64_t from_1601 = 11644473600000; /* ms from 1601, where FILETIME begins, to 1970 */
    FILETIME now;

    GetSystemTimePreciseAsFileTime(&now);
    return ((int64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10000 - from_1601;
}

/* Counts while the machine sleeps, as CLOCK_BOOTTIME does. */
int64_t clock_monotonic_ms(void) { return (int64_t)GetTickCount64(); }

int64_t clock_monotonic_us(void)
{
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return ticks.QuadPart / per_second.QuadPart * 1000000 + ticks.QuadPart % per_second.QuadPart * 1000000 / per_second.QuadPart;
}
