/* eventlog/software/grub.h: what GRUB's "tpm" verifier logs: EV_IPL in registers 8 (commands) and 9 (files).
 *
 * GRUB hashes the bare text of a command and writes it after a prefix; the prefix says which kind it is and is covered by nothing: a
 * label (attack L9). For files the digest is the file's and the data is its name: a label, too. */
#pragma once
#include "eventlog/log/log.h"

enum grub_kind {
    GRUB_NOT,            /* not in GRUB's registers, or not its form */
    GRUB_COMMAND,        /* "grub_cmd: " */
    GRUB_KERNEL_CMDLINE, /* "kernel_cmdline: " */
    GRUB_MODULE_CMDLINE, /* "module_cmdline: " */
    GRUB_FILE,           /* a path, in register 9 */
};

struct grub_event {
    enum grub_kind kind;
    struct bytes text; /* the command without prefix and NUL, or the file's name */
};

struct grub_event grub_event_of(const struct event *event);

/* The pieces of GRUB's kernel command line: its first word is the kernel's path as GRUB was told, the rest the parameters. */
void grub_split_cmdline(struct bytes text, struct bytes *ret_kernel, struct bytes *ret_parameters);
