#include "vmhost/vars.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/writer.h"
#include "support/test.h"

enum { HEADERS = 0x48 + 28, STORE = 1024, BEHIND = 64 };

static const char other_guid[] = "11111111-2222-3333-4444-555555555555";

static void put_guid(struct writer *w, const char *text)
{
    uint8_t guid[UUID_LEN];

    CHECK(guid_parse(bytes_of_string(text), guid));
    write_bytes(w, BYTES_OF(guid));
}

static void put_variable(struct writer *w, uint8_t state, const char *name, const char *guid, struct bytes data)
{
    write_u16le(w, 0x55aa); /* mark */
    write_u8(w, state);
    write_u8(w, 0);
    write_u32le(w, 3);                                   /* attributes: non-volatile, boot services */
    write_u64le(w, 7);                                   /* monotonic count */
    write_bytes(w, bytes_of_string("TIME...........T")); /* EFI_TIME, 16 bytes */
    write_u32le(w, 9);                                   /* key index */
    write_u32le(w, 2 * (uint32_t)(strlen(name) + 1));
    write_u32le(w, (uint32_t)data.len);
    put_guid(w, guid);
    for (size_t i = 0; i <= strlen(name); i++)
        write_u16le(w, (uint8_t)name[i]);
    write_bytes(w, data);
    while (w->len % 4)
        write_u8(w, 0xff);
}

/* A volume of HEADERS + STORE + BEHIND bytes; `variables` is the content of the store. */
static void put_volume(struct writer *w, struct bytes variables)
{
    for (int i = 0; i < 16; i++)
        write_u8(w, 0);
    put_guid(w, "fff12b8d-7696-4c8b-a985-2747075b4f50");
    write_u64le(w, HEADERS + STORE + BEHIND);
    write_string(w, "_FVH");
    write_u32le(w, 0);
    write_u16le(w, 0x48);
    while (w->len < 0x48)
        write_u8(w, 0);
    put_guid(w, "aaf32c78-947b-439a-a180-2e144ec37792");
    write_u32le(w, 28 + STORE);
    write_u8(w, 0x5a);
    write_u8(w, 0xfe);
    while (w->len < HEADERS)
        write_u8(w, 0);
    write_bytes(w, variables);
    while (w->len < HEADERS + STORE)
        write_u8(w, 0xff);
    for (int i = 0; i < BEHIND; i++)
        write_u8(w, 0xab);
}

static void put_sample(struct writer *w, bool with_platform_key)
{
    CLEANUP(writer_done) struct writer v = { 0 };

    put_variable(&v, 0x3d & 0x3e, "Old", other_guid, BYTES_LIT("deleted"));
    put_variable(&v, 0x3e, "Twice", other_guid, BYTES_LIT("before"));
    if (with_platform_key)
        put_variable(&v, 0x3f, "PK", VARS_GUID_GLOBAL, BYTES_LIT("key"));
    put_variable(&v, 0x3f, "SecureBootEnable", VARS_GUID_SECURE_BOOT_ENABLE, BYTES_LIT("\1"));
    put_variable(&v, 0x3f, "Twice", other_guid, BYTES_LIT("after"));
    put_variable(&v, 0x3e, "Interrupted", other_guid, BYTES_LIT("still there"));
    put_volume(w, writer_bytes(&v));
}

TEST(variables_are_found_by_name_and_guid)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct vars v;

    put_sample(&w, true);
    REQUIRE_OK(vars_parse(&a, writer_bytes(&w), &v, &err), err);
    CHECK_INT(v.n, 4);
    REQUIRE(vars_find(&v, "PK", VARS_GUID_GLOBAL));
    CHECK_BYTES(vars_find(&v, "PK", VARS_GUID_GLOBAL)->data, BYTES_LIT("key"));
    CHECK(!vars_find(&v, "PK", other_guid));
    CHECK(!vars_find(&v, "P", VARS_GUID_GLOBAL));
    CHECK(!vars_find(&v, "Old", other_guid));
}

TEST(a_complete_variable_beats_the_one_it_replaces)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct vars v;

    put_sample(&w, true);
    REQUIRE_OK(vars_parse(&a, writer_bytes(&w), &v, &err), err);
    REQUIRE(vars_find(&v, "Twice", other_guid) && vars_find(&v, "Interrupted", other_guid));
    CHECK_BYTES(vars_find(&v, "Twice", other_guid)->data, BYTES_LIT("after"));
    CHECK_BYTES(vars_find(&v, "Interrupted", other_guid)->data, BYTES_LIT("still there"));
}

TEST(a_store_written_back_reads_the_same_and_keeps_what_lies_around)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes once, again;
    struct vars v, u;

    put_sample(&w, true);
    REQUIRE_OK(vars_parse(&a, writer_bytes(&w), &v, &err) && vars_write(&v, &a, &once, &err), err);
    REQUIRE_OK(vars_parse(&a, once, &u, &err) && vars_write(&u, &a, &again, &err), err);
    CHECK_INT(once.len, w.len);
    CHECK_BYTES(once, again);
    CHECK_BYTES(bytes_slice(once, 0, HEADERS), bytes_slice(writer_bytes(&w), 0, HEADERS));
    CHECK(bytes_are_all(bytes_slice(once, HEADERS + STORE, BEHIND), 0xab));
    REQUIRE(u.n == v.n);
    for (size_t i = 0; i < v.n; i++) {
        CHECK_BYTES(u.items[i].name, v.items[i].name);
        CHECK_BYTES(u.items[i].data, v.items[i].data);
        CHECK_BYTES(u.items[i].rest_of_header, v.items[i].rest_of_header);
        CHECK_INT(u.items[i].attributes, v.items[i].attributes);
    }
}

TEST(a_variable_is_replaced_or_added)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;
    struct vars v;

    put_sample(&w, true);
    REQUIRE_OK(vars_parse(&a, writer_bytes(&w), &v, &err), err);
    REQUIRE_OK(vars_set(&v, "Twice", other_guid, 7, BYTES_LIT("third"), &err), err);
    REQUIRE_OK(vars_set(&v, "New", other_guid, 7, BYTES_LIT("n"), &err), err);
    REQUIRE_OK(vars_write(&v, &a, &out, &err) && vars_parse(&a, out, &v, &err), err);
    CHECK_INT(v.n, 5);
    CHECK_BYTES(vars_find(&v, "Twice", other_guid)->data, BYTES_LIT("third"));
    CHECK_INT(vars_find(&v, "Twice", other_guid)->attributes, 3);
    CHECK_BYTES(vars_find(&v, "New", other_guid)->data, BYTES_LIT("n"));
    CHECK_INT(vars_find(&v, "New", other_guid)->attributes, 7);
}

TEST(variables_that_do_not_fit_are_refused)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    uint8_t much[STORE] = { 0 };
    struct bytes out;
    struct vars v;

    put_sample(&w, true);
    REQUIRE_OK(vars_parse(&a, writer_bytes(&w), &v, &err), err);
    REQUIRE_OK(vars_set(&v, "Much", other_guid, 3, BYTES_OF(much), &err), err);
    CHECK(!vars_write(&v, &a, &out, &err));
    CHECK_INT(err.code, ERR_LIMIT);
}

TEST(a_store_cut_anywhere_is_refused)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct err err = ERR_INIT;

    put_sample(&w, true);
    for (size_t n = 0; n < HEADERS + STORE; n++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        struct vars v;
        bool parsed = vars_parse(&a, cut, &v, &err);
        if (parsed || err.code != ERR_TRUNCATED)
            test_note("cut at %zu", n);
        CHECK(!parsed && err.code == ERR_TRUNCATED);
        free((void *)(uintptr_t)cut.data);
        if (test_failed())
            return;
    }
}

TEST(a_store_with_a_wrong_byte_is_refused)
{
    static const struct {
        const char *what;
        size_t offset;
        uint8_t value;
        enum err_code code;
    } rows[] = {
        { "volume GUID", 16, 0, ERR_MALFORMED },
        { "volume mark", 0x28, 'x', ERR_MALFORMED },
        { "volume header's length beyond the file", 0x31, 0xff, ERR_TRUNCATED },
        { "store GUID", 0x48, 0, ERR_UNSUPPORTED },
        { "store size beyond the file", 0x48 + 18, 0x7f, ERR_TRUNCATED },
        { "store format", 0x48 + 20, 0, ERR_MALFORMED },
        { "store state", 0x48 + 21, 0, ERR_MALFORMED },
        { "length of a name", HEADERS + 39, 0xff, ERR_TRUNCATED },
        { "length of data", HEADERS + 43, 0xff, ERR_TRUNCATED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(writer_done) struct writer w = { 0 };
        CLEANUP(arena_done) struct arena a = { 0 };
        struct err err = ERR_INIT;
        struct vars v;
        put_sample(&w, true);
        w.data[rows[i].offset] = rows[i].value;
        test_note("%s", rows[i].what);
        CHECK(!vars_parse(&a, writer_bytes(&w), &v, &err));
        CHECK_INT(err.code, rows[i].code);
    }
}

/* Writes the sample into a new file; the caller removes it. */
static bool sample_file(char path[static 32], bool with_platform_key)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct err err = ERR_INIT;

    strcpy(path, "/tmp/trueboot-vars.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return false;
    close(fd);
    put_sample(&w, with_platform_key);
    return file_write(path, writer_bytes(&w), 0600, &err);
}

TEST(secure_boot_is_switched_off_and_on_again)
{
    struct err err = ERR_INIT;
    char path[32];
    bool on = false;

    REQUIRE(sample_file(path, true));
    CHECK(vars_file_get_secure_boot(path, &on, &err) && on);
    CHECK(vars_file_set_secure_boot(path, false, &err));
    CHECK(vars_file_get_secure_boot(path, &on, &err) && !on);
    CHECK(vars_file_set_secure_boot(path, true, &err));
    CHECK(vars_file_get_secure_boot(path, &on, &err) && on);
    unlink(path);
}

TEST(secure_boot_stays_off_without_a_platform_key)
{
    struct err err = ERR_INIT;
    char path[32];
    bool on = true;

    REQUIRE(sample_file(path, false));
    CHECK(vars_file_get_secure_boot(path, &on, &err) && !on);
    CHECK(!vars_file_set_secure_boot(path, true, &err));
    CHECK_INT(err.code, ERR_CONFLICT);
    CHECK(vars_file_set_secure_boot(path, false, &err));
    unlink(path);
}

TEST(the_installed_firmwares_own_store_is_understood)
{
    static const char path[] = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes image, out;
    struct vars v, u;
    bool on = false;

    if (!file_exists(path))
        SKIP("OVMF is not installed");
    REQUIRE_OK(file_read_in(&a, path, VARS_MAX_BYTES, &image, &err), err);
    REQUIRE_OK(vars_parse(&a, image, &v, &err), err);
    for (const char *const *name = (const char *const[]){ "PK", "KEK", NULL }; *name; name++)
        CHECK(vars_find(&v, *name, VARS_GUID_GLOBAL));
    CHECK(vars_file_get_secure_boot(path, &on, &err) && on);
    REQUIRE_OK(vars_write(&v, &a, &out, &err) && vars_parse(&a, out, &u, &err), err);
    CHECK_INT(out.len, image.len);
    CHECK_INT(u.n, v.n);
}
