/* agent/windows/service.h: the running side of a service: this process handed over to Windows' service control manager. */
#pragma once
#include <stdbool.h>
#include <wchar.h>

struct service_work {
    const wchar_t *name;       /* agent/handler/service_scm.h */
    int (*run)(void *context); /* until agent/daemon/calls.h says stop; its answer is the service's exit code */
    void *context;
};

/* Hands over; *ret_code is what run() answered. False: we were started from a console, and nothing was done. A stop that takes longer than nine seconds ends
 * the process (guest-agent.md 9.5 CANCELLED). */
bool service_dispatch(const struct service_work *work, int *ret_code);
