/* The verb run. */
#include <errno.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agent/daemon/logfile.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/run.h"
#include "agent/daemon/sandbox.h"
#include "agent/machine/collect.h"
#include "agent/machine/host.h"
#include "agent/verbs/handler_verbs.h"
#include "base/file.h"
#include "base/log.h"

/* Where a unit collects, the logs are copies for root as well: made now, if this boot has none yet. */
void verb_collect_first(struct invocation *in)
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
    verb_open_log(in);
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
