#include "crypto/privkey.h"
#include <limits.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include "crypto/evp.h"
#include "crypto/signature.h"

struct privkey {
    EVP_PKEY *pkey;
    struct pubkey *public;
    _Atomic(struct evp_prepared *) prepared; /* for signing */
};

static void bio_free_at(BIO **bio) { BIO_free(*bio); }

/* Takes `pkey` over. The public half goes through the same checks as everybody's key. */
static bool adopt(EVP_PKEY *pkey, struct privkey **ret, struct err *err)
{
    CLEANUP(privkey_free_at) struct privkey *key = calloc(1, sizeof *key);

    if (!key) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_NO_MEMORY, "private key");
    }
    key->pkey = pkey;
    if (!evp_to_pubkey(pkey, &key->public, err))
        return err_within(err, "private key");
    *ret = TAKE(key);
    return true;
}

bool privkey_generate(enum privkey_kind kind, struct privkey **ret, struct err *err)
{
    EVP_PKEY *pkey = NULL;

    switch (kind) {
    case PRIVKEY_RSA_2048:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        break;
    case PRIVKEY_RSA_3072:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
        break;
    case PRIVKEY_P256:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        break;
    }
    if (!pkey)
        return evp_failed(err, ERR_INTERNAL, "making a key");
    return adopt(pkey, ret, err);
}

/* Without it libcrypto would ask for a pass phrase on the terminal. */
static int no_passphrase(char *buffer UNUSED, int size UNUSED, int writing UNUSED, void *user UNUSED) { return -1; }

bool privkey_from_pem(struct bytes pem, struct privkey **ret, struct err *err)
{
    CLEANUP(bio_free_at) BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    if (!pkey)
        return evp_failed(err, ERR_MALFORMED, "PEM private key");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (!ctx || EVP_PKEY_pairwise_check(ctx) != 1) {
        EVP_PKEY_free(pkey);
        return evp_failed(err, ERR_MALFORMED, "PEM private key: its two halves do not belong together");
    }
    return adopt(pkey, ret, err);
}

bool privkey_to_pem(const struct privkey *key, struct arena *a, struct bytes *ret, struct err *err)
{
    CLEANUP(bio_free_at) BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL, *copy;
    long len;

    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        return evp_failed(err, ERR_INTERNAL, "writing a private key");
    len = BIO_get_mem_data(bio, &text);
    copy = len > 0 ? arena_string(a, (struct bytes){ (const uint8_t *)text, (size_t)len }) : NULL;
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "writing a private key");
    *ret = bytes_of_string(copy);
    return true;
}

/* libcrypto clears the private numbers itself. */
void privkey_free(struct privkey *key)
{
    if (!key)
        return;
    evp_prepared_free(atomic_load(&key->prepared));
    EVP_PKEY_free(key->pkey);
    pubkey_free(key->public);
    free(key);
}

void privkey_free_at(struct privkey **key) { privkey_free(*key); }

const struct pubkey *privkey_public(const struct privkey *key) { return key->public; }

bool privkey_sign(const struct privkey *key, enum signature_scheme scheme, enum digest_algorithm hash, struct bytes message,
                  uint8_t ret_signature[static PRIVKEY_SIGNATURE_MAX], size_t *ret_len, struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = NULL;
    enum key_type type = pubkey_type(key->public);
    uint8_t made[PRIVKEY_SIGNATURE_MAX];
    size_t len = sizeof made;
    struct digest digest;

    if (!digest_is_strong(hash) || (scheme == SIGNATURE_ECDSA) != (type == KEY_EC))
        return err_set(err, ERR_UNSUPPORTED, "this key does not sign that way");
    digest_compute(hash, message, &digest);
    ctx = evp_context(key->pkey, &((struct privkey *)key)->prepared, scheme, hash, true); /* what the key stands for does not change */
    if (!ctx || EVP_PKEY_sign(ctx, made, &len, digest.value, digest_len(hash)) != 1)
        return evp_failed(err, ERR_INTERNAL, "signing");
    if (type == KEY_EC)
        return signature_from_der(pubkey_curve(key->public), (struct bytes){ made, len }, ret_signature, ret_len, err);
    memcpy(ret_signature, made, len);
    *ret_len = len;
    return true;
}

/* Both paddings end here. The error is one and the same whatever went wrong. */
static bool decrypt(EVP_PKEY_CTX *ctx, struct bytes cipher, uint8_t *ret_plain, size_t *ret_len, struct err *err)
{
    size_t len = PRIVKEY_PLAIN_MAX;

    if (EVP_PKEY_decrypt(ctx, ret_plain, &len, cipher.data, cipher.len) != 1) {
        wipe(ret_plain, PRIVKEY_PLAIN_MAX);
        ERR_clear_error();
        return err_set(err, ERR_UNTRUSTED, "does not decrypt");
    }
    *ret_len = len;
    return true;
}

bool privkey_decrypt_oaep(const struct privkey *key, enum digest_algorithm hash, struct bytes label, struct bytes cipher,
                          uint8_t ret_plain[static PRIVKEY_PLAIN_MAX], size_t *ret_len, struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

    if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 || !evp_set_oaep(ctx, hash, label))
        return evp_failed(err, ERR_UNSUPPORTED, "OAEP decryption");
    return decrypt(ctx, cipher, ret_plain, ret_len, err);
}

bool privkey_decrypt_pkcs1(const struct privkey *key, struct bytes cipher, uint8_t ret_plain[static PRIVKEY_PLAIN_MAX], size_t *ret_len,
                           struct err *err)
{
    CLEANUP(evp_pkey_ctx_free_at) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

    if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return evp_failed(err, ERR_UNSUPPORTED, "RSAES decryption");
    return decrypt(ctx, cipher, ret_plain, ret_len, err);
}

bool privkey_ecdh(const struct privkey *key, const struct pubkey *peer, uint8_t ret_x[static 66], size_t *ret_len, struct err *err)
{
    if (pubkey_type(key->public) != KEY_EC || pubkey_curve(key->public) != pubkey_curve(peer))
        return err_set(err, ERR_UNSUPPORTED, "keys of different curves have no shared secret");
    return evp_ecdh(key->pkey, evp_of_pubkey(peer), ec_curve_len(pubkey_curve(peer)), ret_x, ret_len, err);
}
