/* cli/findings_show.h: findings as the commands show them: JSON for programs, a few lines each for people. */
#pragma once
#include "cli/cli.h"
#include "findings/finding.h"

/* [{id, severity, phase, title, pcr, event, was, is, text, why, remedy}]; `vm` takes the place of {vm} in remedies, NULL: unnamed. */
void findings_put(struct arena *a, struct json_out *out, const char *name, const struct findings *findings, const char *vm);
/* Prints such an array, the worst first; "none" when it is empty. `least` leaves out what is less severe. */
void findings_print(struct cli *cli, const struct json *findings, enum severity least);
