/* agent/handler/service.h: starting and stopping the daemon and its publisher: with systemd, in a container without it, or not at all.
 *
 * With a service manager the verbs only ask it: a child of a handler would stay in the handler's own scope and quota (guest-agent.md 6.4).
 * Without one (a plain container) the daemon is started directly, in a session of its own, with its id in a file. */
#pragma once
#include "agent/files/places.h"

struct service_control;

struct service_ops {
    bool (*units_changed)(struct service_control *c, struct err *err);
    bool (*start)(struct service_control *c, struct err *err);  /* now, and at every boot */
    bool (*reload)(struct service_control *c, struct err *err); /* read the configuration again and attest at once */
    bool (*pause)(struct service_control *c, struct err *err);  /* now, until the next boot or start */
    bool (*stop)(struct service_control *c, struct err *err);   /* now, and for good; fine when nothing runs */
    bool (*is_active)(struct service_control *c);
};

struct service_control {
    const char *name;
    const struct service_ops *ops;
    const struct places *places;
    void *context; /* of a test's own ops */
};

/* `manager`: "systemd", "direct", "none", or "auto": systemd where it runs and the root is this machine's, none for another root, else
 * direct. */
MUST_CHECK bool service_choose(struct service_control *ret, const char *manager, const struct places *places, struct err *err);

extern const struct service_ops service_systemd_ops, service_direct_ops, service_none_ops;

/* The units, as they lie in the package's folder units/. The first is the daemon's. */
enum { SERVICE_UNITS = 6 };
extern const char *const service_units[SERVICE_UNITS];

/* Runs a program to its end, without a shell; its output is ours. *ret_status is its exit code. Programs are found in the usual folders. */
MUST_CHECK bool service_run_program(const char *const *arguments, int *ret_status, struct err *err);
