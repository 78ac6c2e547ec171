/* cli/policy/commands.h: verbs about attestation policies. Each is defined beside its code. */
#pragma once
#include "cli/frame/cli.h"

extern const struct cli_command command_policy_diff;
extern const struct cli_command command_policy_show, command_policy_set, command_policy_reset, command_policy_history, command_policy_lint;
extern const struct cli_command command_policy_test;
