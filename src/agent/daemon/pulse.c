#include "agent/daemon/pulse.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/daemon/calls.h"
#include "agent/daemon/notify.h"
#include "base/clock.h"
#include "base/signalled.h"

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
        (void)signalled_wait(&p->wake, &p->lock, clock_monotonic_ms() + pulse_period_ms());
        if (!p->ends && p->busy_until && clock_monotonic_ms() < p->busy_until && clock_monotonic_ms() >= p->last_beat + pulse_period_ms())
            beat(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int open_file(const char *out_dir)
{
    char path[PATH_MAX], text[48];
    int fd;

    if (snprintf(path, sizeof path, "%s/heartbeat.json", out_dir) >= (int)sizeof path)
        return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (fd >= 0)
        (void)!write(fd, text, (unsigned)snprintf(text, sizeof text, "{\"schema\":1,\"pid\":%d}\n", (int)getpid()));
    return fd;
}

struct pulse *pulse_start(const char *out_dir)
{
    struct pulse *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    signalled_init(&p->wake);
    p->fd = open_file(out_dir);
    if (!calls_thread(&p->thread, STACK_BYTES, beat_while_busy, p)) {
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
