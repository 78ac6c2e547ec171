#include <stdlib.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include "crypto/evp.h"
#include "crypto/key_handle.h"
#include "crypto/signature.h"

struct key_handle {
    _Atomic(EVP_PKEY *) pkey;                /* NULL: an RSA key that nobody used yet */
    struct bytes n, e;                       /* of an RSA key */
    enum ec_curve curve;                     /* CURVE_NONE: RSA */
    _Atomic(struct evp_prepared *) prepared; /* for verifying, the way this key was used first; NULL until then */
};

const char *evp_group_name(enum ec_curve curve)
{
    static const char *const groups[] = { [CURVE_P256] = "prime256v1", [CURVE_P384] = "secp384r1", [CURVE_P521] = "secp521r1" };

    return (unsigned)curve < ARRAY_LEN(groups) ? groups[curve] : NULL;
}

static EVP_PKEY *pkey_from(const char *algorithm, OSSL_PARAM_BLD *builder)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    OSSL_PARAM *params = builder ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    EVP_PKEY *pkey = NULL;

    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    return pkey;
}

static bool hold(EVP_PKEY *pkey, enum ec_curve curve, struct key_handle **ret, struct err *err)
{
    struct key_handle *handle = calloc(1, sizeof *handle);

    if (!handle) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_NO_MEMORY, "public key");
    }
    atomic_init(&handle->pkey, pkey);
    handle->curve = curve;
    *ret = handle;
    return true;
}

static EVP_PKEY *rsa_pkey(struct bytes n, struct bytes e)
{
    BIGNUM *bn_n = BN_bin2bn(n.data, (int)n.len, NULL), *bn_e = BN_bin2bn(e.data, (int)e.len, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (bn_n && bn_e && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
        pkey = pkey_from("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(bn_n);
    BN_free(bn_e);
    return pkey;
}

bool key_handle_rsa(struct bytes n, struct bytes e, struct key_handle **ret, struct err *err)
{
    if (!hold(NULL, CURVE_NONE, ret, err))
        return false;
    (*ret)->n = n;
    (*ret)->e = e;
    return true;
}

/* Several threads may want it first; one copy stays. NULL: no memory. */
static EVP_PKEY *pkey_of(struct key_handle *handle)
{
    EVP_PKEY *pkey = atomic_load(&handle->pkey), *made;

    if (pkey || !(made = rsa_pkey(handle->n, handle->e)))
        return pkey;
    if (atomic_compare_exchange_strong(&handle->pkey, &pkey, made))
        return made;
    EVP_PKEY_free(made);
    return pkey;
}

EVP_PKEY *evp_of_pubkey(const struct pubkey *key) { return pkey_of(key_handle_of(key)); }

/* libcrypto refuses points that are not on the curve. */
bool key_handle_ec(enum ec_curve curve, struct bytes point, struct key_handle **ret, struct err *err)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, evp_group_name(curve), 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) == 1)
        pkey = pkey_from("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    if (pkey)
        return hold(pkey, curve, ret, err);
    evp_failed(err, ERR_MALFORMED, "EC key");
    return err_set(err, ERR_MALFORMED, "point is not on the curve %s", ec_curve_name(curve));
}

void key_handle_free(struct key_handle *handle)
{
    if (!handle)
        return;
    evp_prepared_free(atomic_load(&handle->prepared));
    EVP_PKEY_free(atomic_load(&handle->pkey));
    free(handle);
}

bool key_handle_verify(struct key_handle *handle, enum signature_scheme scheme, const struct digest *digest, struct bytes signature,
                       struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *pkey = pkey_of(handle);
    uint8_t der[SIGNATURE_EC_DER_MAX];

    if (!pkey)
        return evp_failed(err, ERR_NO_MEMORY, "public key");

    if (scheme == SIGNATURE_ECDSA) {
        if (!signature_to_der(handle->curve, signature, der, &signature.len, err))
            return false;
        signature.data = der;
    }
    ctx = evp_context(pkey, &handle->prepared, scheme, digest->algorithm, false);
    if (!ctx)
        return evp_failed(err, ERR_INTERNAL, "signature check");
    if (EVP_PKEY_verify(ctx, signature.data, signature.len, digest->value, digest_len(digest->algorithm)) == 1)
        return true;
    evp_failed(err, ERR_UNTRUSTED, "signature");
    return err_set(err, ERR_UNTRUSTED, "the signature is not this key's, or what it covers was changed");
}

bool evp_to_pubkey(EVP_PKEY *pkey, struct pubkey **ret, struct err *err)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    bool ok;

    if (len <= 0)
        return evp_failed(err, ERR_UNSUPPORTED, "public half of a key");
    ok = pubkey_from_spki((struct bytes){ der, (size_t)len }, ret, err);
    OPENSSL_free(der);
    return ok;
}
