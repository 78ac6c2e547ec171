/* agent/windows/service.h: the agent as a service of Windows' service control manager. */
#pragma once
#include "agent/windows/daemon.h"

enum { SERVICE_EXIT_DENIED = 52, SERVICE_EXIT_FAILED = 68 };

/* Installs the running program as the automatic service "trueboot-agent" under LocalService's limited token, or removes it. Print one
 * sentence on failure; exit codes of guest-agent.md 6.5. */
int service_install(void);
int service_remove(void);

/* Hands over to the service control manager. False: we were started from a console, and nothing was done. */
bool service_dispatch(struct windows_daemon *daemon, int *ret_code);
