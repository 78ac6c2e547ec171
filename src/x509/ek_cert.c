#include "x509/ek_cert.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/oids.h"

/* The three attributes may stand in any directoryName of the alternative names (EK Credential Profile 2.5, 3.2.9). */
static bool read_tpm_attributes(const struct cert *cert, struct ek_identity *ret)
{
    struct bytes rest = cert->alt_names;
    struct cert_alt_name name;

    while (cert_alt_name_next(&rest, &name)) {
        if (name.kind != ALT_NAME_DIRECTORY)
            continue;
        if (name_find(name.value, OID_TPM_MANUFACTURER, &ret->tpm_manufacturer) && name_find(name.value, OID_TPM_MODEL, &ret->tpm_model) &&
            name_find(name.value, OID_TPM_VERSION, &ret->tpm_version))
            return true;
    }
    return false;
}

bool ek_cert_check(const struct cert *cert, struct err *err)
{
    struct ek_identity attributes = { 0 };

    if (cert->is_ca)
        return err_set(err, ERR_UNTRUSTED, "it is a CA certificate (CA:TRUE), not that of an endorsement key");
    if (!(cert->ekus & EKU_TPM_EK))
        return err_set(err, ERR_UNTRUSTED, "it has no extended key usage 2.23.133.8.1 (endorsement key)");
    if (!cert->has_alt_names || !read_tpm_attributes(cert, &attributes))
        return err_set(err, ERR_UNTRUSTED, "its alternative names do not say the TPM's manufacturer, model and version");
    if (cert->has_key_usage && !(cert->key_usage & (KEY_USAGE_KEY_ENCIPHERMENT | KEY_USAGE_KEY_AGREEMENT)))
        return err_set(err, ERR_UNTRUSTED, "its key usage allows neither keyEncipherment nor keyAgreement");
    if (!cert->key)
        return err_set(err, ERR_UNTRUSTED, "%s", cert->key_problem);
    return true;
}

static bool is_visible(struct bytes text)
{
    uint32_t codepoint;

    if (!utf8_is_valid(text))
        return false;
    while (text.len > 0)
        if (!utf8_next(&text, &codepoint) || codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0) ||
            (codepoint >= 0x200b && codepoint <= 0x200f) || (codepoint >= 0x2028 && codepoint <= 0x202e) ||
            (codepoint >= 0x2060 && codepoint <= 0x206f) || codepoint == 0xfeff)
            return false;
    return true;
}

bool ek_cert_identity(const struct cert *cert, struct ek_identity *ret, struct err *err)
{
    struct ek_identity found = { 0 };
    struct bytes name = cert->common_name;
    const size_t uuid_len = UUID_TEXT_LEN - 1;

    if (!is_visible(name))
        return err_set(err, ERR_MALFORMED, "the subject of the endorsement certificate has characters that no VM name has");
    if (uuid_canonical(name, found.vm_uuid)) {
        name = BYTES_NONE;
    } else if (name.len > uuid_len && name.data[name.len - uuid_len - 1] == ':' &&
               uuid_canonical(bytes_slice(name, name.len - uuid_len, uuid_len), found.vm_uuid)) {
        name = bytes_slice(name, 0, name.len - uuid_len - 1);
    } else {
        found.vm_uuid[0] = '\0';
    }
    if (name.len > LIMIT_NAME_BYTES)
        return err_set(err, ERR_MALFORMED, "the subject of the endorsement certificate has a VM name of %zu bytes; at most %d", name.len,
                       LIMIT_NAME_BYTES);
    if (name.len)
        memcpy(found.vm_name, name.data, name.len);
    if (!read_tpm_attributes(cert, &found))
        found.tpm_manufacturer = found.tpm_model = found.tpm_version = BYTES_NONE;
    *ret = found;
    return true;
}
