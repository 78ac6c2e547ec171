/* refdata/shim_image.h: what a shim binary carries of reference knowledge (shim's SBAT.md and its build documentation):
 *
 *     .sbatlevel    u32 version 0; then, counted from here, u32 offset of the level that shim enforces by itself ("automatic"), u32 offset
 *                   of the one that has to be asked for ("latest"); texts that end with a NUL
 *     .vendor_cert  u32 length of the vendor's certificates, u32 length of its own dbx, u32 offsets of both, counted from the section's
 *                   begin; the latter are signature lists: what the distribution signed once and forbids now */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

struct shim_image {
    struct bytes automatic, latest; /* SBAT levels; empty: there is none */
    struct bytes vendor_dbx;        /* signature lists; empty: there are none */
};

/* Views into `file`. ERR_UNSUPPORTED: no PE image, or one with neither section; ERR_TRUNCATED, ERR_MALFORMED. */
MUST_CHECK bool shim_image_parse(struct bytes file, struct shim_image *ret, struct err *err);
