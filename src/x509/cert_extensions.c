#include "crypto/der.h"
#include "x509/cert_parts.h"
#include "x509/name.h"
#include "x509/oids.h"

enum { EXTENSIONS_MAX = 64 };

static const struct {
    struct bytes oid;
    enum cert_eku bit;
} known_ekus[] = {
    { OID_EKU_ANY, EKU_ANY },       { OID_EKU_TLS_SERVER, EKU_TLS_SERVER },     { OID_EKU_TLS_CLIENT, EKU_TLS_CLIENT },
    { OID_EKU_TPM_EK, EKU_TPM_EK }, { OID_EKU_TPM_PLATFORM, EKU_TPM_PLATFORM }, { OID_EKU_TPM_AK, EKU_TPM_AK },
};

static const struct {
    struct bytes oid;
    enum cert_policy bit;
} known_policies[] = {
    { OID_POLICY_TPM_RESIDENCY, POLICY_TPM_RESIDENCY },
    { OID_POLICY_TPM_FIXED, POLICY_TPM_FIXED },
    { OID_POLICY_TPM_RESTRICTED, POLICY_TPM_RESTRICTED },
};

/* 4.2.1.9 */
static bool read_basic_constraints(struct reader *value, struct cert *cert)
{
    struct reader r;
    uint32_t path_len;

    if (!der_read_into(value, DER_SEQUENCE, &r))
        return false;
    cert->has_basic_constraints = true;
    /* cA DEFAULT FALSE: written out, it is not DER. */
    if (der_next_is(&r, DER_BOOLEAN) && (!der_read_boolean(&r, &cert->is_ca) || !cert->is_ca))
        return false;
    if (!reader_done(&r)) {
        if (!cert->is_ca || !der_read_small(&r, &path_len) || path_len > 1000)
            return false;
        cert->path_len = (int)path_len;
    }
    return reader_done(&r);
}

/* 4.2.1.3 */
static bool read_key_usage(struct reader *value, struct cert *cert)
{
    cert->has_key_usage = true;
    return der_read_named_bits(value, &cert->key_usage);
}

/* 4.2.1.12 */
static bool read_ext_key_usage(struct reader *value, struct cert *cert)
{
    struct reader r;
    struct bytes oid;

    if (!der_read_into(value, DER_SEQUENCE, &r) || reader_done(&r))
        return false;
    cert->has_ekus = true;
    while (!reader_done(&r)) {
        unsigned bit = EKU_OTHER;

        if (cert->n_eku_oids == CERT_EKUS_MAX || !der_read_oid(&r, &oid))
            return false;
        for (size_t i = 0; i < ARRAY_LEN(known_ekus); i++)
            if (bytes_equal(oid, known_ekus[i].oid))
                bit = known_ekus[i].bit;
        cert->ekus |= bit;
        cert->eku_oids[cert->n_eku_oids++] = oid;
    }
    return true;
}

static bool read_subject_key_id(struct reader *value, struct cert *cert)
{
    return der_read(value, DER_OCTET_STRING, &cert->subject_key_id);
}

/* 4.2.1.1; only the key identifier is of use: names are not what we trust. */
static bool read_authority_key_id(struct reader *value, struct cert *cert)
{
    struct reader r;
    unsigned tag;
    struct bytes content;

    if (!der_read_into(value, DER_SEQUENCE, &r))
        return false;
    if (der_next_is(&r, DER_CONTEXT(0)) && !der_read(&r, DER_CONTEXT(0), &cert->authority_key_id))
        return false;
    while (!reader_done(&r))
        if (!der_read_any(&r, &tag, &content, NULL))
            return false;
    return true;
}

static bool is_ascii_text(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] < 0x20 || b.data[i] >= 0x7f)
            return false;
    return b.len > 0;
}

/* 4.2.1.6, one GeneralName. */
static bool read_general_name(struct reader *r, struct cert_alt_name *ret)
{
    struct reader inside;
    struct bytes content;
    unsigned tag;

    if (der_next_is(r, DER_CONTEXT_CONSTRUCTED(4))) { /* directoryName is explicit: Name is a CHOICE */
        if (!der_read_into(r, DER_CONTEXT_CONSTRUCTED(4), &inside) || !name_is_well_formed(inside.rest))
            return false;
        *ret = (struct cert_alt_name){ ALT_NAME_DIRECTORY, inside.rest };
        return true;
    }
    if (!der_read_any(r, &tag, &content, NULL))
        return false;
    switch (tag) {
    case DER_CONTEXT(1):
        *ret = (struct cert_alt_name){ ALT_NAME_EMAIL, content };
        return is_ascii_text(content);
    case DER_CONTEXT(2):
        *ret = (struct cert_alt_name){ ALT_NAME_DNS, content };
        return is_ascii_text(content);
    case DER_CONTEXT(6):
        *ret = (struct cert_alt_name){ ALT_NAME_URI, content };
        return is_ascii_text(content);
    case DER_CONTEXT(7):
        *ret = (struct cert_alt_name){ ALT_NAME_IP, content };
        return content.len == 4 || content.len == 16;
    case DER_CONTEXT_CONSTRUCTED(0):
    case DER_CONTEXT_CONSTRUCTED(3):
    case DER_CONTEXT_CONSTRUCTED(5):
    case DER_CONTEXT(8):
        *ret = (struct cert_alt_name){ ALT_NAME_OTHER, content };
        return true;
    default:
        return false;
    }
}

static bool read_alt_names(struct reader *value, struct cert *cert)
{
    struct reader r;
    struct cert_alt_name name;

    if (!der_read_into(value, DER_SEQUENCE, &r) || reader_done(&r))
        return false;
    cert->has_alt_names = true;
    cert->alt_names = r.rest;
    while (!reader_done(&r))
        if (!read_general_name(&r, &name))
            return false;
    return true;
}

bool cert_alt_name_next(struct bytes *rest, struct cert_alt_name *ret)
{
    struct reader r = reader_over(*rest);

    if (reader_done(&r) || !read_general_name(&r, ret))
        return false;
    *rest = r.rest;
    return true;
}

/* 4.2.1.4. Critical or not, policies ask nothing of us: policy constraints, which would, are a critical extension that we refuse. Which of the TCG's are
 * there is noted; their qualifiers are text for people. */
static bool read_policies(struct reader *value, struct cert *cert)
{
    struct reader r, policy;
    struct bytes oid;

    if (!der_read_into(value, DER_SEQUENCE, &r))
        return false;
    while (!reader_done(&r)) {
        if (!der_read_into(&r, DER_SEQUENCE, &policy) || !der_read_oid(&policy, &oid))
            return false;
        for (size_t i = 0; i < ARRAY_LEN(known_policies); i++)
            if (bytes_equal(oid, known_policies[i].oid))
                cert->policies |= known_policies[i].bit;
    }
    return true;
}

static const struct {
    struct bytes oid;
    const char *name;
    bool (*read)(struct reader *value, struct cert *cert);
} processed[] = {
    { OID_SUBJECT_KEY_ID, "subjectKeyIdentifier", read_subject_key_id },
    { OID_KEY_USAGE, "keyUsage", read_key_usage },
    { OID_SUBJECT_ALT_NAME, "subjectAltName", read_alt_names },
    { OID_BASIC_CONSTRAINTS, "basicConstraints", read_basic_constraints },
    { OID_CERTIFICATE_POLICIES, "certificatePolicies", read_policies },
    { OID_AUTHORITY_KEY_ID, "authorityKeyIdentifier", read_authority_key_id },
    { OID_EXT_KEY_USAGE, "extKeyUsage", read_ext_key_usage },
};

struct extension {
    struct bytes oid, value;
    bool critical;
};

static bool read_extension(struct reader *list, struct extension *ret)
{
    struct reader r;

    *ret = (struct extension){ 0 };
    if (!der_read_into(list, DER_SEQUENCE, &r) || !der_read_oid(&r, &ret->oid))
        return false;
    /* critical DEFAULT FALSE: written out, it is not DER. */
    if (der_next_is(&r, DER_BOOLEAN) && (!der_read_boolean(&r, &ret->critical) || !ret->critical))
        return false;
    return der_read(&r, DER_OCTET_STRING, &ret->value) && reader_done(&r);
}

static bool process(const struct extension *extension, struct cert *cert, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(processed); i++) {
        struct reader value = reader_over(extension->value);

        if (!bytes_equal(extension->oid, processed[i].oid))
            continue;
        if (!processed[i].read(&value, cert) || !reader_done(&value))
            return err_set(err, ERR_MALFORMED, "certificate: extension %s is not the DER it should be", processed[i].name);
        if (extension->critical && processed[i].read == read_alt_names)
            cert->alt_names_critical = true;
        return true;
    }
    if (extension->critical && cert->unknown_critical.len == 0)
        cert->unknown_critical = extension->oid;
    return true;
}

bool cert_read_extensions(struct reader *r, struct cert *cert, struct err *err)
{
    struct bytes seen[EXTENSIONS_MAX];
    size_t n = 0;
    struct reader list;

    if (!der_read_into(r, DER_SEQUENCE, &list) || !reader_done(r) || reader_done(&list))
        return err_set(err, ERR_MALFORMED, "certificate: extensions are not a DER sequence");
    while (!reader_done(&list)) {
        struct extension extension;
        size_t offset = list.offset;

        if (n == EXTENSIONS_MAX)
            return err_set(err, ERR_LIMIT, "certificate: more than %d extensions", EXTENSIONS_MAX);
        if (!read_extension(&list, &extension))
            return err_set(err, ERR_MALFORMED, "certificate: extension at offset %zu is not DER", offset);
        for (size_t i = 0; i < n; i++)
            if (bytes_equal(seen[i], extension.oid))
                return err_set(err, ERR_MALFORMED, "certificate: an extension is there twice, at offset %zu", offset);
        seen[n++] = extension.oid;
        if (!process(&extension, cert, err))
            return false;
    }
    return true;
}
