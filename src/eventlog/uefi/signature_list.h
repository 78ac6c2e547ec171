/* eventlog/uefi/signature_list.h: EFI_SIGNATURE_LISTs, as PK, KEK, db, dbx and the MOK lists hold them (UEFI 2.10, 32.4.1). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/uuid.h"

/* clang-format off */
/*    name             words                            bytes of one entry's data; 0: any   EFI_GUID */
#define SIGNATURE_KINDS(X)                                                                                                            \
    X(X509,            "X.509 certificate",             0,   "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72")     \
    X(SHA1,            "SHA-1 image digest",            20,  "\x12\xa5\x6c\x82\x10\xcf\xc9\x4a\xb1\x87\xbe\x01\x49\x66\x31\xbd")     \
    X(SHA224,          "SHA-224 image digest",          28,  "\x33\x52\x6e\x0b\x5c\xa6\xc9\x44\x94\x07\xd9\xab\x83\xbf\xc8\xbd")     \
    X(SHA256,          "SHA-256 image digest",          32,  "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28")     \
    X(SHA384,          "SHA-384 image digest",          48,  "\x07\x53\x3e\xff\xd0\x9f\xc9\x48\x85\xf1\x8a\xd5\x6c\x70\x1e\x01")     \
    X(SHA512,          "SHA-512 image digest",          64,  "\xae\x0f\x3e\x09\xc4\xa6\x50\x4f\x9f\x1b\xd4\x1e\x2b\x89\xc1\x9a")     \
    X(RSA2048,         "RSA-2048 key",                  256, "\xe8\x66\x57\x3c\x9c\x26\x34\x4e\xaa\x14\xed\x77\x6e\x85\xb3\xb6")     \
    X(RSA2048_SHA1,    "RSA-2048 signature of SHA-1",   256, "\x4f\x44\xf8\x67\x43\x87\xf1\x48\xa3\x28\x1e\xaa\xb8\x73\x60\x80")     \
    X(RSA2048_SHA256,  "RSA-2048 signature of SHA-256", 256, "\x90\x61\xb3\xe2\x9b\x87\x3d\x4a\xad\x8d\xf2\xe7\xbb\xa3\x27\x84")     \
    X(X509_SHA256,     "revoked certificate (SHA-256)", 48,  "\x92\xa4\xd2\x3b\xc0\x96\x79\x40\xb4\x20\xfc\xf9\x8e\xf1\x03\xed")     \
    X(X509_SHA384,     "revoked certificate (SHA-384)", 64,  "\x6e\x87\x76\x70\xc2\x80\xe6\x4e\xaa\xd2\x28\xb3\x49\xa6\x86\x5b")     \
    X(X509_SHA512,     "revoked certificate (SHA-512)", 80,  "\x63\xbf\x6d\x44\x02\x25\xda\x4c\xbc\xfa\x24\x65\xd2\xb0\xfe\x9d")     \
    X(PKCS7,           "PKCS #7 signature",             0,   "\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7")
/* clang-format on */

enum signature_kind {
    SIGNATURE_UNKNOWN,
#define X(name, words, len, guid) SIGNATURE_##name,
    SIGNATURE_KINDS(X)
#undef X
};

struct signature {
    enum signature_kind kind;
    struct bytes owner;         /* UUID_LEN bytes, EFI_GUID byte order */
    struct bytes data;          /* DER certificate, digest, …; for X509_SHA*: the digest of the to-be-signed part alone */
    struct bytes revoked_since; /* X509_SHA*: EFI_TIME, 16 bytes; all zero means always */
    uint32_t list;              /* which list of the variable, from 0 */
};

struct signature_lists {
    size_t n_lists;
    size_t n; /* signatures in all lists */
    struct signature *items;
};

/* signature_lists_parse reads a whole variable: views into `data`, one array in the arena. Empty data has no lists. Refused: sizes
 * that do not add up, a header or an entry larger than its list, an entry too short for its kind, more than LIMIT_SIGNATURE_LISTS or
 * LIMIT_SIGNATURES. */
MUST_CHECK bool signature_lists_parse(struct arena *a, struct bytes data, struct signature_lists *ret, struct err *err);

/* Whether the data is one signature list or more, and nothing else. */
bool signature_lists_recognize(struct bytes data);

/* An EV_EFI_VARIABLE_AUTHORITY holds the one EFI_SIGNATURE_DATA that let an image start, without its list: the kind has to be
 * told from the content: SIGNATURE_X509 for DER, a digest by its length, else SIGNATURE_UNKNOWN. Some loaders leave the
 * owner out: it is empty then. */
MUST_CHECK bool signature_from_authority(struct bytes data, struct signature *ret, struct err *err);
