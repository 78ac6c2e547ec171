/* extension/environment.h: HandlerEnvironment.json, which the VM agent writes next to our package: where everything of a handler lies
 * (guest-agent.md 6.3, 6.13). A byte order mark is tolerated; members that we do not know are ignored. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct handler_environment {
    const char *log_folder, *config_folder, *status_folder;
    const char *heartbeat_file; /* NULL: it names none */
    const char *events_folder;  /* NULL: this VM agent collects none */
};

/* The paths are absolute, with slashes but none at the end, and copied into the arena. */
MUST_CHECK bool handler_environment_parse(struct arena *a, struct bytes text, struct handler_environment *ret, struct err *err);
