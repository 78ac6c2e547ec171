/* agent/machine/kernel_look.h: what the running kernel says of its modules, read by root's helper (collect.h), never by the daemon.
 *
 *   /proc/sys/kernel/tainted, modules_disabled, osrelease    /sys/module/module/parameters/sig_enforce    /sys/module/NAME/taint
 *   /sys/kernel/security/lockdown                            /dev/kmsg, for modules that were refused
 *
 * What cannot be read is not known; nothing here fails. */
#pragma once
#include "eventlog/kernel/state.h"

/* `root` in front of every path; NULL or "": none. Under another root a plain file stands for /dev/kmsg, with a record on each line. */
void kernel_look(const char *root, struct kernel_state *ret);
