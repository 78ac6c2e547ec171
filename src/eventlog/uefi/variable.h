/* eventlog/uefi/variable.h: UEFI_VARIABLE_DATA (PFP 1.06, 10.2.6): which variable, and its content. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

struct uefi_variable {
    struct bytes guid; /* UUID_LEN bytes, EFI_GUID byte order */
    struct bytes name; /* UTF-16LE, without NUL at the end */
    struct bytes data;
    struct bytes excess; /* bytes after the data that the lengths do not account for */
};

/* X(constant, namespace in words, EFI_GUID bytes) */
/* clang-format off */
#define UEFI_NAMESPACES(X)                                                                                             \
    X(EFI_GLOBAL,         "EFI global",         "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c")     \
    X(IMAGE_SECURITY,     "image security",     "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f")     \
    X(SHIM_LOCK,          "shim",               "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23")     \
    X(MICROSOFT,          "Microsoft",          "\xbd\x9a\xfa\x77\x59\x03\x32\x4d\xbd\x60\x28\xf4\xe7\x8f\x78\x4b")     \
    X(SYSTEMD_LOADER,     "systemd",            "\x82\xb0\x67\x4a\x4c\x0a\xcf\x41\xb6\xc7\x44\x0b\x29\xbb\x8c\x4f")
/* clang-format on */

enum uefi_namespace {
    UEFI_OTHER,
#define X(constant, words, guid) UEFI_##constant,
    UEFI_NAMESPACES(X)
#undef X
};

/* Views into `data`. Lengths beyond the data: ERR_TRUNCATED. */
MUST_CHECK bool uefi_variable_parse(struct bytes data, struct uefi_variable *ret, struct err *err);

enum uefi_namespace uefi_variable_namespace(const struct uefi_variable *v);
/* Namespace and ASCII name, exactly. */
bool uefi_variable_is(const struct uefi_variable *v, enum uefi_namespace space, const char *name);
bool uefi_variable_is_named(const struct uefi_variable *v, const char *name); /* whatever the namespace */
/* The name in UTF-8, made safe to show. NULL: no memory. */
MUST_CHECK char *uefi_variable_name(struct arena *a, const struct uefi_variable *v);
