/* usage: make_data_pack OUTPUT FILE…
 *
 * Makes the default reference data pack (src/bootchain/reference.h) of what the distribution's packages carry, each FILE by its kind:
 *
 *     *.fd     OVMF's store of UEFI variables, with a dbx in it
 *     *.bin    a publisher's signed change of dbx
 *     other    shim: the SBAT level that it enforces by itself
 *
 * Files that are not there are passed over; with none at all the pack is empty, and its name says so. One that is there and cannot be
 * read is said on standard error, and left out: a package's content must not keep anybody from building. */
#include <stdio.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/reader.h"
#include "bootchain/keys.h"
#include "bootchain/secure_boot_data.h"
#include "eventlog/shim.h"
#include "refdata/refdata.h"
#include "vmhost/vars.h"

enum { FILE_MAX = 16 * 1024 * 1024, SECTION_LEN = 40, SYMBOL_LEN = 18 };

static const char guid_image_security[] = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";

/* SHA-256 of nothing: packagers enrol it so that a dbx exists. It forbids no image. */
static const uint8_t placeholder[32] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                         0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };

struct making {
    struct arena a;
    struct boot_reference made;
    const char *parts; /* what it was made of, in words */
    bool has_dbx;
};

static bool note_part(struct making *m, int64_t as_of_ms, struct err *err, const char *part)
{
    m->parts = !part ? NULL : m->parts ? arena_printf(&m->a, "%s, %s", m->parts, part) : part;
    /* The pack is as old as the oldest thing in it. */
    if (as_of_ms && (!m->made.as_of_ms || as_of_ms < m->made.as_of_ms))
        m->made.as_of_ms = as_of_ms;
    return m->parts || err_set(err, ERR_NO_MEMORY, "no memory");
}

/* ---- dbx ---- */

static bool add_list(struct making *m, const struct secure_boot_data *list, const char *part, int64_t as_of_ms, struct err *err)
{
    if (!reference_with_update(&m->a, &m->made, list, NULL, m->made.as_of_ms, &m->made, err))
        return false;
    m->has_dbx = true;
    return note_part(m, as_of_ms, err, part);
}

static bool is_placeholder(const struct boot_key *key)
{
    return key->kind == KEY_IMAGE_HASH && key->data.len == sizeof placeholder &&
           memcmp(key->data.data, placeholder, sizeof placeholder) == 0;
}

/* When the packager put dbx there: EFI_TIME behind the monotonic count. Not before that list was published, at any rate. */
static bool packaged_at(const struct vars_variable *dbx, char ret[static 24], int64_t *ret_ms)
{
    struct reader r = reader_over(dbx->rest_of_header);
    uint16_t year;
    uint8_t month, day;

    if (!read_skip(&r, 8) || !read_u16le(&r, &year) || !read_u8(&r, &month) || !read_u8(&r, &day) || year < 2000 || year > 9999)
        return false;
    snprintf(ret, 24, "%04u-%02u-%02uT00:00:00Z", year, month, day);
    return clock_parse(bytes_of_string(ret), ret_ms);
}

static bool take_variables(struct making *m, struct bytes file, const char *path, struct err *err)
{
    struct secure_boot_data list = { 0 };
    const struct vars_variable *dbx;
    char date[24] = "";
    int64_t as_of_ms = 0;
    struct vars vars;

    if (!vars_parse(&m->a, file, &vars, err))
        return false;
    dbx = vars_find(&vars, "dbx", guid_image_security);
    if (m->has_dbx || !dbx)
        return true;
    if (!boot_keys_read(&m->a, dbx->data, NULL, &list.entries, err))
        return false;
    if (list.entries.n == 0 || (list.entries.n == 1 && is_placeholder(&list.entries.items[0])))
        return true;
    if (!packaged_at(dbx, date, &as_of_ms))
        return add_list(m, &list, arena_printf(&m->a, "dbx of %s", path), 0, err);
    return add_list(m, &list, arena_printf(&m->a, "dbx of %s as packaged on %.10s", path, date), as_of_ms, err);
}

static bool take_signed_list(struct making *m, struct bytes file, const char *path, struct err *err)
{
    struct secure_boot_data list;
    const char *signer;

    return secure_boot_data_parse(&m->a, file, &list, err) && secure_boot_data_verify(&m->a, &list, "dbx", NULL, 0, &signer, err) &&
           add_list(m, &list, arena_printf(&m->a, "%s, signed by %s", path, signer), 0, err);
}

/* ---- SBAT ---- */

/* A section of a PE image (PE/COFF 3 and 4). Names over 8 bytes are "/N": at N of the string table, behind the symbols. */
static bool find_section(struct bytes image, const char *name, struct bytes *ret)
{
    struct reader r = reader_over(bytes_slice(image, 0x3c, image.len));
    uint32_t header, symbols, n_symbols, size, at;
    uint16_t n, optional_len;
    struct bytes mark, strings, short_name, long_name;

    if (!read_u32le(&r, &header))
        return false;
    r = reader_over(bytes_slice(image, header, image.len));
    if (!read_bytes(&r, 4, &mark) || !bytes_equal(mark, BYTES_LIT("PE\0\0")) || !read_skip(&r, 2) || !read_u16le(&r, &n) ||
        !read_skip(&r, 4) || !read_u32le(&r, &symbols) || !read_u32le(&r, &n_symbols) || !read_u16le(&r, &optional_len) ||
        !read_skip(&r, 2) || !read_skip(&r, optional_len))
        return false;
    strings = bytes_slice(image, (size_t)symbols + (size_t)n_symbols * SYMBOL_LEN, image.len);
    for (unsigned i = 0; i < n; i++) {
        unsigned offset = 0;
        if (!read_bytes(&r, 8, &short_name) || !read_skip(&r, 8) || !read_u32le(&r, &size) || !read_u32le(&r, &at) ||
            !read_skip(&r, SECTION_LEN - 24))
            return false;
        for (size_t k = 1; k < 8 && short_name.data[0] == '/' && short_name.data[k] >= '0' && short_name.data[k] <= '9'; k++)
            offset = offset * 10 + (unsigned)(short_name.data[k] - '0');
        long_name = bytes_slice(strings, offset, strlen(name) + 1);
        if (offset && long_name.len == strlen(name) + 1 && memcmp(long_name.data, name, long_name.len) == 0) {
            *ret = bytes_slice(image, at, size);
            return true;
        }
    }
    return false;
}

/* .sbatlevel (shim's SBAT.md): u32 version 0, then, counted from here, u32 offset of the level that shim enforces by itself, u32 offset of
 * the one that has to be asked for; texts that end with a NUL. Only the first is asked of machines: it is what they have when all
 * is well. */
static bool automatic_level(struct bytes section, struct bytes *ret)
{
    struct reader r = reader_over(section);
    uint32_t version, offset;
    size_t end;

    if (!read_u32le(&r, &version) || version != 0 || !read_u32le(&r, &offset))
        return false;
    *ret = bytes_slice(section, (size_t)offset + 4, section.len);
    end = bytes_find(*ret, BYTES_LIT("\0"));
    *ret = bytes_slice(*ret, 0, end == SIZE_MAX ? 0 : end);
    return ret->len != 0;
}

static int64_t date_of(uint32_t sbat_date)
{
    char text[40];
    int64_t ms = 0;

    snprintf(text, sizeof text, "%04u-%02u-%02uT00:00:00Z", (unsigned)(sbat_date / 1000000), (unsigned)(sbat_date / 10000 % 100),
             (unsigned)(sbat_date / 100 % 100));
    return clock_parse(bytes_of_string(text), &ms) ? ms : 0;
}

static bool take_shim(struct making *m, struct bytes file, const char *path, struct err *err)
{
    struct bytes section, text;
    struct sbat_level level;
    struct sbat_requirement *required;

    (void)path;
    if (m->made.n_sbat)
        return true;
    if (!find_section(file, ".sbatlevel", &section) || !automatic_level(section, &text))
        return err_set(err, ERR_UNSUPPORTED, "no image with an SBAT level");
    if (!sbat_level_parse(&m->a, text, &level, err))
        return false;
    required = ARENA_ARRAY(&m->a, level.n, struct sbat_requirement);
    if (!required)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    for (size_t i = 0; i < level.n; i++) {
        if (bytes_equal_string(level.entries[i].component, "sbat"))
            continue;
        required[m->made.n_sbat++] =
            (struct sbat_requirement){ arena_string(&m->a, level.entries[i].component), level.entries[i].generation };
        if (!required[m->made.n_sbat - 1].component)
            return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    m->made.sbat = required;
    for (size_t i = 0; i < level.date.len; i++)
        if (level.date.data[i] >= '0' && level.date.data[i] <= '9' && m->made.sbat_date <= 999999999 / 10 * 10)
            m->made.sbat_date = m->made.sbat_date * 10 + (uint32_t)(level.date.data[i] - '0');
    return note_part(m, date_of(m->made.sbat_date), err, arena_printf(&m->a, "SBAT level %u of shim", (unsigned)m->made.sbat_date));
}

/* ---- the pack ---- */

struct kind_row {
    const char *end;
    bool (*take)(struct making *m, struct bytes file, const char *path, struct err *err);
};

static const struct kind_row kinds[] = { { ".fd", take_variables }, { ".bin", take_signed_list }, { "", take_shim } };

static void take(struct making *m, const char *path)
{
    struct err err = ERR_INIT;
    struct bytes file;

    if (!file_exists(path))
        return;
    if (file_read_in(&m->a, path, FILE_MAX, &file, &err))
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if (bytes_ends_with(bytes_of_string(path), bytes_of_string(kinds[i].end))) {
                if (kinds[i].take(m, file, path, &err))
                    return;
                break;
            }
    fprintf(stderr, "make_data_pack: %s is left out: %s\n", path, err.text);
}

/* Nothing is written when nothing changes, so that nothing is built anew. */
static bool write_pack(struct making *m, const char *path, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err ignored = ERR_INIT;
    struct bytes old;

    m->made.name = m->parts ? arena_printf(&m->a, "from packages: %s%s", m->parts, m->has_dbx ? "" : "; no revocation list")
                            : "empty: no package with reference data was there when trueboot was built";
    if (!m->made.name)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    reference_write(&w, &m->made);
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (file_read_in(&m->a, path, FILE_MAX, &old, &ignored) && bytes_equal(old, writer_bytes(&w)))
        return true;
    return file_write(path, writer_bytes(&w), 0644, err);
}

int main(int argc, char **argv)
{
    struct making m = { .parts = NULL };
    struct err err = ERR_INIT;
    bool written;

    if (argc < 2) {
        fputs("usage: make_data_pack OUTPUT FILE…\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        take(&m, argv[i]);
    written = write_pack(&m, argv[1], &err);
    if (!written)
        fprintf(stderr, "make_data_pack: %s\n", err.text);
    arena_done(&m.a);
    return written ? 0 : 1;
}
