/* bootchain/reference/join.h: making one reference of several, and describing its entries. */
#pragma once
#include "bootchain/reference/reference.h"

/* revocation_merge completes `first` with what `second`, of the same digest, has and it has not. */
void revocation_merge(struct revocation *first, const struct revocation *second);

/* reference_join: everything that `one` (may be NULL) or `two` knows. Of an entry that both have, each detail is taken from the first that
 * has it, architectures are added up, and dbx counts before shim before advice. Sources are those of both. SBAT: that of the later date, of
 * the same date the higher generation of each component. Name and date are the caller's: those of `one` are kept. */
MUST_CHECK bool reference_join(struct arena *a, const struct boot_reference *one, const struct boot_reference *two,
                               struct boot_reference *ret, struct err *err);
/* reference_describe: as `one`, its entries described with what `notes` say of the same digests; what only the notes have is left out. */
MUST_CHECK bool reference_describe(struct arena *a, const struct boot_reference *one, const struct boot_reference *notes,
                                   struct boot_reference *ret, struct err *err);
