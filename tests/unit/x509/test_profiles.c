#include "cert_builder.h"
#include "support/test.h"
#include "x509/ak_cert.h"
#include "x509/ek_cert.h"

#define UUID "12345678-9abc-4def-8123-456789abcdef"

static struct ek_identity identity_of(const char *cn, enum err_code want)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ .cn = cn, .eku = PLAN_EKU_EK, .tpm_names = true });
    struct ek_identity found = { 0 };
    struct err err = ERR_INIT;

    if (cert)
        CHECK_INT(ek_cert_identity(cert, &found, &err), want == ERR_NONE);
    CHECK_INT(err.code, want);
    found.tpm_manufacturer = found.tpm_model = found.tpm_version = BYTES_NONE; /* views into what goes away now */
    cert_free(cert);
    return found;
}

TEST(the_subject_names_the_vm)
{
    static const struct {
        const char *cn, *name, *uuid;
    } rows[] = {
        { "vm-1:" UUID, "vm-1", UUID },
        { UUID, "", UUID },
        { "12345678-9ABC-4DEF-8123-456789ABCDEF", "", UUID },
        { "vm-u01", "vm-u01", "" },
        { "a:b:" UUID, "a:b", UUID },
        { ":" UUID, "", UUID },
        { "vm-1:not-a-uuid", "vm-1:not-a-uuid", "" },
        { "vm-1" UUID, "vm-1" UUID, "" },
        { "W\xc3\xbcrzburg:" UUID, "W\xc3\xbcrzburg", UUID },
        { "", "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ek_identity found = identity_of(rows[i].cn, ERR_NONE);

        CHECK_STRING(found.vm_name, rows[i].name);
        CHECK_STRING(found.vm_uuid, rows[i].uuid);
    }
}

TEST(names_that_no_vm_has_are_refused)
{
    char long_name[LIMIT_NAME_BYTES + 2 + 37];

    identity_of("vm\x1b[2J", ERR_MALFORMED);
    identity_of("vm\nforged=line", ERR_MALFORMED);
    identity_of("vm\x7f", ERR_MALFORMED);
    identity_of("\xe2\x80\xae"
                "1-mv",
                ERR_MALFORMED);
    memset(long_name, 'n', sizeof long_name);
    long_name[LIMIT_NAME_BYTES] = '\0';
    CHECK_INT(strlen(identity_of(long_name, ERR_NONE).vm_name), LIMIT_NAME_BYTES);
    long_name[LIMIT_NAME_BYTES] = 'n';
    long_name[LIMIT_NAME_BYTES + 1] = '\0';
    identity_of(long_name, ERR_MALFORMED);
}

TEST(the_tpm_tells_its_make)
{
    struct cert *cert = plan_cert(&(struct cert_plan){ .cn = "vm", .eku = PLAN_EKU_EK, .tpm_names = true, .names_not_critical = true });
    struct ek_identity found;
    struct err err = ERR_INIT;

    REQUIRE(cert);
    REQUIRE_OK(ek_cert_check(cert, &err), err);
    REQUIRE_OK(ek_cert_identity(cert, &found, &err), err);
    CHECK_BYTES(found.tpm_manufacturer, BYTES_LIT("id:00001014"));
    CHECK_BYTES(found.tpm_model, BYTES_LIT("swtpm"));
    CHECK_BYTES(found.tpm_version, BYTES_LIT("id:20191023"));
    cert_free(cert);
}

TEST(only_our_ak_certificates_name_a_vm)
{
    struct cert *ours = plan_cert(&(struct cert_plan){ .cn = UUID, .eku = PLAN_EKU_AK });
    struct cert *other =
        plan_cert(&(struct cert_plan){ .cn = "1c66.TrustedVM.Azure.Microsoft", .issuer_cn = "MICROSOFT AZURE TRUSTED VM RSA" });
    char uuid[37];
    struct err err = ERR_INIT;

    REQUIRE(ours && other);
    REQUIRE_OK(ak_cert_check(ours, &err) && ak_cert_vm_uuid(ours, uuid, &err), err);
    CHECK_STRING(uuid, UUID);
    CHECK(!ak_cert_is_placeholder(ours));
    CHECK(!ak_cert_vm_uuid(other, uuid, &err) && err.code == ERR_NOT_FOUND);
    CHECK(ak_cert_is_placeholder(other));
    cert_free(ours);
    cert_free(other);
}

TEST(an_iaks_issuer_has_verified_that_the_key_is_restricted)
{
    static const struct {
        const char *policies; /* hex; NULL: none */
        enum eku_choice eku;
        const char *says; /* NULL: it is good */
    } rows[] = {
        { "300a300806066781050b0103", PLAN_EKU_AK, NULL },
        { "300a300806066781050b0103", PLAN_EKU_NONE, NULL },
        { "3014300806066781050b0101300806066781050b0103", PLAN_EKU_AK, NULL },
        { "3014300806066781050b0103300806066781050b0101", PLAN_EKU_AK, NULL },
        { "300f300d06066781050b01033003060129", PLAN_EKU_AK, NULL }, /* a qualifier behind it */
        { "300a300806066781050b0103", PLAN_EKU_EK, "2.23.133.8.3" },
        { "3014300806066781050b0101300806066781050b0102", PLAN_EKU_AK, "2.23.133.11.1.3" }, /* an IDevID's: it signs anything */
        { "300830060604551d2000", PLAN_EKU_AK, "2.23.133.11.1.3" },
        { "3000", PLAN_EKU_AK, "2.23.133.11.1.3" },
        { "300b300906076781050b010300", PLAN_EKU_AK, "2.23.133.11.1.3" },
        { NULL, PLAN_EKU_AK, "2.23.133.11.1.3" },
        { NULL, PLAN_EKU_NONE, "2.23.133.11.1.3" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cert *cert = plan_cert(&(struct cert_plan){ .eku = rows[i].eku, .policies = rows[i].policies, .key_usage = "0780" });
        struct err err = ERR_INIT;

        REQUIRE(cert);
        CHECK_INT(iak_cert_check(cert, &err), !rows[i].says);
        if (rows[i].says && !strstr(err.text, rows[i].says))
            test_note("%zu: %s", i, err.text);
        CHECK(!rows[i].says || strstr(err.text, rows[i].says));
        cert_free(cert);
    }
}

TEST(certificate_policies_that_are_no_list_of_policies_make_no_certificate)
{
    static const char *const wrong[] = { "0500", "3003060167", "30023000", "300a300806066781050b01", "300430020500", "300530030602ff" };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct bytes der = plan_der(&a, &(struct cert_plan){ .policies = wrong[i] });
        struct cert *cert = NULL;
        struct err err = ERR_INIT;

        if (cert_parse(der, &cert, &err))
            test_note("%s", wrong[i]);
        CHECK(!cert && err.code == ERR_MALFORMED);
        cert_free(cert);
    }
}
