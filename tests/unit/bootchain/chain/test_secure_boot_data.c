/* Publishers' signed revocation lists, and the data packs that reference knowledge is kept in. */
#include <stdlib.h>
#include "base/file.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/secure_boot_data.h"
#include "bootchain/reference/join.h"
#include "crypto/der.h"
#include "crypto/privkey.h"
#include "log_builder.h"
#include "support/test.h"
#include "x509/ca.h"
#include "x509/pkcs7.h"

#define NOW             INT64_C(1767225600000)
#define TIME            "\xea\x07\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define SECURITY        "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define OID_DATA        "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_SIGNED_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_RSA         "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_SHA256      "\x60\x86\x48\x01\x65\x03\x04\x02\x01"

/* A publisher of our own: one RSA key with a certificate that is its own KEK. */
struct publisher {
    struct arena a;
    struct privkey *key;
    struct cert *cert;
};

static void publisher_done(struct publisher *p)
{
    cert_free(p->cert);
    privkey_free(p->key);
    arena_done(&p->a);
}

static bool publisher_new(struct publisher *p)
{
    struct err err = ERR_INIT;

    *p = (struct publisher){ 0 };
    return privkey_generate(PRIVKEY_RSA_2048, &p->key, &err) && ca_self_signed_signer(p->key, "Our KEK", NOW, CA_DAY_MS, &p->cert, &err);
}

static void algorithm(struct writer *w, struct bytes oid)
{
    size_t begin = der_begin(w);

    der_write(w, DER_OID, oid);
    der_write(w, DER_NULL, BYTES_NONE);
    der_end(w, begin, DER_SEQUENCE);
}

static void signer_info(struct writer *w, const struct publisher *p, struct bytes signature)
{
    size_t info = der_begin(w), who;

    der_write_unsigned(w, BYTES_LIT("\1"));
    who = der_begin(w);
    write_bytes(w, p->cert->issuer);
    der_write_unsigned(w, p->cert->serial);
    der_end(w, who, DER_SEQUENCE);
    algorithm(w, BYTES_LIT(OID_SHA256));
    algorithm(w, BYTES_LIT(OID_RSA));
    der_write(w, DER_OCTET_STRING, signature);
    der_end(w, info, DER_SEQUENCE);
}

static void signed_data(struct writer *w, const struct publisher *p, struct bytes signature)
{
    size_t all = der_begin(w), part;

    der_write_unsigned(w, BYTES_LIT("\1"));
    part = der_begin(w);
    algorithm(w, BYTES_LIT(OID_SHA256));
    der_end(w, part, DER_SET);
    part = der_begin(w);
    der_write(w, DER_OID, BYTES_LIT(OID_DATA));
    der_end(w, part, DER_SEQUENCE);
    part = der_begin(w);
    write_bytes(w, p->cert->der);
    der_end(w, part, DER_CONTEXT_CONSTRUCTED(0));
    part = der_begin(w);
    signer_info(w, p, signature);
    der_end(w, part, DER_SET);
    der_end(w, all, DER_SEQUENCE);
}

/* A signed change of dbx; attributes as the publisher chose them. */
static struct bytes publish(struct publisher *p, struct bytes lists, uint32_t attributes)
{
    struct writer message CLEANUP(writer_done) = { 0 }, pkcs7 CLEANUP(writer_done) = { 0 }, file CLEANUP(writer_done) = { 0 };
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct bytes copy = BYTES_NONE;
    struct err err = ERR_INIT;
    size_t len;

    write_bytes(&message, BYTES_LIT("d\0b\0x\0" SECURITY));
    write_u32le(&message, attributes);
    write_bytes(&message, BYTES_LIT(TIME));
    write_bytes(&message, lists);
    if (!privkey_sign(p->key, SIGNATURE_RSASSA, DIGEST_SHA256, writer_bytes(&message), signature, &len, &err))
        abort();
    signed_data(&pkcs7, p, (struct bytes){ signature, len });
    write_bytes(&file, BYTES_LIT(TIME));
    write_u32le(&file, (uint32_t)pkcs7.len + 24);
    write_u16le(&file, 0x0200);
    write_u16le(&file, 0x0ef1);
    write_bytes(&file, BYTES_LIT("\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7"));
    write_bytes(&file, writer_bytes(&pkcs7));
    write_bytes(&file, lists);
    if (!writer_ok(&file) || !arena_copy(&p->a, writer_bytes(&file), &copy))
        abort();
    return copy;
}

static struct bytes two_hashes(struct arena *a)
{
    static const uint8_t hashes[][32] = { { 7 }, { 9 } };

    return built_hash_list(a, hashes, 2);
}

TEST(a_signed_list_is_read_and_its_signature_checked)
{
    static const uint32_t attributes[] = { 0x67, 0x27 };
    struct publisher p CLEANUP(publisher_done);

    REQUIRE(publisher_new(&p));
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        const struct cert *anchors[] = { p.cert };
        struct secure_boot_data data;
        const char *signer = "";
        struct err err = ERR_INIT;
        REQUIRE_OK(secure_boot_data_parse(&p.a, publish(&p, two_hashes(&p.a), attributes[i]), &data, &err), err);
        CHECK_INT(data.entries.n, 2);
        CHECK_INT(data.time_ms, NOW);
        REQUIRE_OK(secure_boot_data_verify(&p.a, &data, "dbx", anchors, 1, &signer, &err), err);
        CHECK_STRING(signer, "Our KEK");
        CHECK(!secure_boot_data_verify(&p.a, &data, "db", anchors, 1, &signer, &err) && err.code == ERR_UNTRUSTED);
        CHECK(!secure_boot_data_verify(&p.a, &data, "dbx", NULL, 0, &signer, &err) && err.code == ERR_UNTRUSTED);
    }
}

TEST(somebody_elses_key_does_not_sign_for_a_publisher)
{
    struct publisher p CLEANUP(publisher_done), other CLEANUP(publisher_done);
    const struct cert *anchors[1];
    struct secure_boot_data data;
    const char *signer;
    struct err err = ERR_INIT;

    REQUIRE(publisher_new(&p) && publisher_new(&other));
    anchors[0] = other.cert;
    REQUIRE_OK(secure_boot_data_parse(&p.a, publish(&p, two_hashes(&p.a), 0x67), &data, &err), err);
    CHECK(!secure_boot_data_verify(&p.a, &data, "dbx", anchors, 1, &signer, &err) && err.code == ERR_UNTRUSTED);
}

TEST(every_changed_byte_of_a_signed_list_is_refused)
{
    struct publisher p CLEANUP(publisher_done);
    const struct cert *anchors[1];
    struct bytes file;
    uint8_t *copy;

    REQUIRE(publisher_new(&p));
    anchors[0] = p.cert;
    file = publish(&p, two_hashes(&p.a), 0x67);
    copy = malloc(file.len);
    REQUIRE(copy);
    memcpy(copy, file.data, file.len);
    for (size_t i = 0; i < file.len; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct secure_boot_data data;
        const char *signer;
        struct err err = ERR_INIT;
        copy[i] ^= 0x20;
        if (secure_boot_data_parse(&a, (struct bytes){ copy, file.len }, &data, &err) &&
            secure_boot_data_verify(&a, &data, "dbx", anchors, 1, &signer, &err)) {
            /* Certificates that came along need not be intact: the anchor is ours. Everything signed does. */
            CHECK(bytes_equal(data.lists, bytes_slice(file, file.len - data.lists.len, data.lists.len)));
            CHECK(bytes_equal(data.time, bytes_slice(file, 0, 16)));
        }
        copy[i] ^= 0x20;
    }
    free(copy);
}

TEST(a_signed_list_cut_anywhere_is_refused_or_holds_less)
{
    struct publisher p CLEANUP(publisher_done);
    const struct cert *anchors[1];
    struct bytes file;

    REQUIRE(publisher_new(&p));
    anchors[0] = p.cert;
    file = publish(&p, two_hashes(&p.a), 0x67);
    for (size_t n = 0; n < file.len; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(file, 0, n));
        struct secure_boot_data data;
        const char *signer;
        struct err err = ERR_INIT;
        CHECK(!secure_boot_data_parse(&a, cut, &data, &err) || !secure_boot_data_verify(&a, &data, "dbx", anchors, 1, &signer, &err));
        CHECK(err.code != ERR_NONE);
        free((void *)cut.data);
    }
}

static bool read_shared(struct arena *a, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    const char *path = shared_data(name);

    return path && file_read_in(a, path, 1 << 20, ret, &err);
}

TEST(the_publishers_own_lists_verify_with_what_is_well_known)
{
    static const struct {
        const char *name;
        size_t entries;
    } files[] = {
        { "secure-boot/dbx/DBXUpdate-amd64.bin", 443 },     { "secure-boot/dbx/DBXUpdate-arm.bin", 110 },
        { "secure-boot/dbx/DBXUpdate-arm64.bin", 26 },      { "secure-boot/dbx/DBXUpdate-x86.bin", 45 },
        { "secure-boot/dbx/dbxupdate-2014-08-11.bin", 13 }, { "secure-boot/dbx/dbxupdate_x64-2021-04-29.bin", 211 },
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct secure_boot_data data;
        const char *signer = "";
        struct bytes file;
        struct err err = ERR_INIT;
        if (!read_shared(&a, files[i].name, &file))
            SKIP("no shared data");
        REQUIRE_OK(secure_boot_data_parse(&a, file, &data, &err), err);
        CHECK_INT(data.entries.n, files[i].entries);
        REQUIRE_OK(secure_boot_data_verify(&a, &data, "dbx", NULL, 0, &signer, &err), err);
        CHECK_STRING(signer, "Microsoft Windows UEFI Key Exchange Key");
    }
}

TEST(old_loaders_of_real_machines_are_revoked_by_a_current_list)
{
    static const struct {
        const char *name;
        bool revoked;
    } logs[] = {
        { "event-logs/rhel8-uefi/eventlog.bin", true },
        { "event-logs/sb-cert-eventlog/eventlog.bin", true },
        { "event-logs/event-bootorder/eventlog.bin", true },
        { "event-logs/debian-10/eventlog.bin", false }, /* SHA-1 only: cannot be compared */
        { "event-logs/ubuntu-2404-amd-sevsnp/eventlog.bin", false },
        { "boot-logs/debian-sb-boot1/binary_bios_measurements", false },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct secure_boot_data data;
    struct boot_reference reference;
    struct bytes file;
    struct err err = ERR_INIT;

    if (!read_shared(&a, "secure-boot/dbx/DBXUpdate-amd64.bin", &file))
        SKIP("no shared data");
    REQUIRE_OK(secure_boot_data_parse(&a, file, &data, &err), err);
    REQUIRE_OK(boot_keys_reference(&a, &data.entries, REVOKED_BY_DBX, 1u << ARCHITECTURE_X64, &reference, &err), err);
    reference.name = "dbx";
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        struct boot_sample sample;
        struct bytes log;
        REQUIRE(read_shared(&a, logs[i].name, &log) && sample_from_log(&a, log, &reference, &sample));
        for (size_t k = 0; getenv("TRUEBOOT_TEST_VERBOSE") && k < sample.findings.n; k++)
            test_note("%s: %s", logs[i].name, sample.findings.items[k].text);
        CHECK(findings_have(&sample.findings, FINDING_BOOT_REVOKED_IMAGE) == logs[i].revoked);
        CHECK(findings_have(&sample.findings, FINDING_SECUREBOOT_DBX_OLD));
    }
}

static const char pack[] = "trueboot-reference 1\n"
                           "# comment\n"
                           "\n"
                           "name\tTest data\n"
                           "as-of\t2026-07-14T00:00:00Z\n"
                           "image\t0200000000000000000000000000000000000000000000000000000000000000\tGRUB\tCVE-1\n"
                           "image\t0100000000000000000000000000000000000000000000000000000000000000\n"
                           "certificate\t0300000000000000000000000000000000000000000000000000000000000000\tCA\n"
                           "known\t0400000000000000000000000000000000000000000000000000000000000000\t2023\tSome CA\n"
                           "sbat-date\t2025021800\n"
                           "sbat\tshim\t4\n";

TEST(a_data_pack_is_read_sorted_and_written_back)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 }, again CLEANUP(writer_done) = { 0 };
    struct boot_reference r, second;
    struct err err = ERR_INIT;

    REQUIRE_OK(reference_parse(&a, bytes_of_string(pack), &r, &err), err);
    CHECK_STRING(r.name, "Test data");
    CHECK_INT(r.as_of_ms, INT64_C(1783987200000));
    REQUIRE(r.n_images == 2 && r.n_certificates == 1 && r.n_known == 1 && r.n_sbat == 1);
    CHECK(r.images[0].digest[0] == 1 && !r.images[0].what);
    CHECK_STRING(r.images[1].why, "CVE-1");
    CHECK_STRING(r.certificates[0].what, "CA");
    CHECK_INT(r.known[0].generation, 2023);
    CHECK_INT(r.sbat_date, 2025021800);
    CHECK(reference_find_image(&r, (struct bytes){ r.images[1].digest, 32 }) == &r.images[1]);
    reference_write(&w, &r);
    REQUIRE_OK(reference_parse(&a, writer_bytes(&w), &second, &err), err);
    reference_write(&again, &second);
    CHECK_BYTES(writer_bytes(&again), writer_bytes(&w));
}

TEST(a_broken_data_pack_is_refused_with_its_line)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        { "image\tabc\n", "line 2: 64, 96 or 128 hexadecimal digits expected" },
        { "known\t0400000000000000000000000000000000000000000000000000000000000000\tx\ty\n",
          "line 2: a generation (a year, or 0) expected" },
        { "sbat\tshim\t99999999999\n", "line 2: a generation expected" },
        { "sbat-date\t\n", "line 2: a date such as 2025021800 expected" },
        { "as-of\tyesterday\n", "line 2: a time (RFC 3339) expected" },
        { "nonsense\n", "line 2: a known record expected" },
        { "name\ta\tb\tc\td\n", "line 2: too many fields" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct boot_reference r;
        struct err err = ERR_INIT;
        const char *text = arena_printf(&a, "trueboot-reference 1\n%s", cases[i].line);
        REQUIRE(text);
        CHECK(!reference_parse(&a, bytes_of_string(text), &r, &err));
        CHECK_STRING(err.text, cases[i].error);
    }
    for (size_t n = 0; n < sizeof pack - 1; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(bytes_of_string(pack), 0, n));
        struct boot_reference r;
        struct err err = ERR_INIT;
        if (!reference_parse(&a, cut, &r, &err))
            CHECK(err.code != ERR_NONE);
        free((void *)cut.data);
    }
}

TEST(an_update_adds_to_what_was_known)
{
    struct publisher p CLEANUP(publisher_done);
    struct secure_boot_data data;
    struct boot_reference r, more, both;
    struct err err = ERR_INIT;

    REQUIRE(publisher_new(&p));
    REQUIRE_OK(reference_parse(&p.a, bytes_of_string(pack), &r, &err), err);
    REQUIRE_OK(secure_boot_data_parse(&p.a, publish(&p, two_hashes(&p.a), 0x67), &data, &err), err);
    REQUIRE_OK(boot_keys_reference(&p.a, &data.entries, REVOKED_BY_DBX, 0, &more, &err), err);
    REQUIRE_OK(reference_join(&p.a, &r, &more, &both, &err), err);
    CHECK_INT(both.n_images, 4);
    CHECK_INT(both.n_known, 1);
    CHECK_INT(both.sbat_date, 2025021800);
    for (size_t i = 1; i < both.n_images; i++)
        CHECK(revocation_compare(&both.images[i - 1], &both.images[i]) < 0);
    REQUIRE_OK(reference_join(&p.a, &both, &more, &both, &err), err);
    CHECK_INT(both.n_images, 4);
}
