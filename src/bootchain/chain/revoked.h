/* bootchain/chain/revoked.h: how much of a known revocation list a machine's own dbx has. */
#pragma once
#include "bootchain/chain/chain.h"

struct dbx_tally {
    size_t listed;     /* images that machines of this kind should forbid; 0: the reference has no such list */
    size_t missing;    /* of them, those that this dbx does not have */
    size_t svn_behind; /* lowest versions of Windows boot managers that are lower than the known ones */
};

/* Each architecture has a list of its own, and a machine has one of them: that of its `architecture`, and where that is not known
 * (ARCHITECTURE_COUNT) the one that its dbx has most of. */
MUST_CHECK bool dbx_compare(struct arena *a, const struct boot_reference *reference, const struct boot_keys *dbx,
                            enum architecture architecture, struct dbx_tally *ret, struct err *err);
