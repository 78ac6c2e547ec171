/* The verbs that talk to TPM and server: run, enroll, once. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "agent/daemon/logfile.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/run.h"
#include "agent/daemon/sandbox.h"
#include "agent/machine/collect.h"
#include "agent/machine/host.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "extension/outcome.h"
#include "json/parse.h"
#include "json/write.h"

enum { VIA_DAEMON_MS = 150 * 1000 };

static void say(void *context UNUSED, const char *step, const char *detail)
{
    fprintf(stderr, "trueboot-agent: %s%s%s\n", step, detail ? ": " : "", detail ? detail : "");
}

/* Where a unit collects, the logs are copies for root as well: made now, if this boot has none yet. */
static void collect_first(struct invocation *in)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct collected collected;
    struct host host;

    if (geteuid() != 0 || !collect_is_installed(""))
        return;
    host_learn(&host, in->config.run_dir);
    if (!collect_find(&a, in->config.run_dir, host.boot_id, &collected) && verb_collect_logs(in) != VERB_EXIT_OK)
        log_event(LOG_WARNING, "the logs could not be collected", NULL);
}

static void open_session(struct invocation *in, struct session *session)
{
    collect_first(in);
    session_init(session, &in->config);
    session->progress = say;
}

/* Root without a user to become: an explicit run.user has to be there, the usual one is missed loudly; run.user = root says that this is meant. */
static bool is_to_become(const struct invocation *in, bool *ret, struct err *err)
{
    const char *user = verb_user(in);

    *ret = geteuid() == 0 && strcmp(user, "root") != 0;
    if (!*ret || getpwnam(user))
        return true;
    if (in->config.user && *in->config.user)
        return err_set(err, ERR_UNSUPPORTED, "run.user: there is no user %s", user);
    log_event(LOG_WARNING, "the daemon runs as root, as its user does not exist: make one, or name another, or root, in run.user", "user",
              user, NULL);
    return !(*ret = false);
}

/* Where root starts it without a service manager, we do what the units do: logs for the daemon's eyes, then another user. */
static bool give_up_power(struct invocation *in, int *ret_code, struct err *err)
{
    struct err why = ERR_INIT;
    bool become;

    *ret_code = VERB_EXIT_BAD_SETTINGS;
    if (!in->config.sandbox)
        return true;
    if (!is_to_become(in, &become, err))
        return false;
    *ret_code = VERB_EXIT_INTERNAL;
    if (become) {
        if (verb_collect_logs(in) != VERB_EXIT_OK)
            log_event(LOG_WARNING, "the logs could not be collected", NULL);
        if (!sandbox_become(verb_user(in), &in->places_of, err))
            return false;
    }
    if (!sandbox_enter(false, &why))
        log_event(LOG_WARNING, "no system call filter", "why", why.text, NULL);
    return true;
}

static void open_log(const struct invocation *in)
{
    const char *folder = in->config.log_dir ? in->config.log_dir : in->places_of.log_dir;
    struct err err = ERR_INIT;

    if (*folder && (in->config.log_dir || file_exists(folder)) && !logfile_open(folder, &err))
        log_event(LOG_WARNING, "no log file", "why", err.text, NULL);
}

/* SIGHUP: the same program with the same words, and what the configuration says now, if it can be read. */
static int start_again(struct invocation *in)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config fresh;
    char *mark = arena_printf(&a, "%s/attest-now", in->config.run_dir);

    if (mark && config_load(&fresh, &a, &in->places, &err) && file_write(mark, BYTES_NONE, 0640, &err))
        execv("/proc/self/exe", in->arguments);
    log_event(LOG_ERROR, "the new configuration cannot be used", "why", err.text[0] ? err.text : strerror(errno), NULL);
    return RUN_EXIT_RELOAD;
}

/* What a cycle needs is kept for the next one instead of being given back and faulted in again; what a large log needs is not. */
static void keep_small_memory(void)
{
    enum { KEPT_BYTES = 256 * 1024, LARGE_BYTES = 128 * 1024 };

    (void)!mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)!mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

int verb_run(struct invocation *in)
{
    struct run_options options = { .no_start_delay = in->no_start_delay, .cycles = in->cycles };
    struct err err = ERR_INIT;
    int code;

    keep_small_memory();
    notify_open();
    if (!give_up_power(in, &code, &err))
        return verb_refused("run", code, &err);
    open_log(in);
    if (in->secrets != SECRET_LOCKED)
        log_event(LOG_INFO, "secrets are not locked into memory", "why",
                  "RLIMIT_MEMLOCK is too small; they are left out of dumps and wiped", NULL);
    while ((code = run_daemon(&in->config, &options)) == RUN_EXIT_RELOAD) {
        start_again(in);
        options.no_start_delay = true; /* it goes on as it was, and attests at once */
    }
    logfile_close();
    return code;
}

int verb_enroll(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;

    open_session(in, &session);
    if (!session_enrol(&session, in->anew, &why))
        return verb_failed("enroll", &why);
    printf("%s\n", session.state.vm_id);
    return VERB_EXIT_OK;
}

static int write_evidence(struct invocation *in, struct session *session)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct failure why = FAILURE_INIT;

    if (!session_evidence(session, in->nonce, &w, &why))
        return verb_failed("once", &why);
    return verb_put_out(in->output, writer_bytes(&w));
}

/* The running daemon attests now: we ask, and wait until it is done. */
static bool read_daemon(const struct invocation *in, struct arena *a, const struct json **ret)
{
    char *path = arena_printf(a, "%s/status.json", in->places_of.out_dir);
    struct bytes text;
    struct err err = ERR_INIT;

    return path && file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, &err) && json_parse(a, text, NULL, ret, &err);
}

static int64_t time_of(const struct json *status, const char *name)
{
    int64_t ms;

    return clock_parse(json_text(json_get(status, name), BYTES_NONE), &ms) ? ms : 0;
}

static bool is_newer(const struct json *status, int64_t than_ms)
{
    return (time_of(status, "lastVerdictTime") >= than_ms || time_of(status, "lastFailureTime") >= than_ms) &&
           !json_is_string(json_get(status, "state"), "attesting");
}

/* The verdict if there is a new one; else what was in its way. An older verdict says nothing. */
static int result_of(const struct json *status, int64_t asked_ms)
{
    char code[40];

    if (time_of(status, "lastVerdictTime") >= asked_ms)
        return json_is_string(json_get(status, "lastVerdict"), "accepted") ? VERB_EXIT_OK : VERB_EXIT_REFUSED;
    snprintf(code, sizeof code, "%.*s", BYTES_FMT(json_text(json_at(status, "failure", "code", NULL), BYTES_NONE)));
    return outcome_of(code)->exit_code;
}

/* The number in a status that was left behind may be somebody else's by now: only a daemon that holds the lock is signalled. */
static bool holds_lock(struct invocation *in)
{
    char *path = arena_printf(&in->arena, "%s/lock", in->places_of.run_dir);
    int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return held;
}

static int once_via_daemon(struct invocation *in)
{
    const struct timespec pause = { .tv_nsec = 200 * 1000000L };
    int64_t asked_ms = clock_now_ms(), pid = 0;
    const struct json *status;
    char *text;

    if (!read_daemon(in, &in->arena, &status) || !json_as_integer(json_get(status, "pid"), &pid) || pid <= 1 || !holds_lock(in) ||
        kill((pid_t)pid, SIGUSR1)) {
        fprintf(stderr, "trueboot-agent: once: no daemon that we may ask runs here\n");
        return VERB_EXIT_NO_STATUS;
    }
    for (int64_t end = clock_monotonic_ms() + VIA_DAEMON_MS; clock_monotonic_ms() < end; nanosleep(&pause, NULL)) {
        struct arena a CLEANUP(arena_done) = { 0 };

        if (!read_daemon(in, &a, &status) || !is_newer(status, asked_ms))
            continue;
        text = json_to_string(&a, status, JSON_INDENTED);
        if (text)
            puts(text);
        return result_of(status, asked_ms);
    }
    fprintf(stderr, "trueboot-agent: once: the daemon did not get an answer in time\n");
    return VERB_EXIT_TIMED_OUT;
}

/* With --output: evidence for carrying by hand, no server needed. Else one attestation; the token goes to standard output. */
int verb_once(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct failure why = FAILURE_INIT;
    struct attest_result result;

    if (in->via_daemon)
        return once_via_daemon(in);
    open_session(in, &session);
    session.state.in_memory = true;
    if (in->output)
        return write_evidence(in, &session);
    if (!session_attest(&session, &a, &result, &why))
        return verb_failed("once", &why);
    printf("%.*s\n", BYTES_FMT(result.token));
    return VERB_EXIT_OK;
}
