#include <stdlib.h>
#include "crypto/cng.h"
#include "crypto/key_handle.h"

struct key_handle {
    BCRYPT_KEY_HANDLE key;
    enum ec_curve curve; /* CURVE_NONE: RSA */
    size_t modulus_len;  /* bytes; 0 for EC */
};

enum { BLOB_MAX = sizeof(BCRYPT_RSAKEY_BLOB) + 8 + 1024 }; /* RSA-8192 with an exponent of 64 bits */

static bool import(enum cng_algorithm algorithm, const wchar_t *kind, uint8_t *blob, size_t len, struct key_handle *shape,
                   struct key_handle **ret, NTSTATUS *ret_status)
{
    struct key_handle *handle = calloc(1, sizeof *handle);

    *ret_status = 0;
    if (!handle)
        return false;
    *handle = *shape;
    *ret_status = BCryptImportKeyPair(cng_algorithm(algorithm), NULL, kind, &handle->key, blob, (ULONG)len, 0);
    if (*ret_status != 0) {
        free(handle);
        return false;
    }
    *ret = handle;
    return true;
}

bool key_handle_rsa(struct bytes n, struct bytes e, struct key_handle **ret, struct err *err)
{
    BCRYPT_RSAKEY_BLOB head = {
        .Magic = BCRYPT_RSAPUBLIC_MAGIC, .BitLength = (ULONG)n.len * 8, .cbPublicExp = (ULONG)e.len, .cbModulus = (ULONG)n.len
    };
    struct key_handle shape = { .modulus_len = n.len };
    uint8_t blob[BLOB_MAX];
    NTSTATUS status;

    if (sizeof head + e.len + n.len > sizeof blob)
        return err_set(err, ERR_LIMIT, "RSA key");
    for (uint8_t top = n.data[0]; !(top & 0x80); top = (uint8_t)(top << 1))
        head.BitLength--;
    memcpy(blob, &head, sizeof head);
    memcpy(blob + sizeof head, e.data, e.len);
    memcpy(blob + sizeof head + e.len, n.data, n.len);
    if (import(CNG_RSA, BCRYPT_RSAPUBLIC_BLOB, blob, sizeof head + e.len + n.len, &shape, ret, &status))
        return true;
    return status ? cng_failed(err, ERR_MALFORMED, "RSA key", status) : err_set(err, ERR_NO_MEMORY, "RSA key");
}

/* Windows refuses points that are not on the curve. */
bool key_handle_ec(enum ec_curve curve, struct bytes point, struct key_handle **ret, struct err *err)
{
    BCRYPT_ECCKEY_BLOB head = { .dwMagic = curve == CURVE_P521   ? BCRYPT_ECDSA_PUBLIC_P521_MAGIC
                                           : curve == CURVE_P384 ? BCRYPT_ECDSA_PUBLIC_P384_MAGIC
                                                                 : BCRYPT_ECDSA_PUBLIC_P256_MAGIC,
                                .cbKey = (ULONG)ec_curve_len(curve) };
    struct key_handle shape = { .curve = curve };
    struct bytes coordinates = bytes_slice(point, 1, point.len);
    uint8_t blob[BLOB_MAX];
    NTSTATUS status;

    memcpy(blob, &head, sizeof head);
    memcpy(blob + sizeof head, coordinates.data, coordinates.len);
    if (import(cng_ecdsa(curve), BCRYPT_ECCPUBLIC_BLOB, blob, sizeof head + coordinates.len, &shape, ret, &status))
        return true;
    return status ? err_set(err, ERR_MALFORMED, "point is not on the curve %s", ec_curve_name(curve))
                  : err_set(err, ERR_NO_MEMORY, "EC key");
}

BCRYPT_KEY_HANDLE cng_key_of(const struct key_handle *handle) { return handle->key; }

void key_handle_free(struct key_handle *handle)
{
    if (!handle)
        return;
    cng_key_done(&handle->key);
    free(handle);
}

static bool verifies(const struct key_handle *handle, enum signature_scheme scheme, const struct digest *digest, size_t salt_len,
                     struct bytes signature)
{
    union cng_padding storage;
    void *info;
    ULONG flags;

    cng_padding_set(scheme, digest->algorithm, salt_len, &storage, &info, &flags);
    return BCryptVerifySignature(handle->key, info, (PUCHAR)(uintptr_t)digest->value, (ULONG)digest_len(digest->algorithm),
                                 (PUCHAR)(uintptr_t)signature.data, (ULONG)signature.len, flags) == 0;
}

/* CNG wants to be told the length of an RSAPSS salt. Two are in use: that of the hash (RFC 7518) and the longest that fits (TPM 2.0 Part 1,
 * annex B.7); others are refused, which errs on the safe side. */
bool key_handle_verify(struct key_handle *handle, enum signature_scheme scheme, const struct digest *digest, struct bytes signature,
                       struct err *err)
{
    size_t hash_len = digest_len(digest->algorithm);

    if (verifies(handle, scheme, digest, hash_len, signature) ||
        (scheme == SIGNATURE_RSAPSS && verifies(handle, scheme, digest, handle->modulus_len - hash_len - 2, signature)))
        return true;
    return err_set(err, ERR_UNTRUSTED, "the signature is not this key's, or what it covers was changed");
}
