/* What revocation lists say about a boot (attack-suite.md 4.5, B1 to B3): hashes of images and of certificates of every length, revocations
 * from a date on, lists of other architectures, Windows' version markers. */
#include <stdlib.h>
#include "base/file.h"
#include "base/writer.h"
#include "boot_sample.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/revoked.h"
#include "bootchain/chain/secure_boot_data.h"
#include "stock_boot.h"
#include "support/test.h"

#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"

/* Another dbx in the place of the stock one. */
static void set_dbx(struct boot *b, struct bytes content)
{
    built_variable(&b->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), SECURITY, "dbx", content);
    b->log.events[b->at.dbx] = b->log.events[--b->log.n];
}

/* One EFI_SIGNATURE_LIST with one entry: a digest, and behind it an EFI_TIME where `time` is given. */
static struct bytes one_entry(struct arena *a, const char *guid, struct bytes digest, const char *time)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    size_t entry = 16 + digest.len + (time ? 16 : 0);
    struct bytes made;

    write_bytes(&w, (struct bytes){ (const uint8_t *)guid, 16 });
    write_u32le(&w, (uint32_t)(28 + entry));
    write_u32le(&w, 0);
    write_u32le(&w, (uint32_t)entry);
    write_bytes(&w, BYTES_LIT("0123456789abcdef"));
    write_bytes(&w, digest);
    if (time)
        write_bytes(&w, (struct bytes){ (const uint8_t *)time, 16 });
    return arena_copy(a, writer_bytes(&w), &made) ? made : BYTES_NONE;
}

#define ALWAYS     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define SINCE_2024 "\xe8\x07\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0" /* 2024-01-02 */

static const struct {
    const char *guid;
    enum digest_algorithm algorithm;
} certificate_kinds[] = {
    { "\x92\xa4\xd2\x3b\xc0\x96\x79\x40\xb4\x20\xfc\xf9\x8e\xf1\x03\xed", DIGEST_SHA256 },
    { "\x6e\x87\x76\x70\xc2\x80\xe6\x4e\xaa\xd2\x28\xb3\x49\xa6\x86\x5b", DIGEST_SHA384 },
    { "\x63\xbf\x6d\x44\x02\x25\xda\x4c\xbc\xfa\x24\x65\xd2\xb0\xfe\x9d", DIGEST_SHA512 },
};

/* The digest of the to-be-signed part of the certificate that authorised the stock boot's shim. */
static bool authority_digest(enum digest_algorithm algorithm, struct digest *ret)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    if (!built_read(&b.log, NULL, &b.sample) || !b.sample.chain.n_authorities || !b.sample.chain.authorities[0].key.tbs.len)
        return false;
    digest_compute(algorithm, b.sample.chain.authorities[0].key.tbs, ret);
    return true;
}

TEST(a_signer_whose_certificates_hash_is_in_dbx_is_revoked_whichever_the_hash)
{
    for (size_t i = 0; i < ARRAY_LEN(certificate_kinds); i++)
        for (int by_reference = 0; by_reference < 2; by_reference++) {
            struct boot b CLEANUP(boot_done);
            struct boot_reference reference = { 0 };
            struct boot_keys keys;
            struct digest d;
            struct bytes list;
            struct err err = ERR_INIT;

            REQUIRE(authority_digest(certificate_kinds[i].algorithm, &d));
            boot_stock(&b);
            list = one_entry(&b.a, certificate_kinds[i].guid, digest_bytes(&d), ALWAYS);
            REQUIRE_OK(boot_keys_read(&b.a, list, NULL, &keys, &err), err);
            REQUIRE_OK(boot_keys_reference(&b.a, &keys, REVOKED_BY_DBX, 0, &reference, &err), err);
            REQUIRE(reference.n_certificates == 1);
            if (!by_reference)
                set_dbx(&b, list);
            REQUIRE(built_read(&b.log, by_reference ? &reference : NULL, &b.sample));
            REQUIRE(said(&b, FINDING_BOOT_REVOKED_SIGNER));
            CHECK_INT(find(&b, FINDING_BOOT_REVOKED_SIGNER).severity, SEVERITY_CRITICAL);
        }
}

TEST(a_revocation_from_a_date_on_is_said_and_judges_nothing_that_is_not_known)
{
    struct boot b CLEANUP(boot_done);
    struct digest d;

    REQUIRE(authority_digest(DIGEST_SHA256, &d));
    boot_stock(&b);
    set_dbx(&b, one_entry(&b.a, certificate_kinds[0].guid, digest_bytes(&d), SINCE_2024));
    REQUIRE(built_read(&b.log, NULL, &b.sample));
    REQUIRE(said(&b, FINDING_BOOT_REVOKED_SIGNER));
    CHECK_INT(find(&b, FINDING_BOOT_REVOKED_SIGNER).severity, SEVERITY_LOW);
    CHECK(strstr(find(&b, FINDING_BOOT_REVOKED_SIGNER).text, "after 2024-01-02"));
}

TEST(a_finding_says_what_is_known_about_a_revoked_image)
{
    static const struct {
        enum revocation_list list;
        enum severity severity;
    } cases[] = { { REVOKED_BY_DBX, SEVERITY_CRITICAL }, { REVOKED_BY_SHIM, SEVERITY_CRITICAL }, { REVOKED_BY_ADVICE, SEVERITY_MEDIUM } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        struct revocation image = {
            .len = 32, .list = cases[i].list, .since = "2020-07-29", .what = "grubx64.efi (Some Linux)", .why = "CVE-2020-10713"
        };
        struct boot_reference reference = { .name = "test", .images = &image, .n_images = 1 };
        struct digest d;

        boot_stock(&b);
        digest_compute(DIGEST_SHA256, BYTES_LIT("grub"), &d);
        memcpy(image.digest, d.value, 32);
        REQUIRE(built_read(&b.log, &reference, &b.sample));
        REQUIRE(said(&b, FINDING_BOOT_REVOKED_IMAGE));
        CHECK_INT(find(&b, FINDING_BOOT_REVOKED_IMAGE).severity, cases[i].severity);
        CHECK(strstr(find(&b, FINDING_BOOT_REVOKED_IMAGE).text, "grubx64.efi (Some Linux), CVE-2020-10713, revoked on 2020-07-29"));
        /* Only a list that firmware is given is missed in the machine's own. */
        CHECK(said(&b, FINDING_SECUREBOOT_DBX_OLD) == (cases[i].list == REVOKED_BY_DBX));
    }
}

TEST(the_list_of_another_architecture_is_not_missed)
{
    struct boot b CLEANUP(boot_done);
    struct revocation images[] = { { .digest = { 1 }, .len = 32, .architectures = 1u << ARCHITECTURE_X64 },
                                   { .digest = { 7 }, .len = 32, .architectures = 1u << ARCHITECTURE_AARCH64 },
                                   { .digest = { 8 }, .len = 32, .architectures = 1u << ARCHITECTURE_ARM | 1u << ARCHITECTURE_IA32 } };
    struct boot_reference reference = { .name = "test", .images = images, .n_images = 3 };

    boot_stock(&b); /* BOOTX64.EFI; its dbx has 01… and 02… */
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    CHECK(!said(&b, FINDING_SECUREBOOT_DBX_OLD));
    images[1].architectures |= 1u << ARCHITECTURE_X64;
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    REQUIRE(said(&b, FINDING_SECUREBOOT_DBX_OLD));
    CHECK_STRING(find(&b, FINDING_SECUREBOOT_DBX_OLD).text, "1 of the 2 revocations of \"test\" are not in this machine's dbx.");
    /* None of the machine's own kind: nothing to compare with. */
    images[0].architectures = images[1].architectures = 1u << ARCHITECTURE_ARM;
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    CHECK(!said(&b, FINDING_SECUREBOOT_DBX_OLD));
}

static void put_svn(uint8_t entry[static 32], uint8_t major)
{
    memset(entry, 0, 32);
    memcpy(entry, "\x01GUID-of-a-loader", 17);
    entry[19] = major;
}

TEST(windows_version_markers_are_compared_as_versions)
{
    static const struct {
        int own, known; /* 0: none */
        bool old;
    } cases[] = { { 7, 9, true }, { 9, 9, false }, { 11, 9, false }, { 0, 9, false } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        struct revocation image = { .len = 32 };
        struct boot_reference reference = { .name = "test", .images = &image, .n_images = 1 };
        uint8_t own[2][32] = { { 2, 3, 4 } };

        boot_stock(&b);
        put_svn(image.digest, (uint8_t)cases[i].known);
        put_svn(own[1], (uint8_t)cases[i].own);
        set_dbx(&b, built_hash_list(&b.a, own, cases[i].own ? 2 : 1));
        REQUIRE(built_read(&b.log, &reference, &b.sample));
        CHECK(said(&b, FINDING_SECUREBOOT_DBX_OLD) == cases[i].old);
    }
}

static bool read_shared(struct arena *a, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    const char *path = shared_data(name);

    return path && file_read_in(a, path, 8 * 1024 * 1024, ret, &err);
}

/* Every real list against every real boot: who ran what is revoked, and nobody else. */
TEST(real_lists_find_the_revoked_loaders_of_real_machines_and_no_others)
{
    static const char *const lists[] = { "DBXUpdate-amd64.bin", "DBXUpdate-arm64.bin",          "DBXUpdate-arm.bin",
                                         "DBXUpdate-x86.bin",   "dbxupdate_x64-2021-04-29.bin", "dbxupdate-2014-08-11.bin" };
    static const struct {
        const char *log;
        unsigned revoked; /* bit i: by lists[i] */
    } logs[] = {
        { "event-logs/arch-linux-workstation/eventlog.bin", 0 },
        { "event-logs/binary-measurements-nuc/eventlog.bin", 0 },
        { "event-logs/cos-93-amd-sev/eventlog.bin", 0 },
        { "event-logs/crypto-agile-eventlog/eventlog.bin", 0 },
        { "event-logs/debian-10/eventlog.bin", 0 },
        { "event-logs/ebs-event-missing-eventlog/eventlog.bin", 0 },
        { "event-logs/event-bootorder/eventlog.bin", 0x11 },
        { "event-logs/event-moklisttrusted/eventlog.bin", 0 },
        { "event-logs/event-sd-boot-fedora37/eventlog.bin", 0 },
        { "event-logs/gentoo-lenovo/eventlog.bin", 0 },
        { "event-logs/keylime-binary-bios-measurements/eventlog.bin", 0 },
        { "event-logs/rhel8-uefi/eventlog.bin", 0x11 },
        { "event-logs/sb-cert-eventlog/eventlog.bin", 0x11 },
        { "event-logs/ubuntu-2104-no-secure-boot/eventlog.bin", 0 },
        { "event-logs/ubuntu-2110-laptop/eventlog.bin", 0 },
        { "event-logs/ubuntu-2404-amd-sevsnp/eventlog.bin", 0 },
        { "event-logs/windows10-dell-desktop/eventlog.bin", 0 },
        { "boot-logs/debian-sb-boot1/binary_bios_measurements", 0 },
        { "boot-logs/debian-sb-dbx-updated/binary_bios_measurements", 0 },
        { "boot-logs/uki-sb-boot1/binary_bios_measurements", 0 },
        { "boot-logs/sdboot-sb/binary_bios_measurements", 0 },
    };

    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct secure_boot_data data;
        struct boot_reference reference;
        struct bytes file;
        struct err err = ERR_INIT;

        if (!read_shared(&a, arena_printf(&a, "secure-boot/dbx/%s", lists[l]), &file))
            SKIP("no shared data");
        REQUIRE_OK(secure_boot_data_parse(&a, file, &data, &err), err);
        REQUIRE_OK(boot_keys_reference(&a, &data.entries, REVOKED_BY_DBX, 0, &reference, &err), err);
        for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
            struct boot_sample sample;
            struct bytes log;
            bool revoked;
            REQUIRE(read_shared(&a, logs[i].log, &log) && sample_from_log(&a, log, &reference, &sample));
            revoked = findings_have(&sample.findings, FINDING_BOOT_REVOKED_IMAGE);
            if (revoked != (logs[i].revoked >> l & 1))
                test_note("%s by %s", logs[i].log, lists[l]);
            CHECK(revoked == (logs[i].revoked >> l & 1));
            CHECK(!findings_have(&sample.findings, FINDING_BOOT_REVOKED_SIGNER));
        }
    }
}
