/* agent/windows/daemon.h: the agent's loop on Windows: attests, reports, beats, and waits in between, like agent/daemon/run.h, without what belongs to
 * Linux' service managers. */
#pragma once
#include <windows.h>
#include "agent/settings/config.h"

struct windows_daemon {
    const struct agent_config *config;
    HANDLE stop;     /* manual-reset: set by whoever wants it to end */
    unsigned cycles; /* stop after so many, failed ones included; 0: never */
    bool no_start_delay;
};

/* 0, or 69 when another one runs. Logs to standard error. */
int windows_daemon_run(const struct windows_daemon *daemon);
