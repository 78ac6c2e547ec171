#include "crypto/privkey.h"
#include <stdlib.h>
#include "crypto/cng.h"

struct privkey {
    BCRYPT_KEY_HANDLE key;
    struct pubkey *public;
};

static const struct {
    enum cng_algorithm algorithm;
    ULONG bits;
    enum ec_curve curve;
} kinds[] = {
    [PRIVKEY_RSA_2048] = { CNG_RSA, 2048, CURVE_NONE },
    [PRIVKEY_RSA_3072] = { CNG_RSA, 3072, CURVE_NONE },
    [PRIVKEY_P256] = { CNG_ECDSA_P256, 256, CURVE_P256 },
};

/* The public half goes through the same checks as everybody's key. */
static bool read_public(struct privkey *key, enum ec_curve curve, struct err *err)
{
    uint8_t blob[sizeof(BCRYPT_RSAKEY_BLOB) + 8 + 1024];
    struct bytes rest;
    ULONG len = 0;
    NTSTATUS status =
        BCryptExportKey(key->key, NULL, curve == CURVE_NONE ? BCRYPT_RSAPUBLIC_BLOB : BCRYPT_ECCPUBLIC_BLOB, blob, sizeof blob, &len, 0);

    if (status != 0)
        return cng_failed(err, ERR_INTERNAL, "public half of a key", status);
    if (curve == CURVE_NONE) {
        BCRYPT_RSAKEY_BLOB head;

        memcpy(&head, blob, sizeof head);
        rest = bytes_slice((struct bytes){ blob, len }, sizeof head, len);
        return pubkey_from_rsa(bytes_slice(rest, head.cbPublicExp, head.cbModulus), bytes_slice(rest, 0, head.cbPublicExp), &key->public,
                               err);
    }
    rest = bytes_slice((struct bytes){ blob, len }, sizeof(BCRYPT_ECCKEY_BLOB), len);
    return pubkey_from_ec(curve, bytes_slice(rest, 0, ec_curve_len(curve)), bytes_slice(rest, ec_curve_len(curve), ec_curve_len(curve)),
                          &key->public, err);
}

bool privkey_generate(enum privkey_kind kind, struct privkey **ret, struct err *err)
{
    CLEANUP(privkey_free_at) struct privkey *key = calloc(1, sizeof *key);
    NTSTATUS status;

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "private key");
    status = BCryptGenerateKeyPair(cng_algorithm(kinds[kind].algorithm), &key->key, kinds[kind].bits, 0);
    if (status == 0)
        status = BCryptFinalizeKeyPair(key->key, 0);
    if (status != 0)
        return cng_failed(err, ERR_INTERNAL, "making a key", status);
    if (!read_public(key, kinds[kind].curve, err))
        return err_within(err, "private key");
    *ret = TAKE(key);
    return true;
}

void privkey_free(struct privkey *key)
{
    if (!key)
        return;
    cng_key_done(&key->key);
    pubkey_free(key->public);
    free(key);
}

void privkey_free_at(struct privkey **key) { privkey_free(*key); }

const struct pubkey *privkey_public(const struct privkey *key) { return key->public; }

bool privkey_sign(const struct privkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                  uint8_t ret_signature[static PRIVKEY_SIGNATURE_MAX], size_t *ret_len, struct err *err)
{
    union cng_padding storage;
    struct digest digest;
    ULONG flags, len = 0;
    NTSTATUS status;
    void *info;

    if (!digest_is_strong(hash) || (scheme == SIGNATURE_ECDSA) != (pubkey_type(key->public) == KEY_EC))
        return err_set(err, ERR_UNSUPPORTED, "this key does not sign that way");
    digest_compute(hash, message, &digest);
    cng_padding_set(scheme, hash, digest_len(hash), &storage, &info, &flags);
    status = BCryptSignHash(key->key, info, digest.value, (ULONG)digest_len(hash), ret_signature, PRIVKEY_SIGNATURE_MAX, &len, flags);
    if (status != 0)
        return cng_failed(err, ERR_INTERNAL, "signing", status);
    *ret_len = len;
    return true;
}
