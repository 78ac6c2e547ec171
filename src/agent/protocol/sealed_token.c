#include "agent/protocol/sealed_token.h"
#include "base/base64.h"
#include "base/limits.h"
#include "crypto/aead.h"
#include "json/parse.h"

enum { INNER_KEY_MAX = 512 };

/* Informative members: absent is fine, another algorithm is not. */
static bool check_word(const struct json *params, const char *name, const char *wanted, struct err *err)
{
    const struct json *word = json_get(params, name);

    return !word || word->type == JSON_NULL || json_is_string(word, wanted) ||
           err_set(err, ERR_UNSUPPORTED, "EncryptionParams.%s is not %s", name, wanted);
}

static bool read_params(struct arena *a, const struct json *params, struct sealed_token *ret, struct err *err)
{
    const struct json *bits = json_get(params, "KeySizeInBits");
    int64_t n = 0;

    if (!check_word(params, "Cipher", "AES", err) || !check_word(params, "BlockMode", "ChainingModeGCM", err) ||
        !json_need_base64(a, params, "Iv", LIMIT_SEALED_TOKEN_BYTES, &ret->iv, err))
        return false;
    if (bits && bits->type != JSON_NULL && (!json_as_integer(bits, &n) || (n != 128 && n != 192 && n != 256)))
        return err_set(err, ERR_UNSUPPORTED, "EncryptionParams.KeySizeInBits is not 128, 192 or 256");
    ret->key_bits = (unsigned)n;
    return true;
}

/* Some make it 257 octets, with a zero in front as a signed number has. */
static void trim_inner_key(struct bytes *key)
{
    if (key->len > 1 && key->len % 2 == 1 && key->data[0] == 0)
        *key = bytes_slice(*key, 1, key->len - 1);
}

bool sealed_token_read(struct arena *a, const struct json *answer, struct sealed_token *ret, struct err *err)
{
    const struct json *token = answer && answer->type == JSON_OBJECT ? json_get(answer, "token") : answer, *sealed;
    struct bytes text;

    *ret = (struct sealed_token){ 0 };
    if (!token || token->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "the answer has no token");
    if (token->string.len > LIMIT_SEALED_TOKEN_BYTES)
        return err_set(err, ERR_LIMIT, "a token of %zu characters", token->string.len);
    if (!base64_decode_any(a, token->string, &text, err) || !json_parse(a, text, NULL, &sealed, err) ||
        !json_need_base64(a, sealed, "EncryptedInnerKey", LIMIT_SEALED_TOKEN_BYTES, &ret->inner_key, err) ||
        !read_params(a, json_get(sealed, "EncryptionParams"), ret, err) ||
        !json_need_base64(a, sealed, "AuthenticationData", LIMIT_SEALED_TOKEN_BYTES, &ret->tag, err) ||
        !json_need_base64(a, sealed, "Jwt", LIMIT_SEALED_TOKEN_BYTES, &ret->cipher, err))
        return err_within(err, "token");
    trim_inner_key(&ret->inner_key);
    if (!ret->inner_key.len || ret->inner_key.len > INNER_KEY_MAX)
        return err_set(err, ERR_LIMIT, "token: EncryptedInnerKey has %zu bytes", ret->inner_key.len);
    if (ret->iv.len != AEAD_IV_LEN || ret->tag.len != AEAD_TAG_LEN)
        return err_set(err, ERR_MALFORMED, "token: Iv of %zu bytes and AuthenticationData of %zu; %d and %d are expected", ret->iv.len,
                       ret->tag.len, AEAD_IV_LEN, AEAD_TAG_LEN);
    return true;
}

static bool is_jwt(struct bytes text)
{
    size_t dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '.')
            dots++;
        else if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_'))
            return false;
    }
    return dots == 2 && text.data[0] != '.';
}

bool sealed_token_open(struct arena *a, const struct sealed_token *token, struct bytes key, struct bytes *ret_jwt, struct err *err)
{
    uint8_t *plain;

    if ((key.len != 16 && key.len != 24 && key.len != 32) || (token->key_bits && token->key_bits != 8 * key.len))
        return err_set(err, ERR_MALFORMED, "token: an inner key of %zu bytes; 16, 24 or 32 are expected, or what KeySizeInBits says: %u",
                       key.len, token->key_bits);
    plain = arena_alloc(a, token->cipher.len + 1);
    if (!plain)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    if (!aead_open_sized(key, token->iv.data, BYTES_LIT("Transport Key"), token->cipher, token->tag.data, plain, err))
        return err_within(err, "token of %zu bytes", token->cipher.len);
    *ret_jwt = (struct bytes){ plain, token->cipher.len };
    return is_jwt(*ret_jwt) ? true : err_set(err, ERR_MALFORMED, "token: what was sealed is no JWT");
}
