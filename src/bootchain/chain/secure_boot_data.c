#include "bootchain/chain/secure_boot_data.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/writer.h"
#include "bootchain/chain/keys.h"
#include "x509/pkcs7.h"

enum { EFI_TIME_LEN = 16, WIN_CERT_HEADER_LEN = 24, WIN_CERT_REVISION = 0x0200, WIN_CERT_TYPE_EFI_GUID = 0x0ef1 };

#define GUID_PKCS7          BYTES_LIT("\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7")
#define GUID_GLOBAL         BYTES_LIT("\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c")
#define GUID_IMAGE_SECURITY BYTES_LIT("\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f")

bool secure_boot_data_parse(struct arena *a, struct bytes file, struct secure_boot_data *ret, struct err *err)
{
    struct reader r = reader_over(file);
    struct bytes guid;
    uint32_t len;
    uint16_t revision, type;

    *ret = (struct secure_boot_data){ 0 };
    if (!read_bytes(&r, EFI_TIME_LEN, &ret->time) || !read_u32le(&r, &len) || !read_u16le(&r, &revision) || !read_u16le(&r, &type) ||
        !read_bytes(&r, UUID_LEN, &guid))
        return err_set(err, ERR_TRUNCATED, "authenticated variable data: header at offset %zu", r.offset);
    if (revision != WIN_CERT_REVISION || type != WIN_CERT_TYPE_EFI_GUID || !bytes_equal(guid, GUID_PKCS7))
        return err_set(err, ERR_UNSUPPORTED, "no EFI_VARIABLE_AUTHENTICATION_2 with a PKCS #7 signature");
    if (len < WIN_CERT_HEADER_LEN)
        return err_set(err, ERR_MALFORMED, "authenticated variable data: a certificate part of %u bytes", (unsigned)len);
    if (!read_bytes(&r, len - WIN_CERT_HEADER_LEN, &ret->signature))
        return err_set(err, ERR_TRUNCATED, "authenticated variable data: the signature of %u bytes does not fit", (unsigned)len);
    ret->time_ms = efi_time_ms(ret->time);
    ret->lists = read_rest(&r);
    return boot_keys_read(a, ret->lists, NULL, &ret->entries, err) || err_within(err, "authenticated variable data");
}

/* NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS | TIME_BASED_AUTHENTICATED_WRITE_ACCESS, and APPEND_WRITE. */
static const uint32_t attribute_sets[] = { 0x67, 0x27 };

static void signed_bytes(struct writer *w, const struct secure_boot_data *data, const char *variable, uint32_t attributes)
{
    bool image_security = strncmp(variable, "db", 2) == 0;

    for (const char *c = variable; *c; c++)
        write_u16le(w, (uint8_t)*c);
    write_bytes(w, image_security ? GUID_IMAGE_SECURITY : GUID_GLOBAL);
    write_u32le(w, attributes);
    write_bytes(w, data->time);
    write_bytes(w, data->lists);
}

/* The well-known KEK certificates among those that came along. */
static size_t known_anchors(const struct pkcs7 *p, const struct cert *anchors[PKCS7_CERTS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_certs; i++) {
        const struct known_certificate *known = reference_find_known(NULL, p->certs[i]->sha256);
        if (known && strstr(known->name, "KEK"))
            anchors[n++] = p->certs[i];
    }
    return n;
}

bool secure_boot_data_verify(struct arena *a, const struct secure_boot_data *data, const char *variable, const struct cert *const *anchors,
                             size_t n_anchors, const char **ret_signer, struct err *err)
{
    const struct cert *known[PKCS7_CERTS_MAX];
    struct pkcs7 p CLEANUP(pkcs7_done) = { 0 };
    bool verified = false;

    if (!pkcs7_parse(data->signature, &p, err))
        return false;
    if (!n_anchors) {
        n_anchors = known_anchors(&p, known);
        anchors = known;
    }
    if (!n_anchors)
        return err_set(err, ERR_UNTRUSTED, "no key exchange key (KEK) to check the signature with");
    for (size_t i = 0; i < ARRAY_LEN(attribute_sets) && !verified; i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        signed_bytes(&w, data, variable, attribute_sets[i]);
        if (!writer_ok(&w))
            return err_set(err, ERR_NO_MEMORY, "no memory to check a signature");
        verified = pkcs7_verify(&p, writer_bytes(&w), anchors, n_anchors, err);
    }
    if (!verified)
        return err_within(err, "signed change of %s", variable);
    *ret_signer = text_for_people(a, p.n_certs ? p.certs[0]->common_name : anchors[0]->common_name);
    return *ret_signer || err_set(err, ERR_NO_MEMORY, "no memory for a name");
}
