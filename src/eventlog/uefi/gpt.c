#include "eventlog/uefi/gpt.h"
#include "base/reader.h"

enum { NAME_LEN = 72, HEADER_LEN = 92, ENTRY_LEN = 128, MAX_PARTITIONS = 1024 };

/* UEFI_PARTITION_TABLE_HEADER (UEFI 2.10, 5.3.2). */
static bool read_header(struct reader *r, struct gpt *gpt)
{
    struct bytes signature;
    uint32_t reserved;

    gpt->header = bytes_slice(r->rest, 0, HEADER_LEN);
    return read_bytes(r, 8, &signature) && read_u32le(r, &gpt->revision) && read_u32le(r, &gpt->header_len) && read_u32le(r, &gpt->crc32) &&
           read_u32le(r, &reserved) && read_u64le(r, &gpt->my_lba) && read_u64le(r, &gpt->alternate_lba) &&
           read_u64le(r, &gpt->first_usable_lba) && read_u64le(r, &gpt->last_usable_lba) && read_bytes(r, UUID_LEN, &gpt->disk_guid) &&
           read_u64le(r, &gpt->partition_entry_lba) && read_u32le(r, &gpt->n_entries) && read_u32le(r, &gpt->entry_len) &&
           read_u32le(r, &gpt->entries_crc32);
}

static bool read_partition(struct reader *r, struct gpt_partition *p)
{
    return read_bytes(r, UUID_LEN, &p->type) && read_bytes(r, UUID_LEN, &p->unique) && read_u64le(r, &p->first_lba) &&
           read_u64le(r, &p->last_lba) && read_u64le(r, &p->attributes) && read_bytes(r, NAME_LEN, &p->name);
}

bool gpt_parse(struct arena *a, struct bytes data, struct gpt *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct gpt gpt = { 0 };
    uint64_t n;

    if (!read_header(&r, &gpt) || !read_u64le(&r, &n))
        return err_set(err, ERR_TRUNCATED, "partition table at offset %zu", r.offset);
    if (!bytes_starts_with(gpt.header, BYTES_LIT("EFI PART")))
        return err_set(err, ERR_MALFORMED, "the partition table does not begin with \"EFI PART\"");
    if (n > r.rest.len / ENTRY_LEN)
        return err_set(err, ERR_TRUNCATED, "%llu partitions at offset %zu, there is room for %zu", (unsigned long long)n, r.offset,
                       r.rest.len / ENTRY_LEN);
    if (n > MAX_PARTITIONS)
        return err_set(err, ERR_LIMIT, "%llu partitions, at most %d are read", (unsigned long long)n, MAX_PARTITIONS);
    gpt.partitions = ARENA_ARRAY(a, (size_t)n, struct gpt_partition);
    if (!gpt.partitions)
        return err_set(err, ERR_NO_MEMORY, "no memory for %llu partitions", (unsigned long long)n);
    while (gpt.n_partitions < n && read_partition(&r, &gpt.partitions[gpt.n_partitions]))
        gpt.n_partitions++;
    gpt.excess = read_rest(&r);
    *ret = gpt;
    return true;
}
