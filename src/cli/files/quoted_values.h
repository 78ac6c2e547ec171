/* cli/files/quoted_values.h: which register values a quote was made over, from what somebody has beside it.
 *
 * A quote holds one digest over many values. Whoever collects evidence by hand has values of another moment, of more registers and
 * banks than were quoted, or none at all. What is put together here is a proposal: quote_verify() alone decides. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "crypto/pcr.h"
#include "eventlog/ima/list.h"
#include "tpm/quote.h"

struct value_sources {
    const struct pcr_set *given;    /* values read from the TPM, or NULL... */
    const struct pcr_set *replayed; /* ...then what the logs give; never NULL. Registers without events have their reset values */
    const struct ima_list *ima;     /* may be NULL; register 10 moves on while evidence is collected (real-vm-boot.md 7, pitfall 6) */
};

/* quoted_values fills *ret with the registers that the quote selects, banks in its order. Where the digest does not fit and an IMA list
 * is there, register 10 is set to the value after that beginning of the list which makes it fit, if there is one. A quote that cannot be
 * read gives no values. False only for ERR_NO_MEMORY. */
MUST_CHECK bool quoted_values(struct arena *a, struct bytes attest, struct bytes signature, enum signature_form form,
                              const struct value_sources *sources, struct pcr_set *ret, struct err *err);
