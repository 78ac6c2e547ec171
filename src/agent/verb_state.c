/* The verbs about what the agent keeps: status, reset. */
#include <stdio.h>
#include "agent/session.h"
#include "agent/verb.h"
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

int verb_reset(struct invocation *in)
{
    const struct ak_options options = { .handle = in->config.ak_handle, .handle_fallback = in->config.ak_handle_fallback };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;

    session_init(&session, &in->config);
    if (!tpm_device_open(in->config.tcti, &tpm, &why) || !ak_forget(tpm, &options, &session.state.ak, &why))
        return verb_failed("reset", &why);
    if (!state_erase(in->config.state_dir, &err)) {
        fprintf(stderr, "trueboot-agent: reset: %s\n", err.text);
        return VERB_EXIT_ERROR;
    }
    return VERB_EXIT_OK;
}
