/* bootchain/cmdline.h: a Linux kernel command line, word by word (Linux Documentation/admin-guide/kernel-parameters). */
#pragma once
#include "base/bytes.h"
#include "findings/finding.h"

/* cmdline_next takes the next word off `rest`: blanks separate, double quotes keep blanks together. `ret_name` is what stands before
 * the first '=', `ret_value` what follows, one pair of quotes removed; `ret_word` the whole as written. False at the end. */
bool cmdline_next(struct bytes *rest, struct bytes *ret_word, struct bytes *ret_name, struct bytes *ret_value);
/* Whether the word occurs as a name; '-' and '_' are the same there. */
bool cmdline_has(struct bytes text, const char *name);

/* A finding for every option that switches off a protection or replaces the first program. */
void cmdline_judge(struct bytes text, int pcr, int64_t event, struct findings *findings);

/* Whether GRUB text is a kernel's command line and not a command of GRUB's: by its own bytes, because the prefix that says so is covered by
 * no digest (attack L9). A kernel is named by a path, a command never is. */
bool cmdline_is_kernels(struct bytes text);
