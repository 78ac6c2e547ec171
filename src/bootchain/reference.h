/* bootchain/reference.h: dated knowledge from outside about images, certificates and revocation levels.
 *
 * Loaded from data packs and publishers' revocation lists by whoever runs the appraisal; everything here is optional, and what
 * was used, and how old it is, is shown beside each verdict that it influenced. Borrowed memory: it outlives the appraisals. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
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
