/* agent/handler/service.h: starting and stopping the daemon and its publisher: with systemd, in a container without it, by Windows' service control
 * manager, or not at all.
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

/* `manager`: one of this system's ("systemd", "direct"; on Windows "scm"), "none", or "auto": none for another root than this machine's, else the
 * usual one. NULL: TRUEBOOT_AGENT_SERVICES, else auto. */
MUST_CHECK bool service_choose(struct service_control *ret, const char *manager, const struct places *places, struct err *err);

struct service_manager {
    const char *name;
    const struct service_ops *ops;
};
extern const struct service_manager service_managers[]; /* this system's; the last has no name */
extern const char service_manager_names[];              /* of them, for people */
const char *service_usual_manager(void);                /* systemd where it runs, else direct; on Windows the service control manager */

extern const struct service_ops service_systemd_ops, service_direct_ops, service_scm_ops, service_none_ops;

/* Linux: the units, as they lie in the package's folder units/. The first is the daemon's. */
enum { SERVICE_UNITS = 6 };
extern const char *const service_units[SERVICE_UNITS];

/* Runs a program to its end, without a shell; its output is ours. *ret_status is its exit code. Programs are found in the usual folders. */
MUST_CHECK bool service_run_program(const char *const *arguments, int *ret_status, struct err *err);
