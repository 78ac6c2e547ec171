/* bootchain/reference.h: dated knowledge from outside about images, certificates and revocation levels.
 *
 * Loaded from data packs and publishers' revocation lists by whoever runs the appraisal; everything here is optional, and what
 * was used, and how old it is, is shown beside each verdict that it influenced. Borrowed memory: it outlives the appraisals.
 *
 * A data pack is UTF-8 text, one record a line, fields separated by tabs; empty lines and lines that begin with # are skipped:
 *
 *     trueboot-reference 1
 *     name         words
 *     as-of        2026-07-14T00:00:00Z
 *     image        64 hex digits    what    why       a forbidden image: SHA-256 Authenticode digest
 *     certificate  64 hex digits    what    why       a forbidden certificate: SHA-256 of its to-be-signed part
 *     known        64 hex digits    2023    name      a well-known certificate: SHA-256 of the DER; generation or 0
 *     sbat-date    2025021800
 *     sbat         shim             4
 *
 * `what` and `why` may be missing. Who may make a pack, and whether it is signed, is the caller's matter. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"
#include "crypto/digest.h"

/* One forbidden image or certificate. */
struct revocation {
    uint8_t sha256[32]; /* Authenticode digest of an image, or SHA-256 of a certificate's to-be-signed part */
    const char *what;   /* "shim 15.4 (Canonical)" in words, or NULL */
    const char *why;    /* "CVE-2023-40547", or NULL */
};

/* One certificate that people know by name. */
struct known_certificate {
    uint8_t sha256[32]; /* of the whole DER */
    const char *name;   /* "Microsoft Corporation UEFI CA 2011" */
    int generation;     /* Microsoft's Secure Boot generation: 2011 or 2023; 0: none */
};

struct sbat_requirement {
    const char *component; /* "shim", "grub", "grub.debian" */
    uint32_t generation;   /* lowest that is not revoked */
};

struct boot_reference {
    const char *name;                /* which pack, in words */
    int64_t as_of_ms;                /* its date; 0 unknown */
    const struct revocation *images; /* ascending by sha256 */
    size_t n_images;
    const struct revocation *certificates; /* ascending by sha256 (of the to-be-signed part) */
    size_t n_certificates;
    const struct known_certificate *known;
    size_t n_known;
    const struct sbat_requirement *sbat;
    size_t n_sbat;
    uint32_t sbat_date; /* e.g. 2025021800; 0 unknown */
};

/* NULL when it is not there; `reference` may be NULL: the well-known Microsoft certificates are known without any. */
const struct revocation *reference_find_image(const struct boot_reference *reference, const uint8_t sha256[static 32]);
const struct revocation *reference_find_certificate(const struct boot_reference *reference, const uint8_t tbs_sha256[static 32]);
const struct known_certificate *reference_find_known(const struct boot_reference *reference, const uint8_t sha256[static 32]);

/* reference_parse reads a pack; texts are copied into the arena, lists are sorted. The error names the line. */
MUST_CHECK bool reference_parse(struct arena *a, struct bytes text, struct boot_reference *ret, struct err *err);
/* The mirror: reference_parse gives an equal reference back. */
void reference_write(struct writer *w, const struct boot_reference *reference);

/* How old it is, in words: "2025-02-18, 276 days old", or "date unknown". NULL: no memory. */
const char *reference_age(struct arena *a, const struct boot_reference *reference, int64_t now_ms);

/* reference_with_update makes a reference that knows what `reference` (may be NULL) knows and the entries of a dbx update besides; texts of the
 * older one win. `name` and `as_of_ms` describe the result. */
struct secure_boot_data;
MUST_CHECK bool reference_with_update(struct arena *a, const struct boot_reference *reference, const struct secure_boot_data *update,
                                      const char *name, int64_t as_of_ms, struct boot_reference *ret, struct err *err);
