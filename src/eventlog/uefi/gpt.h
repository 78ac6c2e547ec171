/* eventlog/uefi/gpt.h: UEFI_GPT_DATA (PFP 1.06, 10.2.4): the partition table of the boot disk. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

struct gpt_partition {
    struct bytes type;   /* UUID_LEN bytes, EFI_GUID byte order */
    struct bytes unique; /* the same */
    uint64_t first_lba, last_lba;
    uint64_t attributes;
    struct bytes name; /* UTF-16LE, 72 bytes */
};

struct gpt {
    struct bytes header; /* 92 bytes: UEFI_PARTITION_TABLE_HEADER */
    struct bytes disk_guid;
    uint64_t my_lba, alternate_lba, first_usable_lba, last_usable_lba, partition_entry_lba;
    uint32_t revision, header_len, crc32, n_entries, entry_len, entries_crc32;
    size_t n_partitions; /* as many as the event says and holds */
    struct gpt_partition *partitions;
    struct bytes excess;
};

MUST_CHECK bool gpt_parse(struct arena *a, struct bytes data, struct gpt *ret, struct err *err);
