#include <stdlib.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cert_builder.h"
#include "support/test.h"
#include "x509/name.h"

TEST(a_certificate_is_read_field_by_field)
{
    struct cert *cert = plan_cert(
        &(struct cert_plan){ .cn = "vm-a:1", .issuer_cn = "host CA", .eku = PLAN_EKU_EK, .tpm_names = true, .key_usage = "0308" });
    struct cert_alt_name name;
    struct arena a = { 0 };
    struct bytes rest;

    REQUIRE(cert);
    CHECK_INT(cert->version, 3);
    CHECK_BYTES(cert->serial, BYTES_LIT("\x2a"));
    CHECK_BYTES(cert->common_name, BYTES_LIT("vm-a:1"));
    CHECK_STRING(name_text(&a, cert->issuer), "CN=host CA");
    CHECK_INT(cert->not_after_ms - cert->not_before_ms, 600 * 24 * 3600 * INT64_C(1000));
    CHECK(cert->key && pubkey_equal(cert->key, privkey_public(plan_key(0))));
    CHECK(cert->has_basic_constraints && !cert->is_ca);
    CHECK_INT(cert->path_len, CERT_NO_PATH_LEN);
    CHECK_INT(cert->key_usage, KEY_USAGE_KEY_AGREEMENT);
    CHECK_INT(cert->ekus, EKU_TPM_EK);
    CHECK(cert_has_eku(cert, BYTES_LIT("\x67\x81\x05\x08\x01")) && !cert_has_eku(cert, BYTES_LIT("\x67\x81\x05\x08\x02")));
    CHECK(cert->has_alt_names && cert->alt_names_critical);
    rest = cert->alt_names;
    REQUIRE(cert_alt_name_next(&rest, &name));
    CHECK_INT(name.kind, ALT_NAME_DIRECTORY);
    CHECK_STRING(name_text(&a, name.value), "2.23.133.2.3=id:20191023,2.23.133.2.2=swtpm,2.23.133.2.1=id:00001014");
    CHECK(!cert_alt_name_next(&rest, &name));
    CHECK_INT(cert->unknown_critical.len, 0);
    CHECK_INT(cert->signature_hash, DIGEST_SHA256);
    cert_free(cert);
    arena_done(&a);
}

TEST(a_certificate_cut_anywhere_is_refused)
{
    struct arena a = { 0 };
    struct bytes der = plan_der(&a, &(struct cert_plan){ .eku = PLAN_EKU_EK, .tpm_names = true, .key_usage = "0780" });

    for (size_t n = 0; n < der.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(der, 0, n));
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        CHECK(!cert_parse(cut, &cert, &err) && (err.code == ERR_TRUNCATED || err.code == ERR_MALFORMED) && !cert);
        free((void *)cut.data);
    }
    arena_done(&a);
}

/* Whatever byte is flipped: it does not parse, or the signature no longer holds. */
TEST(a_certificate_changed_anywhere_never_keeps_its_signature)
{
    struct arena a = { 0 };
    struct bytes der = plan_der(&a, &(struct cert_plan){ .eku = PLAN_EKU_EK, .tpm_names = true, .key_usage = "0780" });

    for (size_t at = 0; at < der.len; at++) {
        struct bytes copy = exact_copy(der);
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        ((uint8_t *)copy.data)[at] ^= 0x01;
        if (cert_parse(copy, &cert, &err)) {
            CHECK(!cert_is_signed_by(cert, privkey_public(plan_key(0)), &err));
            cert_free(cert);
        }
        CHECK(err.code != ERR_NONE);
        free((void *)copy.data);
    }
    arena_done(&a);
}

TEST(bytes_behind_a_certificate_are_refused_and_padding_can_be_trimmed)
{
    struct arena a = { 0 };
    struct bytes der = plan_der(&a, &(struct cert_plan){ 0 }), trimmed;
    static const uint8_t fills[] = { 0x00, 0xff };

    for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
        uint8_t *index = arena_alloc(&a, 4096);
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        REQUIRE(index);
        memset(index, fills[i], 4096);
        memcpy(index, der.data, der.len);
        CHECK(!cert_parse((struct bytes){ index, der.len + 1 }, &cert, &err) && err.code == ERR_MALFORMED);
        REQUIRE_OK(cert_trim((struct bytes){ index, 4096 }, &trimmed, &err), err);
        CHECK_BYTES(trimmed, der);
        REQUIRE_OK(cert_trim(der, &trimmed, &err), err);
        CHECK_BYTES(trimmed, der);
        index[4095] = 7;
        CHECK(!cert_trim((struct bytes){ index, 4096 }, &trimmed, &err) && err.code == ERR_MALFORMED);
        CHECK_INT(cert_trim_bundle((struct bytes){ index, 4096 }).len, 4096);
        index[4095] = fills[i];
        CHECK_BYTES(cert_trim_bundle((struct bytes){ index, 4096 }), der);
        memcpy(index + der.len, der.data, der.len); /* two, one after the other */
        CHECK_INT(cert_trim_bundle((struct bytes){ index, 4096 }).len, 2 * der.len);
        CHECK_INT(cert_trim_bundle((struct bytes){ index, 2 * der.len }).len, 2 * der.len);
        CHECK_INT(cert_trim_bundle((struct bytes){ index, 2 * der.len - 1 }).len, 2 * der.len - 1); /* cut: nothing is taken away */
        CHECK_INT(cert_trim_bundle((struct bytes){ index + 2 * der.len, 64 }).len, 0);
    }
    CHECK_INT(cert_trim_bundle(BYTES_NONE).len, 0);
    struct err err = ERR_INIT;
    CHECK(!cert_trim(BYTES_NONE, &trimmed, &err));
    CHECK(!cert_trim(BYTES_LIT("\xff\xff\xff\xff"), &trimmed, &err));
    arena_done(&a);
}

TEST(a_certificate_longer_than_the_limit_is_refused)
{
    static uint8_t big[LIMIT_CERT_BYTES + 1] = { 0x30, 0x82, 0x3f, 0xfd };
    struct cert *cert = NULL;
    struct err err = ERR_INIT;

    CHECK(!cert_parse(BYTES_OF(big), &cert, &err) && err.code == ERR_LIMIT);
    CHECK(!cert_parse((struct bytes){ big, LIMIT_CERT_BYTES }, &cert, &err) && err.code != ERR_LIMIT);
    CHECK(!cert_trim((struct bytes){ big, LIMIT_CERT_BYTES + 1 }, &(struct bytes){ 0 }, &err));
}

TEST(what_is_not_canonical_is_refused)
{
    static const struct {
        const char *why;
        struct cert_plan plan;
    } rows[] = {
        { "critical FALSE written out", { .explicit_false = true } },
        { "an extension twice", { .twice = true } },
        { "two different signature algorithms", { .other_inner_algorithm = true } },
        { "keyUsage with a trailing zero bit", { .key_usage = "0680" } },
        { "keyUsage of nothing but unused bits", { .key_usage = "0700" } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        if (cert_parse(plan_der(&a, &rows[i].plan), &cert, &err))
            test_note("accepted: %s", rows[i].why);
        CHECK(!cert && err.code == ERR_MALFORMED);
        cert_free(cert);
        arena_done(&a);
    }
}

TEST(an_unknown_critical_extension_is_named)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ .critical_unknown = true });

    REQUIRE(cert);
    CHECK_BYTES(cert->unknown_critical, BYTES_LIT("\x55\x1d\x1e"));
    cert_free(cert);
}

TEST(a_version_1_certificate_is_read)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ .no_extensions = true });
    struct err err = ERR_INIT;

    REQUIRE(cert);
    CHECK_INT(cert->version, 1);
    CHECK(!cert->has_basic_constraints && !cert->has_ekus && !cert->has_key_usage);
    REQUIRE_OK(cert_is_signed_by(cert, privkey_public(plan_key(0)), &err), err);
    cert_free(cert);
}

TEST(a_weak_signature_is_refused_whoever_made_it)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ .weak_signature = true });
    struct err err = ERR_INIT;

    REQUIRE(cert);
    CHECK(!cert_is_signed_by(cert, privkey_public(plan_key(0)), &err));
    CHECK_INT(err.code, ERR_UNSUPPORTED);
    CHECK_STRING(err.text, "signed with SHA-1 with ECDSA, which is too weak");
    cert_free(cert);
}

TEST(a_certificate_comes_back_from_its_pem_and_from_bundles)
{
    struct cert *one = plan_cert(&(struct cert_plan){ .cn = "one" }), *two = plan_cert(&(struct cert_plan){ .cn = "two" }), *back[3];
    struct arena a = { 0 };
    struct err err = ERR_INIT;
    size_t n = 0;

    REQUIRE(one && two);
    char *pem = arena_printf(&a, "subject=one\n%s\nsubject=two\n%s", cert_pem(one, &a), cert_pem(two, &a));
    REQUIRE_OK(cert_parse_any(bytes_of_string(pem), &back[0], &err), err);
    CHECK(cert_equal(back[0], one));
    cert_free(back[0]);
    REQUIRE_OK(cert_parse_any(two->der, &back[0], &err), err);
    CHECK(cert_equal(back[0], two) && !cert_equal(back[0], one));
    cert_free(back[0]);
    REQUIRE_OK(cert_parse_bundle(bytes_of_string(pem), back, 3, &n, &err), err);
    REQUIRE(n == 2);
    CHECK(cert_equal(back[1], two));
    cert_free(back[0]);
    cert_free(back[1]);

    uint8_t *joined = arena_alloc(&a, one->der.len + two->der.len);
    REQUIRE(joined);
    memcpy(joined, one->der.data, one->der.len);
    memcpy(joined + one->der.len, two->der.data, two->der.len);
    struct bytes both = { joined, one->der.len + two->der.len };
    REQUIRE_OK(cert_parse_bundle(both, back, 3, &n, &err), err);
    REQUIRE(n == 2);
    cert_free(back[0]);
    cert_free(back[1]);
    CHECK(!cert_parse_bundle(both, back, 1, &n, &err) && err.code == ERR_LIMIT);
    CHECK(!cert_parse_bundle(BYTES_NONE, back, 3, &n, &err) && err.code == ERR_NOT_FOUND);
    CHECK(!cert_parse_bundle(BYTES_LIT("words"), back, 3, &n, &err) && err.code == ERR_MALFORMED);
    both.len--;
    CHECK(!cert_parse_bundle(both, back, 3, &n, &err) && err.code == ERR_MALFORMED);
    cert_free(one);
    cert_free(two);
    arena_done(&a);
}

TEST(a_certificate_lives_until_its_last_holder_lets_go)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ 0 }), *same;

    REQUIRE(cert);
    same = cert_ref(cert);
    cert_free(cert);
    CHECK(same->key != NULL);
    cert_free(same);
}

TEST(well_known_certificates_are_read)
{
    static const struct {
        const char *path, *common_name;
    } rows[] = {
        { "secure-boot/certificates/DB-MicCorUEFCA2011_2011-06-27.der", "Microsoft Corporation UEFI CA 2011" },
        { "secure-boot/certificates/DB-microsoft-uefi-ca-2023.der", "Microsoft UEFI CA 2023" },
        { "secure-boot/certificates/KEK-MicCorKEKCA2011_2011-06-24.der", "Microsoft Corporation KEK CA 2011" },
        { "secure-boot/certificates/PK-WindowsOEMDevicesPK.der", "Windows OEM Devices PK" },
        { "azureguest/aikcert-Linux.der", "1c661ecfd47c.TrustedVM.Azure.Microsoft" },
        { "boot-logs/identities/vm-u01/nv_0x1c00002.der", "vm-u01" },
        { "boot-logs/identities/vm-u01/nv_0x1c00016.der", "vm-u01" },
        { "boot-logs/identities/vm-u01/nv_0x1c08000.der", "vm-u01" },
    };

    if (!shared_data("secure-boot"))
        SKIP("the shared data are not here");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct bytes content;
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        REQUIRE_OK(file_read_in(&a, shared_data(rows[i].path), LIMIT_CERT_BYTES, &content, &err), err);
        REQUIRE_OK(cert_parse(content, &cert, &err), err);
        CHECK_BYTES(cert->common_name, bytes_of_string(rows[i].common_name));
        CHECK(cert->key != NULL && cert->unknown_critical.len == 0);
        cert_free(cert);
        arena_done(&a);
    }
}
