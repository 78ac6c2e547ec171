#include "x509/ca_write.h"
#include <arpa/inet.h>
#include "crypto/der.h"
#include "crypto/random.h"
#include "crypto/signature.h"
#include "x509/oids.h"

enum { SERIAL_LEN = 16, KEY_ID_LEN = 20, DNS_NAME_MAX = 253 };

/* RFC 7093 2 (1): the leftmost 160 bits of SHA-256 over the key's bits. */
static void key_id(const struct pubkey *key, uint8_t ret[static KEY_ID_LEN])
{
    struct reader outer = reader_over(pubkey_spki(key)), r;
    struct bytes algorithm, bits = BYTES_NONE;
    struct digest d;

    if (!der_read_into(&outer, DER_SEQUENCE, &r) || !der_read(&r, DER_SEQUENCE, &algorithm) || !der_read_bit_bytes(&r, &bits))
        bits = pubkey_spki(key); /* cannot happen: we wrote the SPKI */
    digest_compute(DIGEST_SHA256, bits, &d);
    memcpy(ret, d.value, KEY_ID_LEN);
}

static void write_attribute(struct writer *w, struct bytes oid, const char *value)
{
    size_t set = der_begin(w), attribute = der_begin(w);

    der_write(w, DER_OID, oid);
    der_write(w, DER_UTF8_STRING, bytes_of_string(value));
    der_end(w, attribute, DER_SEQUENCE);
    der_end(w, set, DER_SET);
}

static void write_name(struct writer *w, const char *common_name)
{
    size_t at = der_begin(w);

    write_attribute(w, OID_COMMON_NAME, common_name);
    der_end(w, at, DER_SEQUENCE);
}

static void write_algorithm(struct writer *w, const struct pubkey *signer)
{
    size_t at = der_begin(w);

    if (pubkey_type(signer) == KEY_EC) {
        der_write(w, DER_OID, OID_ECDSA_SHA256);
    } else {
        der_write(w, DER_OID, OID_RSA_SHA256);
        der_write(w, DER_NULL, BYTES_NONE);
    }
    der_end(w, at, DER_SEQUENCE);
}

/* An extension is: size_t at = begin_extension(…); the value; end_extension(w, at). */
struct open_extension {
    size_t whole, value;
};

static struct open_extension begin_extension(struct writer *w, struct bytes oid, bool critical)
{
    struct open_extension at = { .whole = der_begin(w) };

    der_write(w, DER_OID, oid);
    if (critical)
        der_write(w, DER_BOOLEAN, BYTES_LIT("\xff"));
    at.value = der_begin(w);
    return at;
}

static void end_extension(struct writer *w, struct open_extension at)
{
    der_end(w, at.value, DER_OCTET_STRING);
    der_end(w, at.whole, DER_SEQUENCE);
}

static void write_basic_constraints(struct writer *w, enum ca_profile profile)
{
    struct open_extension at = begin_extension(w, OID_BASIC_CONSTRAINTS, true);
    size_t sequence = der_begin(w);

    if (profile == CA_PROFILE_ROOT || profile == CA_PROFILE_BELOW)
        der_write(w, DER_BOOLEAN, BYTES_LIT("\xff"));
    if (profile == CA_PROFILE_BELOW)
        der_write_unsigned(w, BYTES_LIT("\x00"));
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

/* Named bits, RFC 5280 4.2.1.3, each already as DER. */
static struct bytes key_usage_of(enum ca_profile profile, const struct pubkey *key)
{
    switch (profile) {
    case CA_PROFILE_ROOT:
    case CA_PROFILE_BELOW:
        return BYTES_LIT("\x01\x06"); /* keyCertSign, cRLSign */
    case CA_PROFILE_EK:
        return pubkey_type(key) == KEY_RSA ? BYTES_LIT("\x05\x20") : BYTES_LIT("\x03\x08"); /* keyEncipherment, keyAgreement */
    case CA_PROFILE_AK:
    case CA_PROFILE_IAK:
    case CA_PROFILE_TLS_SERVER:
    case CA_PROFILE_SIGNER:
        break;
    }
    return BYTES_LIT("\x07\x80"); /* digitalSignature */
}

static void write_key_usage(struct writer *w, enum ca_profile profile, const struct pubkey *key)
{
    struct open_extension at = begin_extension(w, OID_KEY_USAGE, true);

    der_write(w, DER_BIT_STRING, key_usage_of(profile, key));
    end_extension(w, at);
}

static void write_ext_key_usage(struct writer *w, struct bytes oid)
{
    struct open_extension at = begin_extension(w, OID_EXT_KEY_USAGE, false);
    size_t sequence = der_begin(w);

    der_write(w, DER_OID, oid);
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

/* What we know of the key, because we manufactured its TPM (TCG, TPM 2.0 Keys for Device Identity and Attestation 1.00, 8.2). */
static void write_iak_policies(struct writer *w)
{
    struct open_extension at = begin_extension(w, OID_CERTIFICATE_POLICIES, false);
    size_t sequence = der_begin(w);

    for (const struct bytes *oid = (const struct bytes[]){ OID_POLICY_TPM_RESIDENCY, OID_POLICY_TPM_RESTRICTED, BYTES_NONE }; oid->len;
         oid++) {
        size_t policy = der_begin(w);

        der_write(w, DER_OID, *oid);
        der_end(w, policy, DER_SEQUENCE);
    }
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

static void write_key_ids(struct writer *w, const struct ca_request *request)
{
    uint8_t id[KEY_ID_LEN];
    struct open_extension at = begin_extension(w, OID_SUBJECT_KEY_ID, false);
    size_t sequence;

    key_id(request->key, id);
    der_write(w, DER_OCTET_STRING, BYTES_OF(id));
    end_extension(w, at);
    if (!request->issuer)
        return;
    at = begin_extension(w, OID_AUTHORITY_KEY_ID, false);
    sequence = der_begin(w);
    der_write(w, DER_CONTEXT(0), request->issuer->subject_key_id);
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

static bool is_dns_name(struct bytes name)
{
    size_t label = 0;

    if (bytes_starts_with(name, BYTES_LIT("*.")))
        name = bytes_slice(name, 2, name.len);
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];

        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c == '-' && label > 0)) ||
            ++label > 63)
            return false;
    }
    return label > 0;
}

static bool write_host_names(struct writer *w, const struct ca_request *request, struct err *err)
{
    struct open_extension at = begin_extension(w, OID_SUBJECT_ALT_NAME, false);
    size_t sequence = der_begin(w);

    for (size_t i = 0; i < request->n_names; i++) {
        const char *name = request->names[i];
        uint8_t address[16];

        if (inet_pton(AF_INET, name, address) == 1)
            der_write(w, DER_CONTEXT(7), (struct bytes){ address, 4 });
        else if (inet_pton(AF_INET6, name, address) == 1)
            der_write(w, DER_CONTEXT(7), (struct bytes){ address, 16 });
        else if (is_dns_name(bytes_of_string(name)))
            der_write(w, DER_CONTEXT(2), bytes_of_string(name));
        else
            return err_set(err, ERR_MALFORMED, "name %zu of the certificate is neither a DNS name nor an address", i + 1);
    }
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
    return true;
}

static void write_uris(struct writer *w, const struct ca_request *request)
{
    struct open_extension at = begin_extension(w, OID_SUBJECT_ALT_NAME, false);
    size_t sequence = der_begin(w);

    for (size_t i = 0; i < request->n_names; i++)
        der_write(w, DER_CONTEXT(6), bytes_of_string(request->names[i]));
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

/* The TPM that swtpm is: manufacturer IBM, model swtpm, as its own CA writes it (guest-agent.md 2.2). */
static void write_tpm_names(struct writer *w)
{
    struct open_extension at = begin_extension(w, OID_SUBJECT_ALT_NAME, true);
    size_t sequence = der_begin(w), directory = der_begin(w), name = der_begin(w);

    write_attribute(w, OID_TPM_MANUFACTURER, "id:00001014");
    write_attribute(w, OID_TPM_MODEL, "swtpm");
    write_attribute(w, OID_TPM_VERSION, "id:20191023");
    der_end(w, name, DER_SEQUENCE);
    der_end(w, directory, DER_CONTEXT_CONSTRUCTED(4));
    der_end(w, sequence, DER_SEQUENCE);
    end_extension(w, at);
}

static bool write_extensions(struct writer *w, const struct ca_request *request, struct err *err)
{
    size_t outer = der_begin(w), sequence = der_begin(w);
    bool ok = true;

    write_basic_constraints(w, request->profile);
    write_key_usage(w, request->profile, request->key);
    write_key_ids(w, request);
    switch (request->profile) {
    case CA_PROFILE_AK:
        write_ext_key_usage(w, OID_EKU_TPM_AK);
        if (request->n_names)
            write_uris(w, request);
        break;
    case CA_PROFILE_EK:
        write_ext_key_usage(w, OID_EKU_TPM_EK);
        write_tpm_names(w);
        break;
    case CA_PROFILE_IAK:
        write_ext_key_usage(w, OID_EKU_TPM_AK);
        write_iak_policies(w);
        write_tpm_names(w);
        break;
    case CA_PROFILE_TLS_SERVER:
        write_ext_key_usage(w, OID_EKU_TLS_SERVER);
        ok = write_host_names(w, request, err);
        break;
    case CA_PROFILE_ROOT:
    case CA_PROFILE_BELOW:
    case CA_PROFILE_SIGNER:
        break;
    }
    der_end(w, sequence, DER_SEQUENCE);
    der_end(w, outer, DER_CONTEXT_CONSTRUCTED(3));
    return ok;
}

/* Positive, and always as long: the top bits are 01. */
static bool write_serial(struct writer *w, struct err *err)
{
    uint8_t serial[SERIAL_LEN];

    if (!random_bytes(serial, sizeof serial, err))
        return false;
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    der_write_unsigned(w, BYTES_OF(serial));
    return true;
}

static bool write_tbs(struct writer *w, const struct ca_request *request, struct err *err)
{
    size_t outer = der_begin(w), at = der_begin(w);

    der_write_unsigned(w, BYTES_LIT("\x02")); /* v3 */
    der_end(w, at, DER_CONTEXT_CONSTRUCTED(0));
    if (!write_serial(w, err))
        return false;
    write_algorithm(w, privkey_public(request->signer));
    if (request->issuer)
        write_bytes(w, request->issuer->subject);
    else
        write_name(w, request->common_name);
    at = der_begin(w);
    der_write_time(w, request->not_before_ms);
    der_write_time(w, request->not_after_ms);
    der_end(w, at, DER_SEQUENCE);
    write_name(w, request->common_name);
    write_bytes(w, pubkey_spki(request->key));
    if (!write_extensions(w, request, err))
        return false;
    der_end(w, outer, DER_SEQUENCE);
    return true;
}

static bool write_signature(struct writer *w, const struct privkey *signer, struct bytes tbs, struct err *err)
{
    uint8_t made[PRIVKEY_SIGNATURE_MAX], der[SIGNATURE_EC_DER_MAX];
    struct bytes signature = { made, 0 };
    const struct pubkey *key = privkey_public(signer);

    if (pubkey_type(key) == KEY_EC) {
        if (!privkey_sign(signer, SIGNATURE_ECDSA, DIGEST_SHA256, tbs, made, &signature.len, err) ||
            !signature_to_der(pubkey_curve(key), signature, der, &signature.len, err))
            return false;
        signature.data = der;
    } else if (!privkey_sign(signer, SIGNATURE_RSASSA, DIGEST_SHA256, tbs, made, &signature.len, err)) {
        return false;
    }
    write_algorithm(w, key);
    der_write_bit_bytes(w, signature);
    return true;
}

/* What we wrote is read back by our own strict parser, and so is known to be a certificate. */
bool ca_write_cert(const struct ca_request *request, struct cert **ret, struct err *err)
{
    struct writer tbs = { 0 }, w = { 0 };
    bool ok = write_tbs(&tbs, request, err);

    if (ok) {
        write_bytes(&w, writer_bytes(&tbs));
        ok = write_signature(&w, request->signer, writer_bytes(&tbs), err);
        der_end(&w, 0, DER_SEQUENCE);
    }
    if (ok && (!writer_ok(&tbs) || !writer_ok(&w)))
        ok = err_set(err, ERR_NO_MEMORY, "certificate");
    ok = ok && cert_parse(writer_bytes(&w), ret, err);
    writer_done(&tbs);
    writer_done(&w);
    return ok;
}
