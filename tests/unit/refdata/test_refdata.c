/* Which reference data pack is used, and how it is renewed. */
#include "refdata/refdata.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "support/test.h"

#define NOW INT64_C(1785542400000) /* 2026-08-01 */

static const char older[] = "trueboot-reference 1\n"
                            "name\tolder\n"
                            "as-of\t2026-01-01T00:00:00Z\n"
                            "image\t0100000000000000000000000000000000000000000000000000000000000000\tshim 15\n"
                            "sbat-date\t2025021800\n"
                            "sbat\tshim\t4\n";

/* A folder with packs in it; TRUEBOOT_REFERENCE names `default.pack` there. */
struct folder {
    struct arena a;
    char path[64];
    const char *own, *standard;
};

static void folder_done(struct folder *f)
{
    (void)unlink(f->own);
    (void)unlink(f->standard);
    (void)rmdir(f->path);
    arena_done(&f->a);
}

static bool folder_new(struct folder *f)
{
    const char *tmp = getenv("TMPDIR");

    *f = (struct folder){ .own = "" };
    snprintf(f->path, sizeof f->path, "%.40s/trueboot-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f->path))
        return false;
    f->own = arena_printf(&f->a, "%s/own.pack", f->path);
    f->standard = arena_printf(&f->a, "%s/default.pack", f->path);
    return f->own && f->standard && setenv("TRUEBOOT_REFERENCE", f->standard, 1) == 0;
}

static bool put(const char *path, const char *text)
{
    struct err err = ERR_INIT;

    return file_write(path, bytes_of_string(text), 0600, &err);
}

static bool read_list(struct arena *a, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    const char *path = shared_data(name);

    return path && file_read_in(a, path, REFDATA_MAX_BYTES, ret, &err);
}

TEST(ones_own_pack_is_used_before_the_default_one)
{
    struct folder f CLEANUP(folder_done);
    const struct refdata *data;
    const char *problem;

    REQUIRE(folder_new(&f));
    CHECK(!refdata_load(&f.a, f.own, &problem) && !problem);
    REQUIRE(put(f.standard, "trueboot-reference 1\nname\tdefault\n"));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && !problem);
    CHECK_STRING(data->reference.name, "default");
    CHECK_STRING(data->path, f.standard);
    REQUIRE(put(f.own, older));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && !problem);
    CHECK_STRING(data->reference.name, "older");
    CHECK_INT(refdata_entries(&data->reference), 2);
}

TEST(a_pack_that_cannot_be_used_is_named_and_the_default_one_serves)
{
    struct folder f CLEANUP(folder_done);
    const struct refdata *data;
    const char *problem;

    REQUIRE(folder_new(&f) && put(f.standard, "trueboot-reference 1\nname\tdefault\n"));
    REQUIRE(put(f.own, "trueboot-reference 1\nimage\tabc\n"));
    data = refdata_load(&f.a, f.own, &problem);
    REQUIRE(data && problem);
    CHECK_STRING(data->reference.name, "default");
    CHECK_STRING(problem, arena_printf(&f.a, "reference data cannot be used: %s: line 2: 64 hexadecimal digits expected", f.own));
}

TEST(what_was_written_is_read_back)
{
    struct folder f CLEANUP(folder_done);
    struct refdata_update update;
    struct refdata data;
    struct err err = ERR_INIT;

    REQUIRE(folder_new(&f));
    REQUIRE_OK(refdata_update(&f.a, NULL, bytes_of_string(older), "older.pack", 0, &update, &err), err);
    CHECK(!update.signer);
    CHECK_INT(update.added, 1);
    REQUIRE_OK(refdata_write(f.own, &update.reference, &err), err);
    REQUIRE_OK(refdata_read(&f.a, f.own, &data, &err), err);
    CHECK_STRING(data.reference.images[0].what, "shim 15");
    CHECK_STRING(reference_age(&f.a, &data.reference, NOW), "2026-01-01, 212 days old");
    data.reference.as_of_ms = 0;
    CHECK_STRING(reference_age(&f.a, &data.reference, NOW), "date unknown");
}

TEST(a_publishers_list_joins_what_was_known)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata_update first, second, again;
    struct boot_reference base;
    struct err err = ERR_INIT;
    struct bytes list, old;

    if (!read_list(&a, "secure-boot/dbx/DBXUpdate-amd64.bin", &list) || !read_list(&a, "secure-boot/dbx/dbxupdate-2014-08-11.bin", &old))
        SKIP("no shared data");
    REQUIRE_OK(reference_parse(&a, bytes_of_string(older), &base, &err), err);
    REQUIRE_OK(refdata_update(&a, &base, list, "DBX\tUpdate.bin", NOW, &first, &err), err);
    CHECK_STRING(first.signer, "Microsoft Windows UEFI Key Exchange Key");
    CHECK_STRING(first.reference.name, "DBX\\x09Update.bin, signed by Microsoft Windows UEFI Key Exchange Key");
    CHECK_INT(first.added, 443);
    CHECK_INT(first.reference.n_images + first.reference.n_certificates, 444);
    CHECK_INT(first.reference.n_sbat, 1);
    CHECK_INT(first.reference.as_of_ms, NOW);
    /* The same again changes nothing; an older one takes nothing away, and makes nothing older. */
    REQUIRE_OK(refdata_update(&a, &first.reference, list, "copy.bin", 0, &again, &err), err);
    CHECK_INT(again.added, 0);
    CHECK_STRING(again.reference.name, first.reference.name);
    CHECK_INT(again.reference.as_of_ms, NOW);
    REQUIRE_OK(refdata_update(&a, &first.reference, old, "old.bin", INT64_C(1407715200000), &second, &err), err);
    CHECK(second.reference.n_images >= first.reference.n_images);
    CHECK_INT(second.reference.as_of_ms, NOW);
}

TEST(a_list_with_a_changed_byte_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes list;
    uint8_t *copy;

    if (!read_list(&a, "secure-boot/dbx/DBXUpdate-amd64.bin", &list))
        SKIP("no shared data");
    copy = malloc(list.len);
    REQUIRE(copy);
    memcpy(copy, list.data, list.len);
    /* Of every signature list and of the time; steps so that the hashes' bytes take turns. */
    for (size_t i = 0; i < list.len; i += i < 16 ? 1 : 509) {
        struct arena round CLEANUP(arena_done) = { 0 };
        struct refdata_update update;
        struct err err = ERR_INIT;
        if (i >= 16 && i < 5000)
            continue; /* the signature with its certificates: bootchain's own tests */
        copy[i] ^= 1;
        CHECK(!refdata_update(&round, NULL, (struct bytes){ copy, list.len }, "x", 0, &update, &err));
        CHECK(err.code == ERR_UNTRUSTED || err.code == ERR_MALFORMED || err.code == ERR_TRUNCATED || err.code == ERR_UNSUPPORTED);
        copy[i] ^= 1;
    }
    free(copy);
}

TEST(what_is_neither_list_nor_pack_is_refused)
{
    static const char *const texts[] = { "", "x", "trueboot-reference 2\n", "trueboot-reference 1\nwrong\n" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_update update;
        struct err err = ERR_INIT;
        CHECK(!refdata_update(&a, NULL, bytes_of_string(texts[i]), "x", 0, &update, &err) && err.text[0]);
    }
}
