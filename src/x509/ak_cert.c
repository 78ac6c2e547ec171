#include "x509/ak_cert.h"
#include "x509/name.h"
#include "x509/oids.h"

static bool check(const struct cert *cert, unsigned ekus, struct err *err)
{
    if (cert->is_ca)
        return err_set(err, ERR_UNTRUSTED, "it is a CA certificate (CA:TRUE), not that of an attestation key");
    if (cert->has_ekus && !(cert->ekus & ekus))
        return err_set(err, ERR_UNTRUSTED, "its extended key usages do not include 2.23.133.8.3 (attestation key)");
    if (cert->has_key_usage && !(cert->key_usage & KEY_USAGE_DIGITAL_SIGNATURE))
        return err_set(err, ERR_UNTRUSTED, "its key usage does not include digitalSignature");
    if (!cert->key)
        return err_set(err, ERR_UNTRUSTED, "%s", cert->key_problem);
    return true;
}

bool ak_cert_check(const struct cert *cert, struct err *err) { return check(cert, EKU_TPM_AK, err); }

bool ak_cert_check_cloud(const struct cert *cert, struct err *err) { return check(cert, EKU_TPM_AK | EKU_OTHER, err); }

bool iak_cert_check(const struct cert *cert, struct err *err)
{
    if (!ak_cert_check(cert, err))
        return false;
    return (cert->policies & POLICY_TPM_RESTRICTED) ||
           err_set(err, ERR_UNTRUSTED, "it has no certificate policy 2.23.133.11.1.3 (its issuer verified that the key is restricted)");
}

bool ak_cert_vm_uuid(const struct cert *cert, char ret[static UUID_TEXT_LEN], struct err *err)
{
    char uuid[UUID_TEXT_LEN];

    if (!uuid_canonical(cert->common_name, uuid))
        return err_set(err, ERR_NOT_FOUND, "the subject of the attestation key's certificate names no VM by UUID");
    memcpy(ret, uuid, sizeof uuid);
    return true;
}

struct bytes ak_cert_provider(const struct cert *cert)
{
    struct bytes prefix = BYTES_LIT(AK_CERT_PROVIDER_URI), rest = cert->alt_names;
    struct cert_alt_name name;

    while (cert_alt_name_next(&rest, &name))
        if (name.kind == ALT_NAME_URI && bytes_starts_with(name.value, prefix))
            return bytes_slice(name.value, prefix.len, name.value.len);
    return BYTES_NONE;
}

static bool has_uri(const struct cert *cert, const char *uri)
{
    struct bytes rest = cert->alt_names;
    struct cert_alt_name name;

    while (cert_alt_name_next(&rest, &name))
        if (name.kind == ALT_NAME_URI && bytes_equal_string(name.value, uri))
            return true;
    return false;
}

bool ak_cert_ek_is_pinned(const struct cert *cert) { return has_uri(cert, AK_CERT_EK_PINNED_URI); }

bool ak_cert_is_by_iak(const struct cert *cert) { return has_uri(cert, AK_CERT_IAK_URI); }

bool ak_cert_is_placeholder(const struct cert *cert)
{
    struct bytes issuer;

    return name_find(cert->issuer, OID_COMMON_NAME, &issuer) && bytes_find(issuer, BYTES_LIT("MICROSOFT AZURE TRUSTED VM RSA")) != SIZE_MAX;
}
