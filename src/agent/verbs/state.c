/* The verbs about what the agent keeps: status, reset. */
#include <stdio.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/session/session.h"
#include "agent/verbs/handler_verbs.h"
#include "base/file.h"
#include "base/limits.h"
#include "diagnose/words.h"

int verb_status(struct invocation *in)
{
    struct bytes text;
    struct err err = ERR_INIT;
    char *path = arena_printf(&in->arena, "%s/out/status.json", in->config.run_dir);

    if (!path || !file_read_in(&in->arena, path, LIMIT_SMALL_BODY_BYTES, &text, &err)) {
        if (err.code == ERR_DENIED) {
            fprintf(stderr, "trueboot-agent: status: only root and the agent's own group may read it (%s)\n", err.text);
            return VERB_EXIT_MISSING;
        }
        fprintf(stderr, "trueboot-agent: no status: the agent does not run here (%s); %s\n", err.text, machine_words.start_service);
        return VERB_EXIT_NO_STATUS;
    }
    if (!verb_daemon_runs(in))
        fprintf(stderr, "trueboot-agent: status: the agent does not run now; this is what it said last; %s\n", machine_words.start_service);
    return verb_put_out("-", text);
}

/* Whether it is the installed agent's state that is wiped, and not that of a folder that was named. */
static bool is_of_this_machine(struct invocation *in)
{
    struct places usual;
    struct err none = ERR_INIT;

    return places_init(&usual, &in->arena, in->places.root, NULL, NULL, &none) && strcmp(usual.state_dir, in->config.state_dir) == 0;
}

enum { COPIES_MAX = 1024 };

/* Without names: all of them. The last part of `folder` may be no link: the daemon could have put one there. */
static void forget_files(struct invocation *in, const char *folder, const char *const *names, size_t n)
{
    int fd CLEANUP(folder_close_at) = -1;
    struct err none = ERR_INIT;
    const char **all;

    if (!folder || !folder_open(folder, &fd, &none))
        return;
    if (!names) {
        if (!folder_list(fd, &in->arena, COPIES_MAX, &all, &n, &none))
            return;
        names = all;
    }
    for (size_t i = 0; i < n; i++)
        (void)!folder_unlink(fd, names[i], &none);
}

/* What belongs to this machine only, besides key and state: copies of its logs, what it said last, its own log, tokens and reports that wait. */
static void forget_copies(struct invocation *in)
{
    static const char *const run[] = { "bios.log", "ima.bin", "kernel.json", "ids.json", CONFIG_HOST_COPY };
    static const char *const out[] = { "status.json", "changed", "heartbeat.json", "collect-request" };
    static const char *const logs[] = { "trueboot-agent.log", "trueboot-agent.log.1", "trueboot-agent.log.2" };
    const char *dir = in->config.run_dir;

    forget_files(in, dir, run, ARRAY_LEN(run));
    forget_files(in, arena_printf(&in->arena, "%s/out", dir), out, ARRAY_LEN(out));
    forget_files(in, arena_printf(&in->arena, "%s/out/events", dir), NULL, 0);
    forget_files(in, arena_printf(&in->arena, "%s/secrets", dir), NULL, 0);
    if (in->config.log_dir || is_of_this_machine(in))
        forget_files(in, in->config.log_dir ? in->config.log_dir : in->places_of.log_dir, logs, ARRAY_LEN(logs));
}

/* The daemon of this machine would write its state again. */
static void stop_daemon(struct invocation *in)
{
    struct service_control services;
    struct err err = ERR_INIT;

    if (geteuid() != 0 || !is_of_this_machine(in))
        return;
    if (!verb_services(in, &services, &err) || !services.ops->pause(&services, &err))
        fprintf(stderr, "trueboot-agent: reset: the daemon may still run: %s\n", err.text);
}

/* A machine without a TPM has no key to take away. With a TPM that does not answer the files are what is known of the key: they stay for the next try,
 * unless `anyhow`. */
static int wipe_identity(struct invocation *in, bool anyhow)
{
    const struct ak_options options = { .handle = in->config.ak_handle, .handle_fallback = in->config.ak_handle_fallback };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    int code = VERB_EXIT_OK;

    session_init(&session, &in->config);
    forget_copies(in);
    if (!tpm_device_open(in->config.tcti, &tpm, &why) || !ak_forget(tpm, &options, &session.state.ak, &why)) {
        if (why.id == FAILURE_NO_TPM)
            fprintf(stderr, "trueboot-agent: reset: there is no TPM, and so no key to take out of it\n");
        else
            code = verb_failed("reset", &why);
        if (code != VERB_EXIT_OK && !anyhow)
            return code;
    }
    if (!state_erase(in->config.state_dir, &err)) {
        fprintf(stderr, "trueboot-agent: reset: %s\n", err.text);
        return VERB_EXIT_ERROR;
    }
    return code;
}

int verb_reset(struct invocation *in)
{
    if (!verb_may_change(in, "reset", in->config.state_dir))
        return VERB_EXIT_MISSING;
    stop_daemon(in);
    return wipe_identity(in, false);
}

int verb_purge(struct invocation *in) { return wipe_identity(in, true); }
