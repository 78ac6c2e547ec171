#include "agent/daemon/run.h"
#include <stdio.h>
#include <unistd.h>
#include "agent/daemon/calls.h"
#include "agent/daemon/lock.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/pulse.h"
#include "agent/daemon/routes.h"
#include "agent/daemon/telemetry.h"
#include "agent/daemon/wake.h"
#include "agent/failure/backoff.h"
#include "agent/failure/outage.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/random.h"
#include "json/write.h"

enum {
    HEARTBEAT_RETRY_MS = 60 * 1000,
    WORK_MAX_MS = 15 * 60 * 1000, /* a cycle has ten minutes; who works longer hangs */
};

struct daemon {
    const struct agent_config *config;
    const struct run_options *options;
    struct session session;
    const char *state;
    struct lock lock;
    struct wake wake;
    unsigned failed; /* cycles in a row */
    bool has_failure;
    struct failure failure;
    int64_t period_ms, heartbeat_ms;
    int64_t due_attest, due_heartbeat; /* on the clock that counts sleep */
    int64_t last_report_ms, last_heartbeat_ms;
    int64_t started_ms, failing_since_ms, last_failure_ms; /* 0: it does not fail */
    char out_dir[512];
    struct digest told; /* of what the publisher was started for last */
    struct pulse *pulse;
    struct telemetry telemetry;
    struct routes routes;
    struct outage outage, silence; /* of cycles and of heartbeats: what is still said about them */
};

/* Time. */

static uint32_t random_word(void)
{
    uint32_t word = 0;
    struct err err;

    return random_bytes((uint8_t *)&word, sizeof word, &err) ? word : (uint32_t)clock_monotonic_ms();
}

/* A route appeared: what could not be delivered may get through now; else a heartbeat is enough. */
static bool heed_routes(struct daemon *d)
{
    int64_t due;

    if (!routes_look(&d->routes))
        return false;
    session_hang_up(&d->session); /* what went the old way may never arrive */
    due = routes_due(&d->routes, clock_monotonic_ms());
    d->routes.acted_ms = due;
    if ((d->has_failure || !d->last_report_ms) && due < d->due_attest)
        d->due_attest = due;
    if (due < d->due_heartbeat)
        d->due_heartbeat = due;
    return true;
}

static void warn_of_outage(struct daemon *d)
{
    unsigned hours = outage_warning(&d->outage, clock_monotonic_ms());
    char text[16];

    snprintf(text, sizeof text, "%u", hours);
    if (hours)
        log_event(LOG_WARNING, "nothing could be reported for long", "hours", text, "code", failure_name(d->failure.id), "why",
                  d->failure.text, NULL);
}

/* Sleeps until `due`, until the kernel tells something, or until told to stop. */
static void wait_until(struct daemon *d, int64_t due)
{
    int64_t longest = pulse_period_ms(); /* a resume from suspend is noticed within that, too */

    calls_hold();
    pulse_idle(d->pulse);
    while (!calls_stop() && !calls_reload() && !calls_woken()) {
        int64_t left = due - clock_monotonic_ms();
        bool happened;

        pulse_beat(d->pulse);
        if (d->options->published)
            d->options->published(d->options->context);
        if (left <= 0)
            break;
        happened = calls_sleep(left < longest ? left : longest, d->wake.socket, d->routes.fd);
        warn_of_outage(d);
        state_drop_old_token(&d->session.state, clock_now_ms());
        if (heed_routes(d) || happened)
            break; /* other routes come and go */
    }
    pulse_busy(d->pulse, WORK_MAX_MS);
    calls_release();
}

/* Status. */

static const char *or_null(const char *text) { return text && *text ? text : NULL; }

static void publish(const struct daemon *d)
{
    if (d->options->published)
        d->options->published(d->options->context);
}

/* Without a folder to write to there is just no status to read. */
static void put_out(const struct daemon *d, const char *name, struct bytes content)
{
    struct err err = ERR_INIT;
    char path[600];

    if (snprintf(path, sizeof path, "%s/%s", d->out_dir, name) < (int)sizeof path)
        (void)!file_replace(path, content, 0644, &err);
}

/* The publisher is a program that is started when OUT/changed is written: a cycle like the one before is not worth that, its times are published
 * within a minute anyway. */
static void tell_of_change(struct daemon *d, struct bytes lasting)
{
    struct digest digest;

    digest_compute(DIGEST_SHA256, lasting, &digest);
    if (digest_equal(&digest, &d->told))
        return;
    d->told = digest;
    put_out(d, "changed", BYTES_NONE);
}

static void write_status(struct daemon *d)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);
    const struct session *s = &d->session;
    struct notes notes;
    size_t lasting_len;

    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", 1);
    json_put_string(&out, "agentVersion", TRUEBOOT_VERSION);
    json_put_integer(&out, "pid", getpid());
    json_put_boolean(&out, "privileged", geteuid() == 0);
    json_put_time(&out, "startedTime", d->started_ms);
    json_put_string(&out, "state", d->state);
    json_put_string(&out, "vmId", or_null(s->state.vm_id));
    json_put_string(&out, "bootId", or_null(s->host.boot_id));
    json_put_string(&out, "endpoint", or_null(d->config->endpoint));
    json_put_string(&out, "tpm", or_null(s->tpm_name));
    json_put_string(&out, "akName", or_null(s->ak_name));
    json_put_time_or_null(&out, "akCertificateExpiryTime", session_certificate_until(s));
    json_put_string(&out, "lastVerdict", or_null(s->state.last_verdict));
    failure_put(&out, "failure", d->has_failure ? &d->failure : NULL);
    json_put_string(&out, "stateNote", or_null(s->state.note));
    session_notes(s, &notes);
    notes_put(&out, "notes", &notes);
    lasting_len = w.len; /* what follows is another one in each cycle */
    json_put_string(&out, "tokenId", or_null(s->state.token_id));
    json_put_time_or_null(&out, "lastVerdictTime", s->state.last_verdict_ms);
    json_put_time_or_null(&out, "tokenExpiryTime", s->state.token_until_ms);
    json_put_time_or_null(&out, "lastReportTime", d->last_report_ms);
    json_put_time_or_null(&out, "lastHeartbeatTime", d->last_heartbeat_ms);
    json_put_time_or_null(&out, "nextAttestationTime", d->due_attest ? clock_now_ms() + d->due_attest - clock_monotonic_ms() : 0);
    json_put_integer(&out, "failedCycles", d->failed);
    json_put_time_or_null(&out, "failingSince", d->failing_since_ms);
    json_put_time_or_null(&out, "lastFailureTime", d->last_failure_ms);
    json_end(&out);
    write_string(&w, "\n");
    if (writer_ok(&w)) {
        put_out(d, "status.json", writer_bytes(&w));
        tell_of_change(d, bytes_slice(writer_bytes(&w), 0, lasting_len));
    }
    publish(d);
}

static void enter(struct daemon *d, const char *state)
{
    char line[64];

    d->state = state;
    if (strcmp(state, "attesting") != 0 || d->has_failure || !d->last_report_ms) /* where all is well it is over in a moment */
        write_status(d);
    snprintf(line, sizeof line, "STATUS=%s", state);
    notify_send(line);
}

static void on_progress(void *context UNUSED, const char *step, const char *detail)
{
    if (detail)
        log_event(LOG_INFO, step, "what", detail, NULL);
    else
        log_event(LOG_INFO, step, NULL);
}

/* Lock. */

static bool take_lock(struct daemon *d)
{
    char path[512], told[64] = "";
    struct err err = ERR_INIT;

    d->lock.file = -1;
    if (!file_make_dirs(d->config->run_dir, 0755, &err) || snprintf(path, sizeof path, "%s/lock", d->config->run_dir) >= (int)sizeof path)
        return true; /* nowhere to lock: go on alone */
    switch (lock_take(&d->lock, path, told, sizeof told)) {
    case LOCK_TAKEN:
        return true;
    case LOCK_IMPOSSIBLE:
        log_event(LOG_WARNING, "no lock: a second agent would not be noticed", "lock", path, "why", told, NULL);
        return true;
    case LOCK_HELD:
        break;
    }
    log_event(LOG_ERROR, "another agent is running", "code", failure_name(FAILURE_DUPLICATE), "holder", told, "lock", path, NULL);
    return false;
}

/* The cycle. */

/* What the monitor says about time. A heartbeat's answer may hasten an attestation, it never puts one off. */
static void heed_answer(struct daemon *d, const struct report_answer *answer, bool from_report)
{
    int64_t now = clock_monotonic_ms(), next = (int64_t)answer->next_report_seconds * 1000;

    if (answer->next_heartbeat_seconds)
        d->heartbeat_ms = (int64_t)answer->next_heartbeat_seconds * 1000;
    if (next && from_report) {
        d->period_ms = next;
        d->due_attest = now + backoff_period_ms(next, random_word());
    } else if (next && now + next < d->due_attest) {
        d->due_attest = now + next;
    }
    if (answer->attest_now)
        d->due_attest = now;
    if (d->due_heartbeat > now + d->heartbeat_ms)
        d->due_heartbeat = now + d->heartbeat_ms;
}

/* Once, then once an hour with how often it came meanwhile: the log of an endless outage stays small. */
static void tell_failure(struct outage *o, const char *what, const struct failure *why)
{
    unsigned untold;
    char times[16];

    if (!outage_tell(o, why->id, clock_monotonic_ms(), &untold))
        return;
    snprintf(times, sizeof times, "%u", untold);
    log_event(LOG_WARNING, what, "code", failure_name(why->id), "why", why->text, untold ? "repeated" : NULL, times, NULL);
}

static void note_failure(struct daemon *d, const struct failure *why)
{
    if (!d->has_failure || d->failure.id != why->id)
        telemetry_event(&d->telemetry, failure_retry(why->id) == RETRY_PROBE ? "Error" : "Warning", failure_name(why->id), why->text);
    d->last_failure_ms = clock_now_ms();
    if (!d->failing_since_ms || d->failure.id == FAILURE_REFUSED) /* a refusal is an answer: trouble after it begins anew */
        d->failing_since_ms = clock_now_ms();
    d->has_failure = true;
    d->failure = *why;
    tell_failure(&d->outage, "cycle failed", why);
}

static void succeed(struct daemon *d)
{
    if (d->has_failure || !d->last_report_ms)
        telemetry_event(&d->telemetry, "Informational", "Attest", "this boot was attested and reported");
    d->failed = 0;
    d->has_failure = false;
    outage_end(&d->outage);
    d->failing_since_ms = 0;
    d->last_report_ms = clock_now_ms();
}

/* A certificate that has to be renewed before the next time is a reason to come earlier (1.3). */
static void heed_certificate(struct daemon *d)
{
    int64_t left = d->session.renewal_ms - clock_now_ms(), due = clock_monotonic_ms() + left + 1;

    if (left > 0 && due < d->due_attest)
        d->due_attest = due;
}

static void save(struct daemon *d, int64_t due)
{
    session_save(&d->session, d->has_failure ? &d->failure : NULL, due, clock_now_ms() + due - clock_monotonic_ms());
}

static void attest_cycle(struct daemon *d)
{
    int64_t deadline = clock_monotonic_ms() + BACKOFF_CYCLE_DEADLINE_MS;

    d->failed++;
    for (unsigned made = 1; !calls_stop() && !calls_reload(); made++) {
        struct report_answer answer;
        struct failure why = FAILURE_INIT;
        struct run_decision next;
        bool done;

        enter(d, "attesting");
        done = session_cycle_unsaved(&d->session, &answer, &why);
        d->due_attest = clock_monotonic_ms() + backoff_period_ms(d->period_ms, random_word());
        if (done)
            succeed(d);
        heed_answer(d, &answer, true);
        if (done) {
            d->due_heartbeat = clock_monotonic_ms() + d->heartbeat_ms;
            heed_certificate(d);
            save(d, d->due_attest);
            enter(d, "idle");
            return;
        }
        note_failure(d, &why);
        if (answer.next_report_seconds || answer.attest_now) { /* refused, reported, and told when to come again: the agent did its work */
            d->failed = 0;
            d->last_report_ms = clock_now_ms();
            outage_heard(&d->outage, clock_monotonic_ms());
            save(d, d->due_attest);
            enter(d, "idle");
            return;
        }
        next = run_decide(&why, made, d->failed, d->period_ms, random_word());
        if (!next.again_in_cycle || clock_monotonic_ms() + next.pause_ms > deadline) {
            session_give_up(&d->session, &why);
            d->due_attest = clock_monotonic_ms() + next.pause_ms;
            save(d, d->due_attest);
            enter(d, next.state);
            return;
        }
        d->due_attest = clock_monotonic_ms() + next.pause_ms; /* what people read in the status */
        save(d, d->due_attest);
        enter(d, next.state);
        wait_until(d, clock_monotonic_ms() + next.pause_ms);
    }
}

static void heartbeat(struct daemon *d)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    bool waited = d->has_failure && (failure_is_network(d->failure.id) || d->failure.id == FAILURE_SERVER_TROUBLE);
    int64_t now;

    if (session_heartbeat(&d->session, d->state, d->has_failure ? &d->failure : NULL, &answer, &why)) {
        d->last_heartbeat_ms = clock_now_ms();
        outage_end(&d->silence);
        d->due_heartbeat = clock_monotonic_ms() + d->heartbeat_ms;
        heed_answer(d, &answer, false);
        if (waited)
            d->due_attest = clock_monotonic_ms(); /* the way is open again */
    } else {
        now = clock_monotonic_ms();
        d->due_heartbeat = now + (d->heartbeat_ms < HEARTBEAT_RETRY_MS ? d->heartbeat_ms : HEARTBEAT_RETRY_MS);
        if (why.id == FAILURE_IDENTITY_UNKNOWN)
            d->due_attest = now;
        if (why.id != FAILURE_NOT_ENROLLED)
            tell_failure(&d->silence, "heartbeat failed", &why);
    }
    write_status(d);
}

/* A machine that slept, was restored or copied has something to prove: at once (9.4). */
static void heed_signs(struct daemon *d)
{
    unsigned signs = wake_look(&d->wake);

    if (!signs)
        return;
    if (signs & WAKE_RESTORED) {
        notes_add(&d->session.watch.events, FAILURE_VMGENID, "the hypervisor says that this machine was restored or copied");
        session_part_from_copies(&d->session);
    }
    if (signs & WAKE_RESUMED) {
        notes_add(&d->session.watch.events, FAILURE_RESUME, "the machine slept");
        session_hang_up(&d->session);
        d->session.watch.resumed = true;
    }
    log_event(LOG_INFO, signs & WAKE_RESTORED ? "restored or copied: attesting" : "resumed: attesting", NULL);
    d->due_attest = clock_monotonic_ms();
}

static void loop(struct daemon *d, unsigned cycles)
{
    unsigned done = 0;

    while (!calls_stop() && !calls_reload() && !(cycles && done >= cycles)) {
        int64_t now;

        if (calls_woken()) {
            calls_forget_wake();
            d->due_attest = clock_monotonic_ms();
        }
        heed_signs(d);
        now = clock_monotonic_ms(); /* not before: what became due just now is due */
        if (now >= d->due_attest) {
            attest_cycle(d);
            done++;
        } else if (now >= d->due_heartbeat) {
            heartbeat(d);
        } else {
            wait_until(d, d->due_attest < d->due_heartbeat ? d->due_attest : d->due_heartbeat);
        }
    }
}

/* A user who has just enabled it does not wait: the verb `enable` leaves a mark. */
static bool take_wake_mark(const struct agent_config *config)
{
    char path[512];

    return snprintf(path, sizeof path, "%s/attest-now", config->run_dir) < (int)sizeof path && unlink(path) == 0;
}

/* OUT is root's where collect-logs made it; who runs without it makes one of his own. */
static void open_output(struct daemon *d)
{
    char events[sizeof d->out_dir + 8];
    struct err err = ERR_INIT;

    snprintf(d->out_dir, sizeof d->out_dir, "%s/out", d->config->run_dir);
    snprintf(events, sizeof events, "%s/events", d->out_dir);
    if (!file_exists(events) && !file_make_dirs(events, 0755, &err))
        log_event(LOG_WARNING, "no folder for the status", "why", err.text, NULL);
    d->telemetry.out_dir = d->out_dir;
    d->pulse = pulse_start(d->out_dir);
}

static void begin(struct daemon *d, const struct run_options *options)
{
    int64_t now = clock_monotonic_ms();
    bool at_once = take_wake_mark(d->config) || options->no_start_delay;

    routes_open(&d->routes);
    session_init(&d->session, d->config);
    d->session.progress = on_progress;
    state_check_token(&d->session.state);
    wake_init(&d->wake);
    d->telemetry.operation = d->session.host.boot_id;
    d->due_attest = now + (at_once ? 0 : backoff_start_ms(random_word()));
    d->due_heartbeat = now + d->heartbeat_ms;
    log_event(LOG_INFO, "trueboot-agent " TRUEBOOT_VERSION " runs", "endpoint", d->config->endpoint, NULL);
    if (d->session.state.note[0])
        log_event(LOG_WARNING, "state", "note", d->session.state.note, NULL);
    enter(d, d->state);
    notify_send("READY=1");
}

int run_daemon(const struct agent_config *config, const struct run_options *options)
{
    struct daemon d = { .config = config,
                        .options = options,
                        .state = "starting",
                        .started_ms = clock_now_ms(),
                        .period_ms = (int64_t)config->frequency_seconds * 1000,
                        .heartbeat_ms = (int64_t)config->heartbeat_seconds * 1000 };

    if (!take_lock(&d)) {
        lock_release(&d.lock);
        return RUN_EXIT_LOCKED;
    }
    calls_begin();
    open_output(&d);
    begin(&d, options);
    pulse_busy(d.pulse, WORK_MAX_MS);
    loop(&d, options->cycles);
    notify_send(calls_reload() && !calls_stop() ? "RELOADING=1" : "STOPPING=1");
    if (calls_reload() && !calls_stop())
        log_event(LOG_INFO, "trueboot-agent reads its configuration again", NULL);
    else
        log_event(LOG_INFO, "trueboot-agent stops", calls_stop() ? "code" : NULL, failure_name(FAILURE_CANCELLED), NULL);
    pulse_stop(d.pulse);
    routes_close(&d.routes);
    session_done(&d.session);
    wake_done(&d.wake);
    lock_release(&d.lock);
    return calls_reload() && !calls_stop() ? RUN_EXIT_RELOAD : RUN_EXIT_OK;
}
