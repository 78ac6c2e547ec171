/* cli/manual.h: the command table as a man page and as completions for shells. `trueboot help --man`, `trueboot help --completion SHELL`; the
 * build installs what they print, so that neither can say anything that the program does not do. */
#pragma once
#include "cli/frame/cli.h"

void manual_print(FILE *to);                                   /* trueboot(1), as scdoc reads it */
MUST_CHECK bool completion_print(const char *shell, FILE *to); /* bash, zsh or fish; false: another */
