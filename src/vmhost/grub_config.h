/* vmhost/grub_config.h: the guest's grub.cfg as text: made, read, and its kernel command line changed. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { GRUB_CONFIG_MAX = 64 * 1024 };

/* linuxefi rather than linux, where `grub`, the program's bytes, has that command: with Secure Boot off Debian's GRUB 2.06 would otherwise start the kernel past
 * its EFI stub, and the guest would have no event log. From 2.12 on there is only linux, which always goes that way. NULL: no memory. */
char *grub_config_make(struct arena *a, struct bytes grub, const char *cmdline);

/* The arguments of the first linux, linux16 or linuxefi command, after the kernel's path. ERR_NOT_FOUND when there is none. */
MUST_CHECK bool grub_config_get_cmdline(struct bytes text, struct bytes *ret, struct err *err);
/* grub_config_set_cmdline keeps everything else as it is. */
MUST_CHECK bool grub_config_set_cmdline(struct arena *a, struct bytes text, const char *cmdline, struct bytes *ret, struct err *err);
