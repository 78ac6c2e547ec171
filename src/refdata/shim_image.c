#include "refdata/shim_image.h"
#include "base/reader.h"

enum { SECTION_LEN = 40, SYMBOL_LEN = 18, NAME_LEN = 8 };

struct section {
    struct bytes name; /* as it stands in the table */
    struct bytes content;
};

struct image {
    struct bytes file, strings;
    struct reader table;
    unsigned n;
};

/* PE/COFF 3 and 4: the head, up to the table of sections. */
static bool open_image(struct bytes file, struct image *ret)
{
    struct reader r = reader_over(bytes_slice(file, 0x3c, file.len));
    uint32_t header, symbols, n_symbols;
    uint16_t n, optional_len;
    struct bytes mark;

    if (!bytes_starts_with(file, BYTES_LIT("MZ")) || !read_u32le(&r, &header))
        return false;
    r = reader_over(bytes_slice(file, header, file.len));
    if (!read_bytes(&r, 4, &mark) || !bytes_equal(mark, BYTES_LIT("PE\0\0")) || !read_skip(&r, 2) || !read_u16le(&r, &n) ||
        !read_skip(&r, 4) || !read_u32le(&r, &symbols) || !read_u32le(&r, &n_symbols) || !read_u16le(&r, &optional_len) ||
        !read_skip(&r, 2) || !read_skip(&r, optional_len))
        return false;
    *ret = (struct image){ file, bytes_slice(file, (size_t)symbols + (size_t)n_symbols * SYMBOL_LEN, file.len), r, n };
    return true;
}

/* Names over 8 bytes are "/N": at N of the string table, behind the symbols. */
static bool is_named(const struct image *image, struct bytes name, const char *wanted)
{
    size_t len = strlen(wanted), offset = 0;
    struct bytes long_name;

    if (len <= NAME_LEN)
        return memcmp(name.data, wanted, len) == 0 && (len == NAME_LEN || name.data[len] == '\0');
    for (size_t k = 1; k < NAME_LEN && name.data[0] == '/' && name.data[k] >= '0' && name.data[k] <= '9'; k++)
        offset = offset * 10 + (size_t)(name.data[k] - '0');
    long_name = bytes_slice(image->strings, offset, len + 1);
    return offset && long_name.len == len + 1 && memcmp(long_name.data, wanted, len + 1) == 0;
}

/* False: it is not there, or the table is cut. A section's content is what is in the file and belongs to it: files are padded. */
static bool find_section(const struct image *image, const char *wanted, struct bytes *ret)
{
    struct reader r = image->table;

    for (unsigned i = 0; i < image->n; i++) {
        struct bytes name;
        uint32_t size, size_in_file, at;
        if (!read_bytes(&r, NAME_LEN, &name) || !read_u32le(&r, &size) || !read_skip(&r, 4) || !read_u32le(&r, &size_in_file) ||
            !read_u32le(&r, &at) || !read_skip(&r, SECTION_LEN - 24))
            return false;
        if (!is_named(image, name, wanted))
            continue;
        *ret = bytes_slice(image->file, at, size && size < size_in_file ? size : size_in_file);
        return true;
    }
    return false;
}

static bool level_at(struct bytes section, uint32_t offset, struct bytes *ret)
{
    size_t end;

    *ret = bytes_slice(section, (size_t)offset + 4, section.len);
    end = bytes_find(*ret, BYTES_LIT("\0"));
    *ret = bytes_slice(*ret, 0, end == SIZE_MAX ? 0 : end);
    return ret->len != 0;
}

static bool read_levels(struct bytes section, struct shim_image *ret, struct err *err)
{
    struct reader r = reader_over(section);
    uint32_t version, automatic, latest;

    if (!read_u32le(&r, &version) || !read_u32le(&r, &automatic) || !read_u32le(&r, &latest))
        return err_set(err, ERR_TRUNCATED, ".sbatlevel: version and two offsets expected");
    if (version != 0)
        return err_set(err, ERR_UNSUPPORTED, ".sbatlevel: version 0 expected, not %u", (unsigned)version);
    return (level_at(section, automatic, &ret->automatic) && level_at(section, latest, &ret->latest)) ||
           err_set(err, ERR_MALFORMED, ".sbatlevel: two texts that end with a NUL expected");
}

static bool read_vendor(struct bytes section, struct shim_image *ret, struct err *err)
{
    struct reader r = reader_over(section);
    uint32_t allowed, forbidden, allowed_at, forbidden_at;

    if (!read_u32le(&r, &allowed) || !read_u32le(&r, &forbidden) || !read_u32le(&r, &allowed_at) || !read_u32le(&r, &forbidden_at))
        return err_set(err, ERR_TRUNCATED, ".vendor_cert: two lengths and two offsets expected");
    ret->vendor_dbx = forbidden ? bytes_slice(section, forbidden_at, forbidden) : BYTES_NONE;
    return ret->vendor_dbx.len == forbidden ||
           err_set(err, ERR_TRUNCATED, ".vendor_cert: a dbx of %u bytes does not fit", (unsigned)forbidden);
}

bool shim_image_parse(struct bytes file, struct shim_image *ret, struct err *err)
{
    struct bytes levels, vendor;
    struct shim_image made = { 0 };
    struct image image;
    bool has_levels, has_vendor;

    if (!open_image(file, &image))
        return err_set(err, ERR_UNSUPPORTED, "no PE image");
    has_levels = find_section(&image, ".sbatlevel", &levels);
    has_vendor = find_section(&image, ".vendor_cert", &vendor);
    if (!has_levels && !has_vendor)
        return err_set(err, ERR_UNSUPPORTED, "an image without an SBAT level and a vendor's list: not shim");
    if ((has_levels && !read_levels(levels, &made, err)) || (has_vendor && !read_vendor(vendor, &made, err)))
        return false;
    *ret = made;
    return true;
}
