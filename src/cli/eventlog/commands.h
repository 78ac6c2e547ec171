/* cli/eventlog/commands.h: verbs that show what is in an event log. Each is defined beside its code. */
#pragma once
#include "cli/frame/cli.h"

extern const struct cli_command command_bootchain_show;
extern const struct cli_command command_eventlog_explain, command_eventlog_diff;
extern const struct cli_command command_eventlog_show, command_eventlog_replay;
