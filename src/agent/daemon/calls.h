/* agent/daemon/calls.h: what interrupts the loop: told to stop, to read its configuration again, to attest now. Signals on Linux (SIGTERM and
 * SIGINT, SIGHUP, SIGUSR1), events on Windows (of the service control manager, of the console, and a named one). */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void calls_begin(void); /* nothing was called yet; from now on calls are heard */
bool calls_stop(void);
bool calls_reload(void);
bool calls_woken(void);
void calls_forget_wake(void);

/* Calls are let in only while sleeping, so that none is lost between looking and sleeping: hold, look, sleep, release. */
void calls_hold(void);
void calls_release(void);
/* At most `ms`, or until a call. `first` and `second` are file descriptors, -1: none; true when `first` is readable. */
bool calls_sleep(int64_t ms, int first, int second);

/* A thread that is never interrupted in the loop's place; joinable. */
bool calls_thread(pthread_t *ret, unsigned stack_bytes, void *(*run)(void *context), void *context);

/* Has the daemon of that process attest now. False: it is not there, or not for us. */
bool calls_wake(int64_t pid);
