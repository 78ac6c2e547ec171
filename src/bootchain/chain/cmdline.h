/* bootchain/chain/cmdline.h: a Linux kernel command line, word by word (Linux Documentation/admin-guide/kernel-parameters).
 *
 * One text has several readers, and they do not agree where a word ends: the kernel (lib/cmdline.c, next_arg), systemd (proc-cmdline.c) and
 * the shell scripts of initial RAM disks. What one of them would obey counts, whatever the others see there. */
#pragma once
#include "base/bytes.h"
#include "findings/finding.h"

enum cmdline_reader {
    CMDLINE_KERNEL,  /* blanks of Latin-1, A0 among them, which is half of a UTF-8 letter; double quotes keep blanks together */
    CMDLINE_SYSTEMD, /* both kinds of quotes, taken away wherever they stand */
    CMDLINE_SHELL,   /* `for word in $(cat /proc/cmdline)`: quotes mean nothing; the kernel's early code ends words at control characters */
    CMDLINE_READERS
};

enum { CMDLINE_WORD_MAX = 512 }; /* bytes of a word that systemd's reader keeps; no name or value that we know is longer */

/* A word as one reader sees it. */
struct cmdline_word {
    struct bytes whole;       /* as written */
    struct bytes name, value; /* before and after the first '='; views into the text, or into `plain` */
    uint8_t plain[CMDLINE_WORD_MAX];
};

/* cmdline_word_next takes the next word off `rest`; false at the end. `ret` must stay where it is: views may point into it. */
bool cmdline_word_next(enum cmdline_reader reader, struct bytes *rest, struct cmdline_word *ret);
/* The kernel's words, for showing differences. */
bool cmdline_next(struct bytes *rest, struct bytes *ret_word, struct bytes *ret_name, struct bytes *ret_value);
/* Whether the text makes an EFI stub load an initrd file: it looks for "initrd=" anywhere, in the middle of a word, too
 * (drivers/firmware/efi/libstub/file.c). */
bool cmdline_names_initrd(struct bytes text);

/* A finding for every option that switches off a protection or replaces the first program. `text` as it was measured, in UTF-8, not as it is
 * shown: escaping a blank would hide it. */
void cmdline_judge(struct bytes text, int pcr, int64_t event, struct findings *findings);

/* Whether GRUB text is a kernel's command line and not a command of GRUB's: by its own bytes, because the prefix that says so is covered by
 * no digest (attack L9). A kernel is named by a path, a command never is. */
bool cmdline_is_kernels(struct bytes text);
