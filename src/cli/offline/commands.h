/* cli/offline/commands.h: verbs that judge evidence from files, without a server, and the query that needs nothing. Each is defined beside its code. */
#pragma once
#include "cli/frame/cli.h"

extern const struct cli_command command_evidence_claims;
extern const struct cli_command command_query;
extern const struct cli_command command_quote_verify;
extern const struct cli_command command_verify, command_baseline_learn;
