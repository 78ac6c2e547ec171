/* refdata/refdata.h: where the reference knowledge of bootchain/reference/reference.h is kept, and how it is renewed.
 *
 * Whoever appraises uses its own pack when it has one (the server DATA/reference.pack, offline commands that of the user's data folder),
 * else the default pack, which tools/make_data_pack.c makes of what the distribution's packages carry. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "bootchain/reference/reference.h"
#include "json/write.h"
#include "refdata/seal.h"

enum { REFDATA_MAX_BYTES = 4 * 1024 * 1024 };

#define REFDATA_FILE      "reference.pack"
#define REFDATA_KEYS_FILE "reference.keys"

enum refdata_origin {
    REFDATA_BUILT,  /* the default pack: it came with the program */
    REFDATA_LOCAL,  /* made on this machine, of lists whose signatures were checked then */
    REFDATA_SIGNED, /* its signature was checked just now */
    REFDATA_NAMED,  /* somebody named it on a command line; nobody signed it */
};

/* A pack that was loaded. Everything lives in the arena it was loaded into. */
struct refdata {
    struct boot_reference reference;
    const char *path;
    enum refdata_origin origin;
    const char *signer; /* the trusted key's name; NULL: not signed */
};

/* refdata_default_path: TRUEBOOT_REFERENCE, else in the build tree that the running program lies in, else as installed. The file need not
 * exist. NULL: no memory. */
const char *refdata_default_path(struct arena *a);
/* Where offline commands keep a pack of their user's own: $XDG_DATA_HOME/trueboot, else ~/.local/share/trueboot. NULL: no memory. */
const char *refdata_user_path(struct arena *a);
/* The keys that are trusted to sign packs lie beside the pack. NULL: no memory. */
const char *refdata_keys_path(struct arena *a, const char *pack_path);

/* refdata_read reads one pack that somebody named. One that is signed must be signed with one of the keys beside `keys_of`, another pack's
 * path. The error names the file, and the line where there is one. */
MUST_CHECK bool refdata_read(struct arena *a, const char *path, const char *keys_of, struct refdata *ret, struct err *err);
/* refdata_load reads the pack `own` where there is one, else the default one. A signature on the own one must hold still. *ret_problem is a
 * sentence about a pack that exists and could not be used, else NULL. NULL: there is none at all, and appraisals go without. */
const struct refdata *refdata_load(struct arena *a, const char *own, const char **ret_problem);

struct refdata_file {
    struct bytes content;
    const char *name; /* in words */
};

struct refdata_change {
    const struct refdata *base;      /* what has been used so far; NULL: nothing */
    const struct refdata_keys *keys; /* those trusted to sign packs */
    int64_t as_of_ms;                /* dates lists, which carry no date; 0: their descriptions do, if any */
    int64_t now_ms;
    bool downgrade; /* an older pack is taken, too */
};

struct refdata_update {
    struct boot_reference reference; /* the result */
    struct bytes verbatim;           /* a signed pack: its own bytes, kept as they are; else empty */
    const char *signer;              /* who signed the list or pack; NULL: only descriptions came */
    size_t added, removed;           /* images and certificates that the base does not have, and that only it has */
};

/* refdata_update makes what follows from `files`: either one data pack, signed with a trusted key, dated, not from the future and not older
 * than the base, which takes the base's place; or publishers' signed changes of dbx, whose entries join those of the base once a well-known
 * key exchange key is found to have signed them, and descriptions. ERR_UNTRUSTED: not signed by such a key, or changed since. ERR_CONFLICT:
 * older than what is used. */
MUST_CHECK bool refdata_update(struct arena *a, const struct refdata_change *change, const struct refdata_file *files, size_t n,
                               struct refdata_update *ret, struct err *err);
/* refdata_write replaces the file as a whole; its folder is made when it is missing. */
MUST_CHECK bool refdata_write(const char *path, const struct refdata_update *update, struct err *err);

/* How many things it knows. */
size_t refdata_entries(const struct boot_reference *reference);
/* {"name","asOf","path","origin","signedBy","sources":[{"asOf","words"}],"images","certificates","known","sbatDate","sbat",
 * "lists":{"dbx","shim","advice"},"architectures":{"x64",…},"described"} as member `name`, null without `data`. */
void refdata_put(struct json_out *out, const char *name, const struct refdata *data);
