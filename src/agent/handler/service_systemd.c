#include "agent/handler/service.h"

const char *const service_units[SERVICE_UNITS] = { "trueboot-agent.service",      "trueboot-agent-collect.service",
                                                   "trueboot-agent-collect.path", "trueboot-agent-publish.service",
                                                   "trueboot-agent-publish.path", "trueboot-agent-publish.timer" };

static bool systemctl(const char *const *arguments, struct err *err)
{
    int status;

    if (!service_run_program(arguments, &status, err))
        return false;
    return status ? err_set(err, ERR_IO, "systemctl %s %s ended with %d", arguments[1], arguments[2] ? arguments[2] : "", status) : true;
}

static bool units_changed(struct service_control *c UNUSED, struct err *err)
{
    static const char *const arguments[] = { "systemctl", "daemon-reload", NULL };

    return systemctl(arguments, err);
}

static bool start(struct service_control *c UNUSED, struct err *err)
{
    /* A unit that failed too often is not started before its counter is reset. */
    static const char *const forgive[] = { "systemctl", "reset-failed", "trueboot-agent.service", NULL };
    static const char *const arguments[] = { "systemctl",
                                             "enable",
                                             "--now",
                                             "trueboot-agent.service",
                                             "trueboot-agent-collect.path",
                                             "trueboot-agent-publish.path",
                                             "trueboot-agent-publish.timer",
                                             NULL };
    struct err ignored = ERR_INIT;

    (void)!systemctl(forgive, &ignored); /* it may never have been started */
    return systemctl(arguments, err);
}

static bool reload(struct service_control *c UNUSED, struct err *err)
{
    static const char *const arguments[] = { "systemctl", "reload", "trueboot-agent.service", NULL };

    return systemctl(arguments, err);
}

static bool is_active(struct service_control *c UNUSED)
{
    static const char *const arguments[] = { "systemctl", "is-active", "--quiet", "trueboot-agent.service", NULL };
    struct err ignored = ERR_INIT;

    return systemctl(arguments, &ignored);
}

static bool pause_now(struct service_control *c, struct err *err)
{
    static const char *const arguments[] = { "systemctl", "stop", "trueboot-agent.service", NULL };

    return !is_active(c) || systemctl(arguments, err);
}

static bool stop(struct service_control *c UNUSED, struct err *err)
{
    static const char *const listed[] = { "systemctl", "cat", "trueboot-agent.service", NULL };
    static const char *const arguments[] = { "systemctl",
                                             "disable",
                                             "--now",
                                             "trueboot-agent-collect.path",
                                             "trueboot-agent-publish.path",
                                             "trueboot-agent-publish.timer",
                                             "trueboot-agent.service",
                                             NULL };
    struct err ignored = ERR_INIT;

    if (!systemctl(listed, &ignored))
        return true; /* there is no such unit any more */
    return systemctl(arguments, err);
}

const struct service_ops service_systemd_ops = { units_changed, start, reload, pause_now, stop, is_active };
