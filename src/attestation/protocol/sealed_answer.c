#include "attestation/protocol/sealed_answer.h"
#include "base/base64.h"
#include "crypto/encrypt.h"
#include "crypto/random.h"
#include "json/write.h"

#define TRANSPORT_KEY BYTES_LIT("Transport Key")

bool sealing_secret_new(struct sealing_secret *ret, struct err *err)
{
    return random_bytes(ret->key, sizeof ret->key, err) && random_bytes(ret->iv, sizeof ret->iv, err);
}

static bool wrap_key(const struct sealing_secret *secret, const struct pubkey *enc_key, const struct tpm_scheme *scheme,
                     uint8_t ret[static ENCRYPT_RSA_MAX], size_t *ret_len, struct err *err)
{
    if (scheme->algorithm == TPM_ALG_OAEP)
        return encrypt_rsa_oaep(enc_key, digest_from_tpm_id(scheme->hash), BYTES_NONE, BYTES_OF(secret->key), ret, ret_len, err);
    return encrypt_rsa_pkcs1(enc_key, BYTES_OF(secret->key), ret, ret_len, err);
}

static void put_base64(struct json_out *out, struct arena *a, const char *name, struct bytes b)
{
    const char *text = base64_in(a, BASE64_STANDARD, b);

    out->to->bad |= !text;
    json_put_string(out, name, text);
}

static void write_answer(struct json_out *out, struct arena *a, const struct sealing_secret *secret, struct bytes tag, struct bytes wrapped,
                         struct bytes cipher)
{
    json_begin_object(out, NULL);
    put_base64(out, a, "AuthenticationData", tag);
    put_base64(out, a, "EncryptedInnerKey", wrapped);
    json_begin_object(out, "EncryptionParams");
    json_put_string(out, "BlockMode", "ChainingModeGCM");
    json_put_string(out, "BlockPadding", "PKCS7"); /* a label: GCM has no padding */
    json_put_string(out, "Cipher", "AES");
    put_base64(out, a, "Iv", BYTES_OF(secret->iv));
    json_put_integer(out, "KeySizeInBits", 8 * AEAD_KEY_LEN);
    json_end(out);
    put_base64(out, a, "Jwt", cipher);
    json_end(out);
}

bool sealed_answer_make(struct arena *a, const struct sealing_secret *secret, const struct pubkey *enc_key, const struct tpm_scheme *scheme,
                        struct bytes token, struct bytes *ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    uint8_t tag[AEAD_TAG_LEN], wrapped[ENCRYPT_RSA_MAX], *cipher = arena_alloc(a, token.len);
    size_t wrapped_len;

    if (!cipher)
        return err_set(err, ERR_NO_MEMORY, "no memory for the answer");
    if (!wrap_key(secret, enc_key, scheme, wrapped, &wrapped_len, err) ||
        !aead_seal(secret->key, secret->iv, TRANSPORT_KEY, token, cipher, tag, err))
        return err_within(err, "sealing the answer");
    write_answer(&out, a, secret, BYTES_OF(tag), (struct bytes){ wrapped, wrapped_len }, (struct bytes){ cipher, token.len });
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), ret))
        return err_set(err, ERR_NO_MEMORY, "no memory for the answer");
    return true;
}
