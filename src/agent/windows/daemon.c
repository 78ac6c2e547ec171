#include "agent/windows/daemon.h"
#include "agent/failure/backoff.h"
#include "agent/failure/decide.h"
#include "agent/session/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"

enum { EXIT_LOCKED = 69, HEARTBEAT_RETRY_MS = 60 * 1000, WAIT_MAX_MS = 60 * 1000 /* a resume from sleep is noticed within that */ };

struct loop {
    const struct windows_daemon *daemon;
    struct session session;
    unsigned failed; /* cycles in a row */
    bool has_failure;
    struct failure failure;
    int64_t period_ms, heartbeat_ms, due_attest, due_heartbeat; /* on the clock that counts sleep */
};

static uint32_t random_word(void)
{
    uint32_t word = 0;
    struct err err;

    return random_bytes((uint8_t *)&word, sizeof word, &err) ? word : (uint32_t)clock_monotonic_ms();
}

static bool is_stopped(const struct loop *l) { return WaitForSingleObject(l->daemon->stop, 0) == WAIT_OBJECT_0; }

static void wait_until(const struct loop *l, int64_t due)
{
    for (int64_t left; !is_stopped(l) && (left = due - clock_monotonic_ms()) > 0;)
        WaitForSingleObject(l->daemon->stop, (DWORD)(left < WAIT_MAX_MS ? left : WAIT_MAX_MS));
}

static void on_progress(void *context UNUSED, const char *step, const char *detail)
{
    if (detail)
        log_event(LOG_INFO, step, "what", detail, NULL);
    else
        log_event(LOG_INFO, step, NULL);
}

/* What the monitor says about time. */
static void heed(struct loop *l, const struct report_answer *answer, bool from_report)
{
    int64_t now = clock_monotonic_ms(), next = (int64_t)answer->next_report_seconds * 1000;

    if (answer->next_heartbeat_seconds)
        l->heartbeat_ms = (int64_t)answer->next_heartbeat_seconds * 1000;
    if (next && from_report) {
        l->period_ms = next;
        l->due_attest = now + next;
    } else if (next && now + next < l->due_attest) {
        l->due_attest = now + next;
    }
    if (answer->attest_now)
        l->due_attest = now;
    if (l->due_heartbeat > now + l->heartbeat_ms)
        l->due_heartbeat = now + l->heartbeat_ms;
}

static void note_failure(struct loop *l, const struct failure *why)
{
    l->has_failure = true;
    l->failure = *why;
    log_event(LOG_WARNING, "cycle failed", "code", failure_name(why->id), "why", why->text, NULL);
}

static void attest_and_report(struct loop *l)
{
    int64_t deadline = clock_monotonic_ms() + BACKOFF_CYCLE_DEADLINE_MS;

    l->failed++;
    for (unsigned made = 1; !is_stopped(l); made++) {
        struct report_answer answer;
        struct failure why = FAILURE_INIT;
        struct run_decision next;
        bool done = session_cycle(&l->session, &answer, &why);

        l->due_attest = clock_monotonic_ms() + l->period_ms;
        heed(l, &answer, true);
        if (done) {
            l->failed = 0;
            l->has_failure = false;
            l->due_heartbeat = clock_monotonic_ms() + l->heartbeat_ms;
            return;
        }
        note_failure(l, &why);
        if (answer.next_report_seconds || answer.attest_now)
            return; /* refused, reported, and told when to come again */
        next = run_decide(&why, made, l->failed, l->period_ms, random_word());
        if (!next.again_in_cycle || clock_monotonic_ms() + next.pause_ms > deadline) {
            l->due_attest = clock_monotonic_ms() + next.pause_ms;
            return;
        }
        wait_until(l, clock_monotonic_ms() + next.pause_ms);
    }
}

static void beat(struct loop *l)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    int64_t now;

    if (session_heartbeat(&l->session, l->has_failure ? "backoff" : "idle", l->has_failure ? &l->failure : NULL, &answer, &why)) {
        l->due_heartbeat = clock_monotonic_ms() + l->heartbeat_ms;
        heed(l, &answer, false);
        return;
    }
    now = clock_monotonic_ms();
    l->due_heartbeat = now + (l->heartbeat_ms < HEARTBEAT_RETRY_MS ? l->heartbeat_ms : HEARTBEAT_RETRY_MS);
    if (why.id == FAILURE_IDENTITY_UNKNOWN)
        l->due_attest = now;
    if (why.id != FAILURE_NOT_ENROLLED)
        log_event(LOG_WARNING, "heartbeat failed", "code", failure_name(why.id), "why", why.text, NULL);
}

int windows_daemon_run(const struct windows_daemon *daemon)
{
    struct loop l = { .daemon = daemon,
                      .period_ms = (int64_t)daemon->config->frequency_seconds * 1000,
                      .heartbeat_ms = (int64_t)daemon->config->heartbeat_seconds * 1000 };
    HANDLE only = CreateMutexW(NULL, TRUE, L"Global\\trueboot-agent"); /* one instance (guest-agent.md 1.3) */
    int64_t now = clock_monotonic_ms();

    if (only && GetLastError() == ERROR_ALREADY_EXISTS) {
        CloseHandle(only);
        log_event(LOG_ERROR, "another agent is running", NULL);
        return EXIT_LOCKED;
    }
    session_init(&l.session, daemon->config);
    state_check_token(&l.session.state);
    l.session.progress = on_progress;
    l.due_attest = now + (daemon->no_start_delay ? 0 : backoff_start_ms(random_word()));
    l.due_heartbeat = now + l.heartbeat_ms;
    log_event(LOG_INFO, "trueboot-agent " TRUEBOOT_VERSION " runs", "endpoint", daemon->config->endpoint, NULL);
    for (unsigned done = 0; !is_stopped(&l) && !(daemon->cycles && done >= daemon->cycles);) {
        now = clock_monotonic_ms();
        state_drop_old_token(&l.session.state, clock_now_ms());
        if (now >= l.due_attest) {
            attest_and_report(&l);
            done++;
        } else if (now >= l.due_heartbeat) {
            beat(&l);
        } else {
            wait_until(&l, l.due_attest < l.due_heartbeat ? l.due_attest : l.due_heartbeat);
        }
    }
    log_event(LOG_INFO, "trueboot-agent stops", NULL);
    session_done(&l.session);
    if (only)
        CloseHandle(only);
    return 0;
}
