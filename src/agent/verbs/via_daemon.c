/* once --via-daemon: the running daemon attests, and we wait for what it says. */
#include <stdio.h>
#include <time.h>
#include "agent/daemon/calls.h"
#include "agent/daemon/lock.h"
#include "agent/verbs/verb.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "diagnose/words.h"
#include "extension/outcome.h"
#include "json/parse.h"
#include "json/write.h"

enum { VIA_DAEMON_MS = 150 * 1000 };

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

/* The number in a status that was left behind may be somebody else's by now: only a daemon that holds the lock is called. */
bool verb_daemon_runs(struct invocation *in)
{
    char *path = arena_printf(&in->arena, "%s/lock", in->places_of.run_dir);

    return path && lock_is_held(path);
}

int verb_once_via_daemon(struct invocation *in)
{
    const struct timespec pause = { .tv_nsec = 200 * 1000000L };
    int64_t asked_ms = clock_now_ms(), pid = 0;
    const struct json *status;
    char *text;

    if (!read_daemon(in, &in->arena, &status) || !json_as_integer(json_get(status, "pid"), &pid) || pid <= 1 || !verb_daemon_runs(in) ||
        !calls_wake(pid)) {
        fprintf(stderr, "trueboot-agent: once: no daemon that we may ask runs here; %s, or leave --via-daemon out\n",
                machine_words.start_service);
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
