/* cli/server/status.h: a VM's status in words. */
#pragma once
#include "cli/frame/cli.h"

/* Prints a status as `trueboot status NAME` does; `explain` as --explain does. */
void status_print_one(struct cli *cli, const struct json *status, bool explain);
