/* base/signalled.h: a condition variable that is waited for until a moment on the clock of clock_monotonic_ms(): the wall clock may jump meanwhile. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void signalled_init(pthread_cond_t *ret);
/* With the lock held. False when the moment came first. */
bool signalled_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms);
