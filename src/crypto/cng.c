#include "crypto/cng.h"

static const wchar_t *const algorithm_names[CNG_ALGORITHMS] = {
    [CNG_RSA] = BCRYPT_RSA_ALGORITHM,
    [CNG_ECDSA_P256] = BCRYPT_ECDSA_P256_ALGORITHM,
    [CNG_ECDSA_P384] = BCRYPT_ECDSA_P384_ALGORITHM,
    [CNG_ECDSA_P521] = BCRYPT_ECDSA_P521_ALGORITHM,
    [CNG_AES_GCM] = BCRYPT_AES_ALGORITHM,
};
static BCRYPT_ALG_HANDLE opened[CNG_ALGORITHMS];
static INIT_ONCE open_once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK open_all(PINIT_ONCE once UNUSED, void *parameter UNUSED, void **context UNUSED)
{
    for (size_t i = 0; i < CNG_ALGORITHMS; i++)
        if (BCryptOpenAlgorithmProvider(&opened[i], algorithm_names[i], NULL, 0) != 0)
            opened[i] = NULL;
    if (opened[CNG_AES_GCM] &&
        BCryptSetProperty(opened[CNG_AES_GCM], BCRYPT_CHAINING_MODE, (PUCHAR)BCRYPT_CHAIN_MODE_GCM, sizeof BCRYPT_CHAIN_MODE_GCM, 0) != 0)
        opened[CNG_AES_GCM] = NULL;
    return TRUE;
}

BCRYPT_ALG_HANDLE cng_algorithm(enum cng_algorithm algorithm)
{
    InitOnceExecuteOnce(&open_once, open_all, NULL, NULL);
    return opened[algorithm];
}

enum cng_algorithm cng_ecdsa(enum ec_curve curve)
{
    return curve == CURVE_P521 ? CNG_ECDSA_P521 : curve == CURVE_P384 ? CNG_ECDSA_P384 : CNG_ECDSA_P256;
}

const wchar_t *cng_hash_name(enum digest_algorithm algorithm)
{
    static const wchar_t *const names[] = {
        [DIGEST_SHA1] = L"SHA1",         [DIGEST_SHA256] = L"SHA256",     [DIGEST_SHA384] = L"SHA384",     [DIGEST_SHA512] = L"SHA512",
        [DIGEST_SHA3_256] = L"SHA3-256", [DIGEST_SHA3_384] = L"SHA3-384", [DIGEST_SHA3_512] = L"SHA3-512", /* Windows 11 24H2 and later */
    };

    return (size_t)algorithm < ARRAY_LEN(names) ? names[algorithm] : NULL;
}

void cng_padding_set(enum signature_scheme scheme, enum digest_algorithm hash, size_t salt_len, union cng_padding *ret_storage,
                     void **ret_info, ULONG *ret_flags)
{
    *ret_info = scheme == SIGNATURE_ECDSA ? NULL : ret_storage;
    *ret_flags = scheme == SIGNATURE_RSASSA ? BCRYPT_PAD_PKCS1 : scheme == SIGNATURE_RSAPSS ? BCRYPT_PAD_PSS : 0;
    if (scheme == SIGNATURE_RSASSA)
        ret_storage->rsassa = (BCRYPT_PKCS1_PADDING_INFO){ .pszAlgId = cng_hash_name(hash) };
    else if (scheme == SIGNATURE_RSAPSS)
        ret_storage->rsapss = (BCRYPT_PSS_PADDING_INFO){ .pszAlgId = cng_hash_name(hash), .cbSalt = (ULONG)salt_len };
}

bool cng_failed(struct err *err, enum err_code code, const char *what, NTSTATUS status)
{
    return err_set(err, code, "%s: status 0x%08lx", what, (unsigned long)status);
}

void cng_key_done(BCRYPT_KEY_HANDLE *key)
{
    if (*key)
        BCryptDestroyKey(*key);
    *key = NULL;
}
