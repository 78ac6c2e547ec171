/* refdata/make.h: making reference data of what people have. Each file is told by its content:
 *
 *     a publisher's signed change of dbx     EFI_VARIABLE_AUTHENTICATION_2; its signature is checked with a well-known KEK certificate
 *     a publisher's descriptions             notes.h; they describe, and forbid nothing unless `advice` says so
 *     a data pack, signed or not             }
 *     shim                                   } only where somebody vouches for what is made: nothing in them is checked
 *     an SBAT level ("sbat,1,2025021800…")   }
 *     signature lists without a signature    } */
#pragma once
#include "bootchain/reference/reference.h"

struct boot_keys; /* bootchain/chain/chain.h */

struct refdata_making {
    struct arena *a;
    bool vouched;     /* whoever makes this signs it, or builds it for this machine alone */
    bool advice;      /* images that only descriptions name are forbidden, too */
    int64_t as_of_ms; /* the date of lists, which carry none; 0: the latest one in their descriptions, if any */

    struct boot_reference made, notes;
    bool has_notes;
    size_t n_taken;     /* files */
    const char *signer; /* of the last signed list; NULL: none was taken */
};

/* Each takes one more in. `name` is its file's name, for the sources and in errors; it is made safe to show. Files must outlive *m. */
MUST_CHECK bool refdata_take(struct refdata_making *m, struct bytes file, const char *name, struct err *err);
/* A certificate, PEM or DER: forbidden, or known by name with Microsoft's generation (0: none). */
MUST_CHECK bool refdata_forbid(struct refdata_making *m, struct bytes file, const char *name, struct err *err);
MUST_CHECK bool refdata_know(struct refdata_making *m, struct bytes file, int generation, struct err *err);
/* A dbx that was read elsewhere; `architectures` as in struct revocation, `words` for the sources. */
MUST_CHECK bool refdata_take_keys(struct refdata_making *m, const struct boot_keys *keys, enum revocation_list list, uint8_t architectures,
                                  const char *words, int64_t as_of_ms, struct err *err);
/* The result: described, without name or date, which the caller gives. */
MUST_CHECK bool refdata_made(struct refdata_making *m, struct boot_reference *ret, struct err *err);
