/* Invoked as AszAttestationClient: the command line that the published extension starts its client with (guest-agent.md 7.6). The daemon
 * runs as always; it also writes status and heartbeat where it was told to, since no publisher of ours does. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agent/daemon/logfile.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/run.h"
#include "agent/daemon/sandbox.h"
#include "agent/handler/publish.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

static const char client_name[] = "AszAttestationClient";

bool verb_is_client(const char *program)
{
    struct bytes name = bytes_of_string(program);

    for (size_t i = name.len; i-- > 0;)
        if (program[i] == '/' || program[i] == '\\') {
            name = bytes_slice(name, i + 1, name.len);
            break;
        }
    if (bytes_ends_with(name, BYTES_LIT(".exe")))
        name.len -= strlen(".exe");
    return bytes_equal_string(name, client_name);
}

struct client {
    struct invocation *in;
    struct handler_record record;
    const char *events; /* the folder's name below the log folder */
};

/* -h is the heartbeat file, not help. */
static bool take_option(struct client *c, int option, const char *value, struct err *err)
{
    struct agent_config *config = &c->in->config;

    switch (option) {
    case 'a':
        return config_set(config, &c->in->arena, "-a", BYTES_LIT("attest.endpoint"), bytes_of_string(value), err);
    case 'r':
        return config_set(config, &c->in->arena, "-r", BYTES_LIT("report.endpoint"), bytes_of_string(value), err);
    case 'l':
        c->record.log_folder = value;
        return config_set(config, &c->in->arena, "-l", BYTES_LIT("log.dir"), bytes_of_string(value), err);
    case 'h':
        c->record.heartbeat_file = value;
        return true;
    case 's':
        c->record.status_file = value;
        return true;
    case 'e':
        c->events = value;
        return strpbrk(value, "/\\:") ? err_set(err, ERR_MALFORMED, "-e: the name of a folder is expected") : true;
    case 'v':
        c->record.version = value;
        return true;
    case 'c':
        return config_set(config, &c->in->arena, "-c", BYTES_LIT("report.cluster_id"), bytes_of_string(value), err);
    case 'd':
        return config_set(config, &c->in->arena, "-d", BYTES_LIT("report.cluster_tenant"), bytes_of_string(value), err);
    default:
        return err_set(err, ERR_UNSUPPORTED,
                       "usage: %s -a ENDPOINT -r ENDPOINT -l DIR -h HEARTBEAT -s STATUS -e EVENTS -v VERSION -c ID -d TENANT", client_name);
    }
}

static void pass_on(void *context)
{
    struct client *c = context;
    struct err err = ERR_INIT;

    if (!publish_once(&c->in->places_of, &c->record, clock_now_ms(), &err))
        log_event(LOG_WARNING, "status not passed on", "why", err.text, NULL);
}

int verb_client(struct invocation *in, int argc, char **argv)
{
    struct client c = { .in = in, .record = { .operation = "Enable", .enabled_ms = clock_now_ms(), .first_enabled_ms = clock_now_ms() } };
    const struct run_options options = { .no_start_delay = true, .published = pass_on, .context = &c };
    struct err err = ERR_INIT;
    int option, code;

    optind = 1;
    while ((option = getopt(argc, argv, "a:r:l:h:s:e:v:c:d:")) != -1)
        if (!take_option(&c, option, optarg, &err))
            return verb_refused("run", VERB_EXIT_USAGE, &err);
    if (optind < argc) {
        fprintf(stderr, "trueboot-agent: run: \"%.40s\" is one word too many for %s\n",
                text_for_people(&in->arena, bytes_of_string(argv[optind])) ?: "", client_name);
        return VERB_EXIT_USAGE;
    }
    if (c.events && c.record.log_folder)
        c.record.events_folder = arena_printf(&in->arena, "%s/%s", c.record.log_folder, c.events);
    notify_open();
    if (in->config.log_dir && !logfile_open(in->config.log_dir, &err))
        log_event(LOG_WARNING, "no log file", "why", err.text, NULL);
    if (in->config.sandbox && !sandbox_enter(false, &err))
        log_event(LOG_WARNING, "no system call filter", "why", err.text, NULL);
    code = run_daemon(&in->config, &options);
    logfile_close();
    return code == RUN_EXIT_RELOAD ? RUN_EXIT_OK : code;
}
