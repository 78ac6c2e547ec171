/* The verb run on Windows: as a service, or in a console. */
#include "agent/daemon/run.h"
#include <stdio.h>
#include "agent/daemon/logfile.h"
#include "agent/handler/service_scm.h"
#include "agent/verbs/handler_verbs.h"
#include "agent/windows/service.h"
#include "base/log.h"

/* Told that its configuration changed: what holds now, if it can be read. Texts of the old one stay in the arena, a few hundred bytes. */
static void load_again(struct invocation *in)
{
    struct agent_config fresh;
    struct err err = ERR_INIT;

    if (config_load(&fresh, &in->arena, &in->places, &err))
        in->config = fresh;
    else
        log_event(LOG_ERROR, "the new configuration cannot be used", "why", err.text, NULL);
}

static int run(void *context)
{
    struct invocation *in = context;
    struct run_options options = { .no_start_delay = in->no_start_delay, .cycles = in->cycles };
    int code;

    verb_open_log(in);
    while ((code = run_daemon(&in->config, &options)) == RUN_EXIT_RELOAD) {
        load_again(in);
        options.no_start_delay = true; /* it goes on, and attests at once */
    }
    logfile_close();
    return code;
}

int verb_run(struct invocation *in)
{
    const struct service_work work = { .name = SCM_DAEMON, .run = run, .context = in };
    int code;

    return service_dispatch(&work, &code) ? code : run(in);
}

/* A service reads the boot's log itself. */
void verb_collect_first(struct invocation *in UNUSED) {}

int verb_collect_logs(struct invocation *in UNUSED)
{
    fprintf(stderr, "trueboot-agent: collect-logs: nothing needs to be copied on Windows\n");
    return VERB_EXIT_OK;
}
