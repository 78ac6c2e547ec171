/* appraise/ima_words.h: what can truthfully be said of an IMA list, beside that it gives the quoted value of register 10 or does not.
 *
 * Two honest guests have lists that do not fit: one that was resumed from hibernation (the list is the old kernel's, the registers are the
 * fresh boot's) and one whose second kernel, started by kexec, did not take the first one's list over. Neither can be proved honest; the finding names
 * what the evidence says. */
#pragma once
#include "bootchain/chain/chain.h"
#include "eventlog/ima/list.h"

/* The finding for a list of `n` entries that does not fit. `list` is empty when only a piece of it came; `chain` may be NULL. */
void ima_explain_mismatch(struct arena *a, struct bytes list, uint32_t n, const struct pcr_set *quoted, const struct pcr_set *start,
                          const struct bootchain *chain, struct findings *findings);
