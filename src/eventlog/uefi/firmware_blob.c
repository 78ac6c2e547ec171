#include "eventlog/uefi/firmware_blob.h"
#include "base/reader.h"
#include "base/uuid.h"

enum { TABLE_LEN = UUID_LEN + 8, MAX_TABLES = 1024 };

static bool read_description(struct reader *r, struct bytes *ret)
{
    uint8_t len;

    return read_u8(r, &len) && read_bytes(r, len, ret);
}

bool firmware_blob_parse(struct bytes data, bool has_description, struct firmware_blob *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct firmware_blob blob = { 0 };

    if ((has_description && !read_description(&r, &blob.description)) || !read_u64le(&r, &blob.base) || !read_u64le(&r, &blob.length))
        return err_set(err, ERR_TRUNCATED, "firmware blob at offset %zu", r.offset);
    if (!reader_done(&r))
        return err_set(err, ERR_MALFORMED, "%zu bytes after the firmware blob", r.rest.len);
    *ret = blob;
    return true;
}

bool handoff_tables_parse(struct arena *a, struct bytes data, bool has_description, struct handoff_tables *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct handoff_tables tables = { 0 };
    uint64_t n;

    if ((has_description && !read_description(&r, &tables.description)) || !read_u64le(&r, &n))
        return err_set(err, ERR_TRUNCATED, "handoff tables at offset %zu", r.offset);
    if (n > r.rest.len / TABLE_LEN)
        return err_set(err, ERR_TRUNCATED, "%llu handoff tables at offset %zu, there is room for %zu", (unsigned long long)n, r.offset,
                       r.rest.len / TABLE_LEN);
    if (n > MAX_TABLES)
        return err_set(err, ERR_LIMIT, "%llu handoff tables, at most %d are read", (unsigned long long)n, MAX_TABLES);
    tables.tables = ARENA_ARRAY(a, (size_t)n, struct handoff_table);
    if (!tables.tables)
        return err_set(err, ERR_NO_MEMORY, "no memory for %llu tables", (unsigned long long)n);
    while (tables.n < n && read_bytes(&r, UUID_LEN, &tables.tables[tables.n].guid) && read_u64le(&r, &tables.tables[tables.n].address))
        tables.n++;
    *ret = tables;
    return true;
}

const char *handoff_table_name(struct bytes guid)
{
    static const struct {
        const char *guid, *name;
    } known[] = {
        { "\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d", "SMBIOS table" },
        { "\x44\x15\xfd\xf2\x94\x97\x2c\x4a\x99\x2e\xe5\xbb\xcf\x20\xe3\x94", "SMBIOS 3 table" },
        { "\x30\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d", "ACPI table" },
        { "\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81", "ACPI 2.0 table" },
        { "\xd5\x21\xb6\xb1\x9c\xf1\xa5\x41\x83\x0b\xd9\x15\x2c\x69\xaa\xe0", "device tree" },
    };

    for (size_t i = 0; guid.len == UUID_LEN && i < ARRAY_LEN(known); i++)
        if (memcmp(guid.data, known[i].guid, UUID_LEN) == 0)
            return known[i].name;
    return NULL;
}
