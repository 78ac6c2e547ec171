/* cli/data/commands.h: verbs about reference data. Each is defined beside its code. */
#pragma once
#include "cli/frame/cli.h"

extern const struct cli_command command_data_show, command_data_update, command_data_trust;
extern const struct cli_command command_data_pack;
