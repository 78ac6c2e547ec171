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
