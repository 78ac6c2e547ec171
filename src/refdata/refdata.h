/* refdata/refdata.h: where the reference knowledge of bootchain/reference.h is kept, and how it is renewed.
 *
 * Whoever appraises uses its own pack when it has one (the server DATA/reference.pack, offline commands that of the user's data folder),
 * else the default pack, which tools/make_data_pack.c makes of what the distribution's packages carry. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "bootchain/reference.h"
#include "json/write.h"

enum { REFDATA_MAX_BYTES = 4 * 1024 * 1024 };

#define REFDATA_FILE "reference.pack"

/* A pack that was loaded. Everything lives in the arena it was loaded into. */
struct refdata {
    struct boot_reference reference;
    const char *path;
};

/* refdata_default_path: TRUEBOOT_REFERENCE, else in the build tree that the running program lies in, else as installed. The file need not
 * exist. NULL: no memory. */
const char *refdata_default_path(struct arena *a);
/* Where offline commands keep a pack of their user's own: $XDG_DATA_HOME/trueboot, else ~/.local/share/trueboot. NULL: no memory. */
const char *refdata_user_path(struct arena *a);

/* refdata_read reads one pack. The error names the file and the line. */
MUST_CHECK bool refdata_read(struct arena *a, const char *path, struct refdata *ret, struct err *err);
/* refdata_load reads the pack `own` where there is one, else the default one. *ret_problem is a sentence about a pack that exists and could
 * not be used, else NULL. NULL: there is none at all, and appraisals go without. */
const struct refdata *refdata_load(struct arena *a, const char *own, const char **ret_problem);

struct refdata_update {
    struct boot_reference reference; /* the result */
    const char *signer;              /* whose key signed the list; NULL: a pack, which nobody signs */
    size_t added;                    /* entries that `base` does not have */
};

/* refdata_update makes the pack that follows from `file`: a publisher's signed change of dbx, whose entries join those of `base` (may be NULL)
 * once a well-known key exchange key is found to have signed it, or a data pack, which takes its place. `name` is the file's name in words.
 * `as_of_ms` dates a list, whose own date says nothing; 0: unknown. ERR_UNTRUSTED: not signed by such a key. */
MUST_CHECK bool refdata_update(struct arena *a, const struct boot_reference *base, struct bytes file, const char *name, int64_t as_of_ms,
                               struct refdata_update *ret, struct err *err);
/* refdata_write replaces the file as a whole; its folder is made when it is missing. */
MUST_CHECK bool refdata_write(const char *path, const struct boot_reference *reference, struct err *err);

/* How many things it knows. */
size_t refdata_entries(const struct boot_reference *reference);
/* {"name","asOf","path","images","certificates","known","sbatDate","sbat"} as member `name`, null without `data`. */
void refdata_put(struct json_out *out, const char *name, const struct refdata *data);
