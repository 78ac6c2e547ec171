/* UEFI's structures in event data: the smallest valid sample, cut at every byte, and the ways to lie about sizes. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "eventlog/uefi/boot_option.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/uefi/firmware_blob.h"
#include "eventlog/uefi/gpt.h"
#include "eventlog/uefi/image_load.h"
#include "eventlog/uefi/signature_list.h"
#include "eventlog/uefi/variable.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

TEST(a_uefi_variable_is_read_and_refused_when_cut)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct uefi_variable v;
    struct err err = ERR_INIT;

    log_variable(&w, GUID_IMAGE_SECURITY, "dbx", BYTES_LIT("content"));
    REQUIRE_OK(uefi_variable_parse(writer_bytes(&w), &v, &err), err);
    CHECK(uefi_variable_is(&v, UEFI_IMAGE_SECURITY, "dbx") && !uefi_variable_is(&v, UEFI_EFI_GLOBAL, "dbx") &&
          !uefi_variable_is_named(&v, "db"));
    CHECK_STRING(uefi_variable_name(&a, &v), "dbx");
    CHECK_BYTES(v.data, BYTES_LIT("content"));
    for (size_t n = 0; n < w.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        CHECK(!uefi_variable_parse(cut, &v, &err) && err.code == ERR_TRUNCATED);
        free((void *)cut.data);
    }
    w.data[23] = 0x80; /* 2^63 characters: twice that is zero in 64 bits */
    CHECK(!uefi_variable_parse(writer_bytes(&w), &v, &err));
    w.data[23] = 0;
    memset(w.data + 24, 0xff, 8);
    CHECK(!uefi_variable_parse(writer_bytes(&w), &v, &err));
}

static void put_list(struct writer *w, const char *guid, uint32_t list, uint32_t header, uint32_t entry, size_t payload)
{
    write_bytes(w, (struct bytes){ (const uint8_t *)guid, UUID_LEN });
    write_u32le(w, list);
    write_u32le(w, header);
    write_u32le(w, entry);
    for (size_t i = 0; i < payload; i++)
        write_u8(w, (uint8_t)i);
}

#define GUID_SHA256      "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"
#define GUID_X509        "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"
#define GUID_X509_SHA256 "\x92\xa4\xd2\x3b\xc0\x96\x79\x40\xb4\x20\xfc\xf9\x8e\xf1\x03\xed"

TEST(signature_lists_are_read_down_to_the_entries_and_headers_are_skipped)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct signature_lists lists;
    struct err err = ERR_INIT;

    put_list(&w, GUID_SHA256, 28 + 5 + 96, 5, 48, 5 + 96);
    put_list(&w, GUID_X509, 28 + 20, 0, 20, 20);
    put_list(&w, GUID_X509_SHA256, 28 + 64, 0, 64, 64);
    put_list(&w, "0123456789abcdef", 28 + 17, 0, 17, 17);
    REQUIRE_OK(signature_lists_parse(&a, writer_bytes(&w), &lists, &err), err);
    REQUIRE(lists.n_lists == 4 && lists.n == 5);
    CHECK(lists.items[0].kind == SIGNATURE_SHA256 && lists.items[0].owner.data[0] == 5 && lists.items[0].data.data[0] == 21);
    CHECK(lists.items[1].list == 0 && lists.items[1].data.len == 32);
    CHECK(lists.items[2].kind == SIGNATURE_X509 && lists.items[2].data.len == 4);
    CHECK(lists.items[3].kind == SIGNATURE_X509_SHA256 && lists.items[3].data.len == 32 && lists.items[3].revoked_since.len == 16);
    CHECK(lists.items[4].kind == SIGNATURE_UNKNOWN && lists.items[4].list == 3);
    for (size_t n = 1; n < w.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        if (n != 129 && n != 177 && n != 269) /* between two lists */
            CHECK(!signature_lists_parse(&a, cut, &lists, &err));
        free((void *)cut.data);
    }
    CHECK(signature_lists_parse(&a, BYTES_NONE, &lists, &err) && lists.n == 0);
}

/* Attack L11. */
static const struct {
    const char *what;
    uint32_t list, header, entry;
} lying_lists[] = {
    { "a list shorter than its own header", 27, 0, 48 },
    { "a list of no bytes", 0, 0, 48 },
    { "a list larger than the variable", 28 + 97, 0, 48 },
    { "a list near 2^32", 0xffffffff, 0, 48 },
    { "a header larger than the list", 28 + 96, 97, 48 },
    { "a header near 2^32", 28 + 96, 0xfffffff0, 48 },
    { "entries of no bytes", 28 + 96, 0, 0 },
    { "an entry shorter than its owner", 28 + 96, 0, 15 },
    { "an entry larger than the list", 28 + 96, 0, 97 },
    { "an entry near 2^32", 28 + 96, 0, 0xffffffff },
    { "entries that do not divide the list", 28 + 96, 0, 47 },
    { "entries that are no SHA-256 digests", 28 + 96, 0, 32 },
};

TEST(lying_sizes_of_signature_lists_are_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(lying_lists); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        struct signature_lists lists;
        struct err err = ERR_INIT;
        bool refused;
        put_list(&w, GUID_SHA256, lying_lists[i].list, lying_lists[i].header, lying_lists[i].entry, 96);
        refused = !signature_lists_parse(&a, writer_bytes(&w), &lists, &err);
        if (!refused)
            test_note("not refused: %s", lying_lists[i].what);
        CHECK(refused && err.code == ERR_MALFORMED);
    }
}

TEST(the_limits_on_signature_lists_hold)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct signature_lists lists;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < LIMIT_SIGNATURE_LISTS; i++)
        put_list(&w, GUID_X509, 28, 0, 16, 0);
    CHECK(signature_lists_parse(&a, writer_bytes(&w), &lists, &err) && lists.n_lists == LIMIT_SIGNATURE_LISTS);
    put_list(&w, GUID_X509, 28, 0, 16, 0);
    CHECK(!signature_lists_parse(&a, writer_bytes(&w), &lists, &err) && err.code == ERR_LIMIT);
    writer_reset(&w);
    put_list(&w, GUID_X509, 28 + 16 * LIMIT_SIGNATURES, 0, 16, 16 * LIMIT_SIGNATURES);
    CHECK(signature_lists_parse(&a, writer_bytes(&w), &lists, &err) && lists.n == LIMIT_SIGNATURES);
    put_list(&w, GUID_X509, 28 + 16, 0, 16, 16);
    CHECK(!signature_lists_parse(&a, writer_bytes(&w), &lists, &err) && err.code == ERR_LIMIT);
}

TEST(an_authority_is_a_certificate_or_a_digest_with_or_without_its_owner)
{
    struct signature s;
    struct err err = ERR_INIT;

    REQUIRE_OK(signature_from_authority(BYTES_LIT("0123456789abcdef\x30\x82\x01\x02rest"), &s, &err), err);
    CHECK(s.kind == SIGNATURE_X509 && s.owner.len == 16 && s.data.len == 8);
    REQUIRE_OK(signature_from_authority(BYTES_LIT("\x30\x82\x01\x02rest of the certificate"), &s, &err), err);
    CHECK(s.kind == SIGNATURE_X509 && s.owner.len == 0);
    REQUIRE_OK(signature_from_authority(BYTES_LIT("0123456789abcdef0123456789abcdef0123456789abcdef"), &s, &err), err);
    CHECK(s.kind == SIGNATURE_SHA256 && s.data.len == 32);
    CHECK(!signature_from_authority(BYTES_LIT("0123456789abcdef"), &s, &err));
}

TEST(the_published_revocation_lists_are_read_whole)
{
    static const char *const files[] = { "DBXUpdate-amd64.bin", "DBXUpdate-x86.bin", "DBXUpdate-arm64.bin", "dbxupdate-2014-08-11.bin",
                                         "dbxupdate_x64-2021-04-29.bin" };

    if (!shared_data("secure-boot/dbx"))
        SKIP("shared data is not there");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct bytes file;
        struct signature_lists lists;
        size_t skip;
        char path[128];
        snprintf(path, sizeof path, "secure-boot/dbx/%s", files[i]);
        REQUIRE_OK(file_read_in(&a, shared_data(path), 1 << 20, &file, &err), err);
        REQUIRE(file.len > 20); /* EFI_TIME, then WIN_CERTIFICATE, which begins with its length */
        skip = 16 + (file.data[16] | (size_t)file.data[17] << 8 | (size_t)file.data[18] << 16);
        REQUIRE_OK(signature_lists_parse(&a, bytes_slice(file, skip, file.len), &lists, &err), err);
        test_note("%s: %zu lists, %zu entries", files[i], lists.n_lists, lists.n);
        CHECK(lists.n > 5);
    }
}

struct path_case {
    struct bytes path;
    const char *text;
};

#define END "\x7f\xff\x04\x00"

TEST(device_paths_have_the_usual_text)
{
    static const struct path_case cases[] = {
        { { (const uint8_t *)"\x02\x01\x0c\x00\xd0\x41\x03\x0a\x00\x00\x00\x00\x01\x01\x06\x00\x00\x02" END, 22 },
          "PciRoot(0x0)/Pci(0x2,0x0)" },
        { { (const uint8_t *)"\x02\x01\x0c\x00\xd0\x41\x08\x0a\x01\x00\x00\x00" END, 16 }, "PcieRoot(0x1)" },
        { { (const uint8_t *)"\x02\x01\x0c\x00\xd0\x41\x34\x12\x01\x00\x00\x00" END, 16 }, "Acpi(PNP1234,0x1)" },
        { { (const uint8_t *)"\x03\x12\x0a\x00\x01\x00\xff\xff\x00\x00" END, 14 }, "Sata(0x1,0xFFFF,0x0)" },
        { { (const uint8_t *)"\x03\x05\x06\x00\x03\x01" END, 10 }, "USB(0x3,0x1)" },
        { { (const uint8_t *)"\x03\x02\x08\x00\x02\x00\x01\x00" END, 12 }, "Scsi(0x2,0x1)" },
        { { (const uint8_t *)"\x03\x17\x10\x00\x01\x00\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01" END, 20 },
          "NVMe(0x1,01-02-03-04-05-06-07-08)" },
        { { (const uint8_t *)"\x03\x18\x0c\x00http://a" END, 16 }, "Uri(http://a)" },
        { { (const uint8_t *)"\x04\x01\x2a\x00\x01\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00"
                             "\x78\x56\x34\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01" END,
            46 },
          "HD(1,MBR,0x12345678,0x800,0x1000)" },
        { { (const uint8_t *)"\x04\x04\x0a\x00\\\x00"
                             "a\x00\x00\x00" END,
            14 },
          "\\a" },
        { { (const uint8_t *)"\x05\x01\x0b\x00\x02\x00\x00\x00hd\x00" END, 15 }, "BBS(0x2,hd,0x0)" },
        { { (const uint8_t *)"\x01\x01\x06\x00\x00\x02\x7f\x01\x04\x00\x01\x01\x06\x00\x01\x02" END, 20 }, "Pci(0x2,0x0),Pci(0x2,0x1)" },
        { { (const uint8_t *)"\x01\x01\x07\x00\x00\x02\x03" END, 11 }, "Path(1,1,000203)" },
        { { (const uint8_t *)"\x09\x63\x05\x00\xab" END, 9 }, "Path(9,99,ab)" },
        { { (const uint8_t *)"\x04\x04\x08\x00\x1b\x00[\x00" END, 12 }, "\\x1b[" },
        { { (const uint8_t *)END, 4 }, "" },
        { { NULL, 0 }, "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        char *text = NULL;
        struct bytes copy = exact_copy(cases[i].path);
        REQUIRE_OK(device_path_text(&a, copy, &text, &err), err);
        CHECK_STRING(text, cases[i].text);
        free((void *)copy.data);
    }
}

TEST(a_device_path_cut_inside_a_node_is_refused_and_nothing_is_read_behind_it)
{
    static const uint8_t path[] = { 2, 1, 12, 0, 0xd0, 0x41, 3, 10, 0, 0, 0, 0, 4, 4, 10, 0, '\\', 0, 'a', 0, 0, 0, 0x7f, 0xff, 4, 0 };

    for (size_t n = 0; n <= sizeof path; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        char *text;
        struct bytes cut = exact_copy((struct bytes){ path, n });
        bool boundary = n == 0 || n == 12 || n == 22 || n == 26;
        CHECK(device_path_text(&a, cut, &text, &err) == boundary);
        CHECK(device_path_file(&a, cut) != NULL);
        free((void *)cut.data);
    }
}

TEST(a_device_path_node_shorter_than_its_header_does_not_loop)
{
    for (uint8_t len = 0; len < 4; len++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        char *text;
        uint8_t path[] = { 1, 1, len, 0, 0, 0 };
        CHECK(!device_path_text(&a, BYTES_OF(path), &text, &err) && err.code == ERR_TRUNCATED);
    }
}

TEST(an_image_load_event_is_read_and_refused_when_cut)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct image_load image;
    struct err err = ERR_INIT;

    for (uint64_t i = 1; i <= 3; i++)
        write_u64le(&w, i);
    write_u64le(&w, 4);
    write_bytes(&w, BYTES_LIT(END));
    REQUIRE_OK(image_load_parse(writer_bytes(&w), &image, &err), err);
    CHECK(image.address == 1 && image.length == 2 && image.link_time_address == 3 && image.device_path.len == 4 && image.excess.len == 0);
    for (size_t n = 0; n < w.len; n++)
        CHECK(!image_load_parse(bytes_slice(writer_bytes(&w), 0, n), &image, &err));
    memset(w.data + 24, 0xff, 8);
    CHECK(!image_load_parse(writer_bytes(&w), &image, &err));
}

TEST(a_partition_table_is_read_and_refused_when_it_claims_too_much)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t data[92 + 8 + 128] = "EFI PART";
    struct gpt gpt;
    struct err err = ERR_INIT;

    data[92] = 1;
    data[100 + 32] = 0x22;
    data[100 + 56] = 'E';
    REQUIRE_OK(gpt_parse(&a, BYTES_OF(data), &gpt, &err), err);
    CHECK(gpt.n_partitions == 1 && gpt.partitions[0].first_lba == 0x22 && gpt.partitions[0].name.data[0] == 'E');
    for (size_t n = 0; n < sizeof data; n++)
        CHECK(!gpt_parse(&a, (struct bytes){ data, n }, &gpt, &err));
    data[99] = 0xff;
    CHECK(!gpt_parse(&a, BYTES_OF(data), &gpt, &err) && err.code == ERR_TRUNCATED);
    data[0] = 'X';
    data[99] = 0;
    CHECK(!gpt_parse(&a, BYTES_OF(data), &gpt, &err) && err.code == ERR_MALFORMED);
}

TEST(boot_entries_and_the_boot_order_are_read)
{
    static const uint8_t option[] = { 1, 0, 0, 0, 4, 0, 'L', 0, 'x', 0, 0, 0, 0x7f, 0xff, 4, 0, 'q', 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct boot_option o;
    struct err err = ERR_INIT;
    uint16_t number;
    size_t n;

    REQUIRE_OK(boot_option_parse(BYTES_OF(option), &o, &err), err);
    CHECK_STRING(boot_option_description(&a, &o), "Lx");
    CHECK(o.attributes == BOOT_OPTION_ACTIVE && o.device_path.len == 4 && o.optional_data.len == 2);
    for (size_t len = 0; len < 16; len++)
        CHECK(!boot_option_parse((struct bytes){ option, len }, &o, &err));
    CHECK(boot_order_parse(BYTES_LIT("\x01\x00\x02\x10"), &n, &err) && n == 2 && boot_order_at(BYTES_LIT("\x01\x00\x02\x10"), 1) == 0x1002);
    CHECK(!boot_order_parse(BYTES_LIT("\x01\x00\x02"), &n, &err));
    CHECK(boot_option_name(BYTES_LIT("B\0o\0o\0t\0"
                                     "0\0"
                                     "0\0"
                                     "1\0a\0"),
                           "Boot", &number) &&
          number == 0x1a);
    CHECK(!boot_option_name(BYTES_LIT("B\0o\0o\0t\0O\0r\0d\0e\0r\0"), "Boot", &number));
}

TEST(blobs_and_tables_are_read_and_refused_when_cut)
{
    static const uint8_t blob2[] = { 2, 'F', 'v', 0, 0, 0x82, 0, 0, 0, 0, 0, 0, 0, 0x0e, 0, 0, 0, 0, 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct firmware_blob blob;
    struct handoff_tables tables;
    struct err err = ERR_INIT;
    uint8_t pointers[8 + 24] = { 1 };

    REQUIRE_OK(firmware_blob_parse(BYTES_OF(blob2), true, &blob, &err), err);
    CHECK(blob.base == 0x820000 && blob.length == 0xe0000);
    CHECK_BYTES(blob.description, BYTES_LIT("Fv"));
    CHECK(firmware_blob_parse(bytes_slice(BYTES_OF(blob2), 3, 16), false, &blob, &err));
    for (size_t n = 0; n < sizeof blob2; n++)
        CHECK(!firmware_blob_parse((struct bytes){ blob2, n }, true, &blob, &err));
    memcpy(pointers + 8, "\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d", 16);
    REQUIRE_OK(handoff_tables_parse(&a, BYTES_OF(pointers), false, &tables, &err), err);
    CHECK(tables.n == 1);
    CHECK_STRING(handoff_table_name(tables.tables[0].guid), "SMBIOS table");
    pointers[7] = 0xff;
    CHECK(!handoff_tables_parse(&a, BYTES_OF(pointers), false, &tables, &err));
}
