/* Reference data made of files: shim's own knowledge, SBAT levels, certificates. */
#include <stdlib.h>
#include "base/writer.h"
#include "refdata/make.h"
#include "refdata/shim_image.h"
#include "support/test.h"

#define AUTOMATIC "sbat,1,2025021800\nshim,4\ngrub,5\n"
#define LATEST    "sbat,1,2025051000\nshim,4\ngrub,5\ngrub.proxmox,2\n"

/* One forbidden hash, 01 00…, in a signature list. */
#define VENDOR_DBX                                                     \
    "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28" \
    "\x4c\0\0\0\0\0\0\0\x30\0\0\0"                                     \
    "0123456789abcdef\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void section(struct writer *w, const char *name, size_t size, size_t at)
{
    char padded[8] = "";

    memcpy(padded, name, strlen(name));
    write_bytes(w, (struct bytes){ (const uint8_t *)padded, 8 });
    write_u32le(w, (uint32_t)size);
    write_u32le(w, 0x1000);
    write_u32le(w, (uint32_t)size);
    write_u32le(w, (uint32_t)at);
    for (int i = 0; i < 4; i++)
        write_u32le(w, 0);
}

/* The smallest image that is shim for us: head, table of two sections, both sections, string table with their names. */
static struct bytes shim_sample(struct arena *a, uint32_t version)
{
    struct writer levels CLEANUP(writer_done) = { 0 }, vendor CLEANUP(writer_done) = { 0 }, w CLEANUP(writer_done) = { 0 };
    const size_t body = 0x40 + 24 + 2 * 40;
    struct bytes made = BYTES_NONE;

    write_u32le(&levels, version);
    write_u32le(&levels, 8);
    write_u32le(&levels, 8 + sizeof AUTOMATIC);
    write_bytes(&levels, (struct bytes){ (const uint8_t *)AUTOMATIC, sizeof AUTOMATIC });
    write_bytes(&levels, (struct bytes){ (const uint8_t *)LATEST, sizeof LATEST });
    write_u32le(&vendor, 3);
    write_u32le(&vendor, sizeof VENDOR_DBX - 1);
    write_u32le(&vendor, 16);
    write_u32le(&vendor, 19);
    write_bytes(&vendor, BYTES_LIT("CER"));
    write_bytes(&vendor, BYTES_LIT(VENDOR_DBX));

    write_bytes(&w, BYTES_LIT("MZ"));
    while (w.len < 0x3c)
        write_u8(&w, 0);
    write_u32le(&w, 0x40);
    write_bytes(&w, BYTES_LIT("PE\0\0"));
    write_u16le(&w, 0x8664);
    write_u16le(&w, 2);
    write_u32le(&w, 0);
    write_u32le(&w, (uint32_t)(body + levels.len + vendor.len)); /* no symbols: the string table itself */
    write_u32le(&w, 0);
    write_u16le(&w, 0);
    write_u16le(&w, 0);
    section(&w, "/4", levels.len, body);
    section(&w, "/15", vendor.len, body + levels.len);
    write_bytes(&w, writer_bytes(&levels));
    write_bytes(&w, writer_bytes(&vendor));
    write_u32le(&w, 4 + 24);
    write_bytes(&w, BYTES_LIT(".sbatlevel\0.vendor_cert\0"));
    return writer_ok(&w) && arena_copy(a, writer_bytes(&w), &made) ? made : BYTES_NONE;
}

TEST(shims_two_levels_and_its_vendors_list_are_read)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct shim_image shim;
    struct err err = ERR_INIT;

    REQUIRE_OK(shim_image_parse(shim_sample(&a, 0), &shim, &err), err);
    CHECK_BYTES(shim.automatic, BYTES_LIT(AUTOMATIC));
    CHECK_BYTES(shim.latest, BYTES_LIT(LATEST));
    CHECK_BYTES(shim.vendor_dbx, BYTES_LIT(VENDOR_DBX));
    CHECK(!shim_image_parse(shim_sample(&a, 1), &shim, &err));
    CHECK_STRING(err.text, ".sbatlevel: version 0 expected, not 1");
}

TEST(a_shim_cut_anywhere_never_gives_what_is_not_there)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes whole = shim_sample(&a, 0);

    for (size_t n = 0; n < whole.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(whole, 0, n));
        struct shim_image shim;
        struct err err = ERR_INIT;
        if (shim_image_parse(cut, &shim, &err)) /* the names stand at the end: the second one is gone */
            CHECK(bytes_equal(shim.automatic, BYTES_LIT(AUTOMATIC)) && bytes_equal(shim.latest, BYTES_LIT(LATEST)) && !shim.vendor_dbx.len);
        else
            CHECK(err.code != ERR_NONE && err.text[0]);
        free((void *)(uintptr_t)cut.data);
    }
}

TEST(of_shim_the_enforced_level_counts_and_its_vendors_list_belongs_in_no_dbx)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata_making m = { .a = &a, .vouched = true };
    struct boot_reference made;
    struct err err = ERR_INIT;

    REQUIRE_OK(refdata_take(&m, shim_sample(&a, 0), "shimx64.efi", &err) && refdata_made(&m, &made, &err), err);
    CHECK_INT(made.sbat_date, 2025021800);
    REQUIRE(made.n_sbat == 2 && made.n_images == 1 && made.n_sources == 2);
    CHECK_STRING(made.sbat[1].component, "grub");
    CHECK_INT(made.sbat[1].generation, 5);
    CHECK_INT(made.images[0].list, REVOKED_BY_SHIM);
    CHECK_STRING(made.sources[0].words, "SBAT level 2025021800 of shimx64.efi (which can enforce 2025051000)");
    CHECK_INT(made.sources[0].as_of_ms, INT64_C(1739836800000));
    CHECK(strstr(reference_words(&a, &(struct boot_reference){ .name = "x", .images = made.images, .n_images = 1 }, 0),
                 "lists no revoked images for machines' dbx"));
}

TEST(the_later_level_wins_and_equal_ones_are_added_up)
{
    static const struct {
        const char *first, *second;
        uint32_t date, shim, grub;
    } cases[] = {
        { "sbat,1,2024010900\nshim,4\ngrub,3\n", "sbat,1,2025021800\nshim,4\ngrub,5\n", 2025021800, 4, 5 },
        { "sbat,1,2025021800\nshim,4\ngrub,5\n", "sbat,1,2024010900\nshim,4\ngrub,3\n", 2025021800, 4, 5 },
        { "sbat,1,2025021800\nshim,4\n", "sbat,1,2025021800\nshim,3\ngrub,5\n", 2025021800, 4, 5 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_making m = { .a = &a, .vouched = true };
        struct boot_reference made;
        uint32_t shim = 0, grub = 0;
        struct err err = ERR_INIT;
        REQUIRE_OK(refdata_take(&m, bytes_of_string(cases[i].first), "a", &err) &&
                       refdata_take(&m, bytes_of_string(cases[i].second), "b", &err) && refdata_made(&m, &made, &err),
                   err);
        for (size_t k = 0; k < made.n_sbat; k++) {
            shim = strcmp(made.sbat[k].component, "shim") == 0 ? made.sbat[k].generation : shim;
            grub = strcmp(made.sbat[k].component, "grub") == 0 ? made.sbat[k].generation : grub;
        }
        CHECK(made.sbat_date == cases[i].date && shim == cases[i].shim && grub == cases[i].grub);
    }
}

TEST(signature_lists_without_a_signature_belong_to_the_architecture_in_their_name)
{
    static const struct {
        const char *name;
        uint8_t architectures;
    } cases[] = { { "DBXUpdate-amd64.esl", 1u << ARCHITECTURE_X64 },     { "dbx_x64.esl", 1u << ARCHITECTURE_X64 },
                  { "DBXUpdate-arm64.esl", 1u << ARCHITECTURE_AARCH64 }, { "DBXUpdate-arm.esl", 1u << ARCHITECTURE_ARM },
                  { "DBXUpdate-x86.esl", 1u << ARCHITECTURE_IA32 },      { "ours.esl", 0 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct refdata_making m = { .a = &a, .vouched = true };
        struct boot_reference made;
        struct err err = ERR_INIT;
        REQUIRE_OK(refdata_take(&m, BYTES_LIT(VENDOR_DBX), cases[i].name, &err) && refdata_made(&m, &made, &err), err);
        REQUIRE(made.n_images == 1);
        CHECK_INT(made.images[0].architectures, cases[i].architectures);
    }
}

TEST(what_cannot_be_read_changes_nothing)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct refdata_making m = { .a = &a, .vouched = true };
    static const char *const bad[] = { "", "x", "MZ", "{\"images\":1}", "trueboot-reference 2\nimage\tx\n" };
    struct boot_reference made;
    struct err err = ERR_INIT;

    REQUIRE_OK(refdata_take(&m, BYTES_LIT(VENDOR_DBX), "a", &err), err);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = ERR_INIT;
        CHECK(!refdata_take(&m, bytes_of_string(bad[i]), "bad", &err) && err.text[0]);
    }
    CHECK(!refdata_forbid(&m, BYTES_LIT("no certificate"), "x", &err) && !refdata_know(&m, BYTES_LIT("no certificate"), 0, &err));
    REQUIRE_OK(refdata_made(&m, &made, &err), err);
    CHECK(made.n_images == 1 && made.n_certificates == 0 && made.n_known == 0 && made.n_sources == 1);
}
