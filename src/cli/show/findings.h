/* cli/show/findings.h: findings as every command shows them: JSON for programs, a few lines each for people. */
#pragma once
#include "cli/frame/cli.h"
#include "findings/finding.h"

/* [{id, severity, phase, title, pcr, event, was, is, text, why, remedy}]; `vm` takes the place of {vm} in remedies, NULL: unnamed. */
void findings_put(struct arena *a, struct json_out *out, const char *name, const struct findings *findings, const char *vm);

/* JUDGED: what speaks against the boot with everything that is known of it, numbered; the rest in short, as noted. LISTED: nothing is judged,
 * and every one is shown alike. */
enum findings_view { FINDINGS_JUDGED, FINDINGS_LISTED };
/* Prints such an array, or the reasons of a server's status (code, message and eventIndex there), the worst first; false: there is none. */
bool findings_print(struct cli *cli, const struct json *findings, enum findings_view view);
/* … below a heading, with "none" where there is none. */
void findings_section(struct cli *cli, const char *heading, const struct json *findings, enum findings_view view);
