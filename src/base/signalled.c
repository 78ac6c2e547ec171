#include "base/signalled.h"
#include <time.h>
#include "base/clock.h"

void signalled_init(pthread_cond_t *ret)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(ret, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Sleep counts for us, but not for that clock: what is left is what is waited for. */
bool signalled_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms)
{
    int64_t left = until_ms - clock_monotonic_ms();
    struct timespec until;

    if (left <= 0)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left / 1000;
    until.tv_nsec += left % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}
