/* cli/show/kernel.h: what is known of the running kernel, for people: proved, or the guest's own words, which is said. */
#pragma once
#include "cli/frame/cli.h"
#include "json/value.h"

/* `line` prints a title and a text; it is called for what is known. `state`: the object "kernelState" of facts; may be NULL. */
void kernel_show(struct cli *cli, const struct json *state, void (*line)(const char *title, const char *text));
