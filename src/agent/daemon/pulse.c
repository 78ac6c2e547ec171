#include "agent/daemon/pulse.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "agent/daemon/notify.h"
#include "base/clock.h"

enum { STACK_BYTES = 64 * 1024 };

struct pulse {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fd;             /* heartbeat.json; -1: there is no folder for it */
    int64_t busy_until; /* on the monotonic clock; 0: idle */
    int64_t last_beat;
    bool sleeps; /* the thread, until it is woken; else until its period is over */
    bool ends;
};

int64_t pulse_period_ms(void)
{
    int64_t third = notify_watchdog_ms() / 3;

    return third > 0 && third < PULSE_PERIOD_MS ? third : PULSE_PERIOD_MS;
}

/* With the lock held. */
static void beat(struct pulse *p)
{
    p->last_beat = clock_monotonic_ms();
    if (p->fd >= 0)
        (void)!futimens(p->fd, NULL);
    notify_send("WATCHDOG=1");
}

static void wait_a_period(struct pulse *p)
{
    int64_t ms = pulse_period_ms();
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&p->wake, &p->lock, &until);
}

static void *beat_while_busy(void *context)
{
    struct pulse *p = context;

    pthread_mutex_lock(&p->lock);
    while (!p->ends) {
        if (!p->busy_until) {
            p->sleeps = true;
            pthread_cond_wait(&p->wake, &p->lock);
            p->sleeps = false;
            continue;
        }
        wait_a_period(p);
        if (!p->ends && p->busy_until && clock_monotonic_ms() < p->busy_until && clock_monotonic_ms() >= p->last_beat + pulse_period_ms())
            beat(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int open_file(const char *out_dir)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof path, "%s/heartbeat.json", out_dir) >= (int)sizeof path)
        return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd >= 0)
        (void)!dprintf(fd, "{\"schema\":1,\"pid\":%d}\n", (int)getpid());
    return fd;
}

static bool start_thread(struct pulse *p)
{
    pthread_attr_t small;
    sigset_t all, before;
    bool fine;

    sigfillset(&all);
    if (pthread_attr_init(&small))
        return false;
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the loop's */
    fine = pthread_create(&p->thread, &small, beat_while_busy, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&small);
    return fine;
}

struct pulse *pulse_start(const char *out_dir)
{
    struct pulse *p = calloc(1, sizeof *p);
    pthread_condattr_t monotonic;

    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->fd = open_file(out_dir);
    if (!start_thread(p)) {
        if (p->fd >= 0)
            close(p->fd);
        free(p);
        return NULL;
    }
    beat(p);
    return p;
}

void pulse_stop(struct pulse *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->ends = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

void pulse_beat(struct pulse *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    if (clock_monotonic_ms() >= p->last_beat + pulse_period_ms() / 2)
        beat(p);
    pthread_mutex_unlock(&p->lock);
}

static void set_busy(struct pulse *p, int64_t until)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->busy_until = until;
    if (until && p->sleeps) /* that work has ended it sees by itself, when its period is over */
        pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void pulse_busy(struct pulse *p, int64_t at_most_ms) { set_busy(p, clock_monotonic_ms() + at_most_ms); }

void pulse_idle(struct pulse *p) { set_busy(p, 0); }
