/* The verbs about what the agent keeps: status, reset. */
#include <stdio.h>
#include <unistd.h>
#include "agent/session.h"
#include "agent/verb_handler.h"
#include "base/file.h"
#include "base/limits.h"

int verb_status(struct invocation *in)
{
    struct bytes text;
    struct err err = ERR_INIT;
    char *path = arena_printf(&in->arena, "%s/out/status.json", in->config.run_dir);

    if (!path || !file_read_in(&in->arena, path, LIMIT_SMALL_BODY_BYTES, &text, &err)) {
        fprintf(stderr, "trueboot-agent: no status: the agent does not run here (%s)\n", err.text);
        return VERB_EXIT_NO_STATUS;
    }
    return verb_put_out("-", text);
}

/* What belongs to this machine only, besides key and state: logs and secrets of the run folder, tokens and reports that wait. */
static void forget_copies(const struct invocation *in)
{
    static const char *const files[] = { "bios.log",
                                         "ima.bin",
                                         "ids.json",
                                         "out/status.json",
                                         "out/changed",
                                         "out/heartbeat.json",
                                         "secrets/enrollment-token",
                                         "secrets/client.crt",
                                         "secrets/reporting-token",
                                         "secrets/client.key",
                                         "secrets/proxy-credentials" };
    char path[1024];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (snprintf(path, sizeof path, "%s/%s", in->config.run_dir, files[i]) < (int)sizeof path)
            unlink(path);
}

/* The daemon of this machine, when it is its state that is wiped: it would write it again. */
static void stop_daemon(struct invocation *in)
{
    struct service_control services;
    struct places usual;
    struct err err = ERR_INIT;

    if (geteuid() != 0 || !places_init(&usual, &in->arena, in->places.root, NULL, NULL, &err) ||
        strcmp(usual.state_dir, in->config.state_dir) != 0)
        return;
    if (!verb_services(in, &services, &err) || !services.ops->pause(&services, &err))
        fprintf(stderr, "trueboot-agent: reset: the daemon may still run: %s\n", err.text);
}

int verb_reset(struct invocation *in)
{
    const struct ak_options options = { .handle = in->config.ak_handle, .handle_fallback = in->config.ak_handle_fallback };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;

    stop_daemon(in);
    session_init(&session, &in->config);
    forget_copies(in);
    if (!tpm_device_open(in->config.tcti, &tpm, &why) || !ak_forget(tpm, &options, &session.state.ak, &why))
        return verb_failed("reset", &why);
    if (!state_erase(in->config.state_dir, &err)) {
        fprintf(stderr, "trueboot-agent: reset: %s\n", err.text);
        return VERB_EXIT_ERROR;
    }
    return VERB_EXIT_OK;
}
