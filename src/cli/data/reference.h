/* cli/data/reference.h: the reference data that an offline command judges by. */
#pragma once
#include "cli/frame/cli.h"
#include "refdata/refdata.h"

/* What --data names, which then must do; without it whatever there is serves, and *ret is NULL where there is none. */
MUST_CHECK bool cli_reference(struct cli *cli, const struct refdata **ret, struct err *err);
