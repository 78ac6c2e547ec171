/* bootchain/reference/reference.h: dated knowledge from outside about images, certificates and revocation levels.
 *
 * Loaded from data packs and publishers' revocation lists by whoever runs the appraisal; everything here is optional, and what
 * was used, and how old it is, is shown beside each verdict that it influenced. Borrowed memory: it outlives the appraisals.
 *
 * A data pack is UTF-8 text, one record a line, fields separated by tabs; empty lines and lines that begin with # are skipped. docs/formats/
 * reference-pack.md describes it for those who make one; refdata/seal.h says how it is signed.
 *
 *     trueboot-reference 2
 *     name         words
 *     as-of        2026-07-14T00:00:00Z
 *     source       2026-07-14T00:00:00Z or -    words         what went into it, and its own date
 *     image        hex digits    WORD=VALUE…                  a forbidden image: its Authenticode digest
 *     certificate  hex digits    WORD=VALUE…                  a forbidden certificate: digest of its to-be-signed part
 *     known        64 hex digits    2023    name              a well-known certificate: SHA-256 of the DER; generation or 0
 *     sbat-date    2025021800
 *     sbat         shim             4
 *
 * Digests are SHA-256, SHA-384 or SHA-512, told apart by their length. WORDs, each at most once, all optional: list (dbx, shim, advice),
 * arch (x64,ia32,aarch64,arm), since (2023-05-09), signed-after (a time), what, why. Version 1 had what and why in that order without
 * their words, and no sources; it is still read. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"
#include "crypto/digest.h"

/* clang-format off */
/*    name      word       in words */
#define REVOCATION_LISTS(X)                                                                                          \
    X(DBX,      "dbx",     "published for the machines' own dbx, which should have it")                              \
    X(SHIM,     "shim",    "built into a distribution's shim, which enforces it; no machine's dbx has it")           \
    X(ADVICE,   "advice",  "described by a publisher as vulnerable, in no list that firmware is given")

/*    name      word       file names that say so */
#define ARCHITECTURES(X)                                                                                             \
    X(X64,      "x64",     "x64.efi")                                                                                \
    X(IA32,     "ia32",    "ia32.efi")                                                                               \
    X(AARCH64,  "aarch64", "aa64.efi")                                                                               \
    X(ARM,      "arm",     "arm.efi")
/* clang-format on */

enum revocation_list {
#define X(name, word, words) REVOKED_BY_##name,
    REVOCATION_LISTS(X)
#undef X
};

enum architecture {
#define X(name, word, file) ARCHITECTURE_##name,
    ARCHITECTURES(X)
#undef X
        ARCHITECTURE_COUNT
};

/* One forbidden image or certificate. */
struct revocation {
    uint8_t digest[64];    /* Authenticode digest of an image, or digest of a certificate's to-be-signed part */
    uint8_t len;           /* 32, 48, 64 */
    uint8_t architectures; /* bit per enum architecture; 0: unknown, or any */
    enum revocation_list list;
    int64_t signed_after_ms; /* certificates: forbids only what was signed later; 0: everything */
    const char *since;       /* "2023-05-09": since when it is revoked, or NULL */
    const char *what;        /* "shim 15.4 (Canonical)" in words, or NULL */
    const char *why;         /* "CVE-2023-40547", or NULL */
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

/* One thing that a pack was made of. */
struct reference_source {
    int64_t as_of_ms; /* its own date; 0 unknown */
    const char *words;
};

struct boot_reference {
    const char *name; /* which pack, in words */
    int64_t as_of_ms; /* its date; 0 unknown */
    const struct reference_source *sources;
    size_t n_sources;
    const struct revocation *images; /* ascending by length, then digest */
    size_t n_images;
    const struct revocation *certificates; /* the same */
    size_t n_certificates;
    const struct known_certificate *known;
    size_t n_known;
    const struct sbat_requirement *sbat;
    size_t n_sbat;
    uint32_t sbat_date; /* e.g. 2025021800; 0 unknown */
};

/* NULL when it is not there; `reference` may be NULL: the well-known Microsoft certificates are known without any. A certificate is found
 * by its to-be-signed part, under whichever digest it is listed. */
const struct revocation *reference_find_image(const struct boot_reference *reference, struct bytes digest);
const struct revocation *reference_find_certificate(const struct boot_reference *reference, struct bytes tbs);
const struct known_certificate *reference_find_known(const struct boot_reference *reference, const uint8_t sha256[static 32]);
/* The order of the lists. */
int revocation_compare(const struct revocation *a, const struct revocation *b);
/* How many forbidden images are of this list. */
size_t reference_count(const struct boot_reference *reference, enum revocation_list list);

/* reference_parse reads a pack; texts are copied into the arena, lists are sorted. The error names the line. */
MUST_CHECK bool reference_parse(struct arena *a, struct bytes text, struct boot_reference *ret, struct err *err);
/* The mirror: reference_parse gives an equal reference back. */
void reference_write(struct writer *w, const struct boot_reference *reference);

/* How old it is, in words: "2025-02-18, 276 days old", or "date unknown". NULL: no memory. */
const char *reference_age(struct arena *a, const struct boot_reference *reference, int64_t now_ms);
/* What is said wherever it is used: "NAME (2025-02-18, 276 days old)", and, where it lists no revoked images for the machines' dbx, that and
 * how to get some. NULL: no memory, or no name. */
const char *reference_words(struct arena *a, const struct boot_reference *reference, int64_t now_ms);
/* "shimx64.efi (Canonical), CVE-2020-14372, revoked on 2021-04-29": what a finding says of an entry. NULL: no memory. */
const char *revocation_words(struct arena *a, const struct revocation *revocation);
