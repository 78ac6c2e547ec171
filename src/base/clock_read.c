#define _GNU_SOURCE
#include <time.h>
#include "base/clock.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void) { return read_clock(CLOCK_REALTIME); }
int64_t clock_monotonic_ms(void) { return read_clock(CLOCK_BOOTTIME); }

int64_t clock_monotonic_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
