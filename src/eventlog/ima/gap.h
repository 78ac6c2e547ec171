/* eventlog/ima/gap.h: an IMA list that outlived the registers which it was extended into.
 *
 * A kernel that is resumed from hibernation (or whose memory outlived its TPM in another way) has the list of before, while register 10 began
 * anew with the TPM's reset. Then the register holds what the kernel that did the resuming measured, which as a rule is what every boot of this
 * image measures first, and then what was listed since. If it holds just that, the beginning of the list and its end, by the one-way hash
 * nothing else was extended: that much is proved. That the entries between were ever measured is not.
 * Source: Linux Documentation/power/swsusp.rst; security/integrity/ima (the list is kernel memory). */
#pragma once
#include "eventlog/ima/list.h"

struct ima_gap {
    uint32_t before; /* the register holds the list's first entries, this many */
    uint32_t after;  /* and those from this one on (counted from 0), */
    uint32_t end;    /* up to this one, which is not in it */
};

/* ima_find_gap looks for one: as `before` the first LIMIT_IMA_GAP_BEFORE beginnings, as `after` the last LIMIT_IMA_GAP_AFTER entries; so the work
 * does not grow with the list. `start` as for ima_verify(). False: *ret was not written. A list that cannot be read has none. */
bool ima_find_gap(struct bytes input, const struct pcr_set *quoted, const struct pcr_set *start, struct ima_gap *ret);
