/* bootchain/chain/plain.h: the same facts in a person's words, for command line, portal and alerts. All text is safe to show and lives
 * in the arena; NULL only when memory is out. */
#pragma once
#include "bootchain/chain/chain.h"

/* Words that a command line gained and lost. Order of words alone is no difference, but is told apart by `reordered`. */
struct cmdline_diff {
    const char *added; /* separated by blanks; "" when none */
    const char *removed;
    bool reordered; /* the same words in another order */
};
MUST_CHECK bool plain_cmdline_diff(struct arena *a, const char *was, const char *is, struct cmdline_diff *ret);

/* One line for a phase: "Secure Boot on (2011 Microsoft keys), shim and kernel authorised by …". */
const char *plain_phase_summary(struct arena *a, const struct bootchain *chain, enum phase phase);
/* "Linux vmlinuz-6.1.0-56-cloud-amd64 through shim and GRUB"; "Windows"; "unknown". */
const char *plain_boot_summary(struct arena *a, const struct bootchain *chain);
const char *plain_boot_flow(enum boot_flow flow);
const char *plain_initrd(enum initrd_state state);
/* The last part of a path, whatever its separators. */
const char *plain_file_name(struct arena *a, const char *path);
