/* agent/verbs/verb.h: what `trueboot-agent VERB` does (guest-agent.md 1.1). main.c reads options and the configuration, then calls one of these;
 * each prints for people on standard error, answers on standard output, and returns an exit code (6.5). */
#pragma once
#include "agent/failure/failure.h"
#include "agent/files/places.h"
#include "agent/settings/config.h"
#include "crypto/secret.h"

enum verb_exit {
    VERB_EXIT_OK = 0,
    VERB_EXIT_ERROR = 1,
    VERB_EXIT_USAGE = 2,
    VERB_EXIT_NO_STATUS = 3, /* status: the agent does not run here */
    VERB_EXIT_MISSING = 52,  /* a dependency or permission: no TPM node, not root, no VM agent */
    VERB_EXIT_BAD_SETTINGS = 53,
    VERB_EXIT_REFUSED = 65,
    VERB_EXIT_INTERNAL = 68,
    VERB_EXIT_TIMED_OUT = 70,
};

struct invocation {
    struct arena arena;
    struct config_places places;
    struct agent_config config;
    struct places places_of; /* where things lie; `places` says where to look for the configuration */
    const char *root, *services;
    char **arguments;       /* of main */
    unsigned every_seconds; /* publish: again and again; 0: once */
    const char *output;
    struct bytes nonce;
    bool no_start_delay, anew, via_daemon, purge;
    bool json, offline, attest, preflight; /* diagnose */
    const char *bundle;
    const char *token_file;     /* --token-file, as it was typed; the configuration's may be gone once it was used */
    bool bad_setting;           /* an option's configuration value was refused */
    const char *config_problem; /* why the configuration could not be read; NULL: it could */
    unsigned cycles;
    enum secret_guard secrets; /* how well this process keeps them */
};

int verb_install(struct invocation *in);
int verb_enable(struct invocation *in);
int verb_update(struct invocation *in);
int verb_disable(struct invocation *in);
int verb_uninstall(struct invocation *in);
int verb_collect_logs(struct invocation *in);
int verb_publish(struct invocation *in);
int verb_run(struct invocation *in);
int verb_enroll(struct invocation *in);
int verb_once(struct invocation *in);
int verb_status(struct invocation *in);
int verb_reset(struct invocation *in);
int verb_diagnose(struct invocation *in); /* 0 all passed, 1 warnings, 2 failures */

/* The program under the name of the published extension's client: getopt's letters instead of a verb. */
bool verb_is_client(const char *program);
int verb_client(struct invocation *in, int argc, char **argv);

/* Where a unit collects, the logs are copies for root as well: made now, if this boot has none yet. */
void verb_collect_first(struct invocation *in);
/* The daemon's log file, in log.dir or, if it is there, the usual folder. */
void verb_open_log(const struct invocation *in);
/* Whether a daemon holds the lock of run.dir. */
bool verb_daemon_runs(struct invocation *in);
int verb_once_via_daemon(struct invocation *in);

/* The value of --services; false: there is no such manager. */
MUST_CHECK bool verb_take_services(struct invocation *in, const char *value, struct err *err);

/* For the verbs. verb_failed prints "WHAT: why [CODE]", a line about what helps, and gives the exit code of the failure's class. */
int verb_failed(const char *what, const struct failure *why);
int verb_put_out(const char *path /* "-": standard output */, struct bytes content);
