#include "agent/daemon/calls.h"
#include <signal.h>
#include <sys/select.h>
#include <unistd.h>

enum { STOP_SECONDS = 9 /* CANCELLED: within 10 s (9.5) */ };

static volatile sig_atomic_t stopping, reloading, woken;
static sigset_t before;

static void on_stop(int signal)
{
    (void)signal;
    stopping = 1;
    alarm(STOP_SECONDS);
}

static void on_reload(int signal)
{
    (void)signal;
    reloading = 1;
}

static void on_wake(int signal)
{
    (void)signal;
    woken = 1;
}

static void on_alarm(int signal)
{
    (void)signal;
    _exit(0); /* a request that hangs; the resource manager flushes what is loaded */
}

void calls_begin(void)
{
    struct sigaction stop = { .sa_handler = on_stop }, force = { .sa_handler = on_alarm }, ignore = { .sa_handler = SIG_IGN };
    struct sigaction reload = { .sa_handler = on_reload, .sa_flags = SA_RESTART }, wake = { .sa_handler = on_wake, .sa_flags = SA_RESTART };

    stopping = reloading = woken = 0;
    sigaction(SIGHUP, &reload, NULL);
    sigaction(SIGUSR1, &wake, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGALRM, &force, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool calls_stop(void) { return stopping; }
bool calls_reload(void) { return reloading; }
bool calls_woken(void) { return woken; }
void calls_forget_wake(void) { woken = 0; }

void calls_hold(void)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    sigaddset(&stop, SIGUSR1);
    sigprocmask(SIG_BLOCK, &stop, &before);
}

void calls_release(void) { sigprocmask(SIG_SETMASK, &before, NULL); }

bool calls_sleep(int64_t ms, int first, int second)
{
    const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    fd_set readable;

    FD_ZERO(&readable);
    if (first >= 0)
        FD_SET(first, &readable);
    if (second >= 0)
        FD_SET(second, &readable);
    return pselect((first > second ? first : second) + 1, &readable, NULL, NULL, &pause, &before) > 0 && first >= 0 &&
           FD_ISSET(first, &readable);
}

bool calls_thread(pthread_t *ret, unsigned stack_bytes, void *(*run)(void *context), void *context)
{
    pthread_attr_t small;
    sigset_t all, usual;
    bool fine;

    sigfillset(&all);
    if (pthread_attr_init(&small))
        return false;
    pthread_attr_setstacksize(&small, stack_bytes);
    pthread_sigmask(SIG_BLOCK, &all, &usual); /* signals are the loop's */
    fine = pthread_create(ret, &small, run, context) == 0;
    pthread_sigmask(SIG_SETMASK, &usual, NULL);
    pthread_attr_destroy(&small);
    return fine;
}

bool calls_wake(int64_t pid) { return kill((pid_t)pid, SIGUSR1) == 0; }
