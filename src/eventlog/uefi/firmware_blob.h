/* eventlog/uefi/firmware_blob.h: pieces of firmware (BLOB, BLOB2) and tables that firmware hands to the OS (PFP 1.06, 10.2.5, 10.2.7). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct firmware_blob {
    struct bytes description; /* BLOB2: ASCII, not NUL-terminated; empty for BLOB */
    uint64_t base;
    uint64_t length;
};

/* has_description: false reads UEFI_PLATFORM_FIRMWARE_BLOB, true UEFI_PLATFORM_FIRMWARE_BLOB2. */
MUST_CHECK bool firmware_blob_parse(struct bytes data, bool has_description, struct firmware_blob *ret, struct err *err);

struct handoff_table {
    struct bytes guid; /* EFI_GUID of the vendor table */
    uint64_t address;
};

struct handoff_tables {
    struct bytes description;
    size_t n;
    struct handoff_table *tables;
};

/* UEFI_HANDOFF_TABLE_POINTERS and …_POINTERS2. */
MUST_CHECK bool handoff_tables_parse(struct arena *a, struct bytes data, bool has_description, struct handoff_tables *ret, struct err *err);
/* "SMBIOS table" for well-known vendor tables, else NULL. */
const char *handoff_table_name(struct bytes guid);
