/* usage: make_data_pack OUTPUT FILE…
 *
 * Makes the default reference data pack (src/bootchain/reference/reference.h) of what the distribution's packages carry, each FILE by its kind:
 *
 *     *.fd     OVMF's store of UEFI variables, with a dbx in it
 *     other    what src/refdata/make.h tells by its content: a publisher's signed change of dbx; shim, with the SBAT level that it enforces by
 *              itself and the distribution's own list of images that it signed once and forbids now
 *
 * Files that are not there are passed over; with none at all the pack is empty, and its name says so. One that is there and cannot be
 * read is said on standard error, and left out: a package's content must not keep anybody from building. Nobody signs the pack: it is
 * made for the machine that it is built on, by whoever builds the program that reads it. */
#include <stdio.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/reader.h"
#include "bootchain/chain/keys.h"
#include "refdata/make.h"
#include "vmhost/vars.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

static const char guid_image_security[] = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";

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

static bool take_variables(struct refdata_making *m, struct bytes file, const char *name, struct err *err)
{
    const struct vars_variable *dbx;
    struct boot_keys keys;
    char date[24] = "";
    int64_t as_of_ms = 0;
    struct vars vars;

    if (!vars_parse(m->a, file, &vars, err))
        return false;
    dbx = vars_find(&vars, "dbx", guid_image_security);
    if (!dbx)
        return true;
    if (!boot_keys_read(m->a, dbx->data, NULL, &keys, err))
        return false;
    if (!packaged_at(dbx, date, &as_of_ms))
        as_of_ms = 0;
    return refdata_take_keys(m, &keys, REVOKED_BY_DBX, 1u << ARCHITECTURE_X64, arena_printf(m->a, "dbx of %s", name), as_of_ms, err);
}

/* ---- the pack ---- */

static void take(struct refdata_making *m, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct err err = ERR_INIT;
    struct bytes file;

    if (!file_exists(path))
        return;
    if (m->made.n_sbat && strstr(name, "shim")) /* signed and unsigned, it is the same shim */
        return;
    if (!file_read_in(m->a, path, FILE_MAX, &file, &err) ||
        !(bytes_ends_with(bytes_of_string(path), BYTES_LIT(".fd")) ? take_variables(m, file, name, &err)
                                                                   : refdata_take(m, file, name, &err)))
        fprintf(stderr, "make_data_pack: %s is left out: %s\n", path, err.text);
}

/* The pack is as old as the oldest thing in it. */
static void set_date(struct boot_reference *made)
{
    for (size_t i = 0; i < made->n_sources; i++) {
        int64_t as_of_ms = made->sources[i].as_of_ms;
        if (as_of_ms && (!made->as_of_ms || as_of_ms < made->as_of_ms))
            made->as_of_ms = as_of_ms;
    }
}

static bool set_name(struct arena *a, struct boot_reference *made)
{
    const char *name = NULL;

    if (!made->n_sources) {
        made->name = "empty: no package with reference data was there when trueboot was built";
        return true;
    }
    for (size_t i = 0; i < made->n_sources; i++) {
        name =
            name ? arena_printf(a, "%s, %s", name, made->sources[i].words) : arena_printf(a, "from packages: %s", made->sources[i].words);
        if (!name)
            return false;
    }
    made->name = name;
    return true;
}

/* Nothing is written when nothing changes, so that nothing is built anew. */
static bool write_pack(struct refdata_making *m, const char *path, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err ignored = ERR_INIT;
    struct boot_reference made;
    struct bytes old;

    if (!refdata_made(m, &made, err))
        return false;
    set_date(&made);
    if (!set_name(m->a, &made))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    reference_write(&w, &made);
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (file_read_in(m->a, path, FILE_MAX, &old, &ignored) && bytes_equal(old, writer_bytes(&w)))
        return true;
    return file_write(path, writer_bytes(&w), 0644, err);
}

int main(int argc, char **argv)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata_making m = { .a = &a, .vouched = true };
    struct err err = ERR_INIT;

    if (argc < 2) {
        fputs("usage: make_data_pack OUTPUT FILE…\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        take(&m, argv[i]);
    if (write_pack(&m, argv[1], &err))
        return 0;
    fprintf(stderr, "make_data_pack: %s\n", err.text);
    return 1;
}
