#include "base/signalled.h"
#include <time.h>
#include "base/clock.h"

enum { SLICE_MS = 60 * 1000 }; /* a wall clock that jumps is noticed within that */

void signalled_init(pthread_cond_t *ret) { pthread_cond_init(ret, NULL); }

/* These condition variables know the wall clock only. */
bool signalled_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms)
{
    for (int64_t left; (left = until_ms - clock_monotonic_ms()) > 0;) {
        int64_t until = clock_now_ms() + (left < SLICE_MS ? left : SLICE_MS);
        struct timespec moment = { .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000 * 1000000) };

        if (pthread_cond_timedwait(condition, lock, &moment) == 0)
            return true;
    }
    return false;
}
