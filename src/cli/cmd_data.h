/* cli/cmd_data.h: what the `trueboot data` commands share. */
#pragma once
#include "cli/cli.h"

/* An option that is a date or a time; 0 when it was not given. False: it is neither. */
MUST_CHECK bool data_date(const struct cli *cli, const char *option, int64_t *ret_ms);
