/* Keys and signatures in the forms that people and TPMs hand over: PEM, SubjectPublicKeyInfo, JWK, DER and raw ECDSA. A key that was
 * accepted is strong enough, and the same key in every form that it can be written in. */
#include "crypto/der.h"
#include "crypto/privkey.h"
#include "crypto/signature.h"
#include "fuzz.h"
#include "jose/jwk.h"
#include "json/parse.h"

/* JSON nodes, PEM text of keys, OIDs in words. */
enum { BYTES_PER_BYTE = 256, FIXED = 64 * 1024 };

static void key_is_sound(struct arena *a, const struct pubkey *key)
{
    struct pubkey *again = NULL;
    struct err err = ERR_INIT;
    char *pem = pubkey_pem(key, a);

    ENSURE(pubkey_bits(key) >= (pubkey_type(key) == KEY_RSA ? 2048u : 256u));
    ENSURE(pubkey_from_spki(pubkey_spki(key), &again, &err) && pubkey_equal(key, again));
    pubkey_free(again);
    again = NULL;
    ENSURE(pem && pubkey_from_pem(bytes_of_string(pem), &again, &err) && pubkey_equal(key, again));
    pubkey_free(again);
    ENSURE(!pubkey_verify(key, pubkey_type(key) == KEY_RSA ? SIGNATURE_RSASSA : SIGNATURE_ECDSA, DIGEST_SHA256, BYTES_LIT("x"),
                          BYTES_LIT("not a signature"), &err));
}

static void as_pem(struct arena *a, struct bytes input)
{
    struct pubkey *key = NULL;
    struct privkey *private_key = NULL;
    struct err err = ERR_INIT;

    if (pubkey_from_pem(input, &key, &err))
        key_is_sound(a, key);
    else
        ENSURE(err.code != ERR_NONE && err.text[0] && !key);
    pubkey_free(key);
    err = ERR_INIT;
    if (privkey_from_pem(input, &private_key, &err))
        key_is_sound(a, privkey_public(private_key));
    else
        ENSURE(err.code != ERR_NONE && err.text[0] && !private_key);
    privkey_free(private_key);
}

static void as_jwk(struct arena *a, struct bytes input)
{
    const struct json *json;
    struct jwk jwk;
    struct err err = ERR_INIT;

    if (!json_parse(a, input, NULL, &json, &err))
        return;
    if (!jwk_parse(json, &jwk, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    ENSURE(jwk.key && jwk.n_certs <= LIMIT_CHAIN_CERTS);
    key_is_sound(a, jwk.key);
    jwk_done(&jwk);
}

static void ecdsa(struct bytes input)
{
    static const enum ec_curve curves[] = { CURVE_P256, CURVE_P384, CURVE_P521 };
    uint8_t raw[SIGNATURE_EC_RAW_MAX], der[SIGNATURE_EC_DER_MAX];
    size_t len, der_len;

    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        struct err err = ERR_INIT;
        if (!signature_from_der(curves[i], input, raw, &len, &err)) {
            ENSURE(err.code != ERR_NONE && err.text[0]);
            continue;
        }
        ENSURE(len == 2 * ec_curve_len(curves[i]));
        ENSURE(signature_to_der(curves[i], (struct bytes){ raw, len }, der, &der_len, &err));
        ENSURE(bytes_equal(input, (struct bytes){ der, der_len })); /* strict DER: one spelling */
    }
}

/* Every reader of one element: what it gives lies inside, and it moves exactly when it succeeds. */
static void elements(struct arena *a, struct bytes input)
{
    struct reader r = reader_over(input), before;
    struct bytes content, whole, value;
    unsigned tag, bits;
    uint32_t small;
    int64_t ms;
    bool yes;

    while (before = r, der_read_any(&r, &tag, &content, &whole)) {
        struct reader t = before, u = before;
        ENSURE(r.offset == before.offset + whole.len && whole.len >= 2 + content.len);
        ENSURE(lies_within(whole, input.data, input.len) && lies_within(content, whole.data, whole.len));
        ENSURE(der_read(&t, tag, &value) && bytes_equal(value, content) && t.offset == r.offset);
        if (der_read_integer(&u, &value))
            ENSURE(tag == DER_INTEGER && value.len > 0);
        u = before;
        if (der_read_unsigned(&u, &value))
            ENSURE(tag == DER_INTEGER && value.len > 0 && (value.len == 1 || value.data[0] != 0));
        u = before;
        if (der_read_small(&u, &small))
            ENSURE(tag == DER_INTEGER && small <= INT32_MAX);
        u = before;
        if (der_read_boolean(&u, &yes))
            ENSURE(tag == DER_BOOLEAN && content.len == 1);
        u = before;
        if (der_read_oid(&u, &value))
            ENSURE(tag == DER_OID && (der_oid_text(a, value) || value.len > 9)); /* arcs beyond 64 bits have no text */
        u = before;
        if (der_read_bit_bytes(&u, &value))
            ENSURE(tag == DER_BIT_STRING && lies_within(value, content.data, content.len));
        u = before;
        if (der_read_named_bits(&u, &bits))
            ENSURE(tag == DER_BIT_STRING && bits <= 0xffff);
        u = before;
        if (der_read_time(&u, &ms))
            ENSURE((tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME) && u.offset == r.offset);
        else
            ENSURE(u.offset == before.offset);
    }
    ENSURE(r.offset == before.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes input = { data, size };
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;

    arena_reset(&a);
    if (pubkey_from_spki(input, &key, &err)) {
        key_is_sound(&a, key);
        ENSURE(bytes_equal(pubkey_spki(key), input)); /* nothing may follow, and there is one encoding */
    } else {
        ENSURE(err.code != ERR_NONE && err.text[0] && !key);
    }
    pubkey_free(key);
    if (bytes_find(input, BYTES_LIT("-----")) != SIZE_MAX) /* libcrypto's reader is slow: not for what it refuses at once */
        as_pem(&a, input);
    as_jwk(&a, input);
    ecdsa(input);
    elements(&a, input);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
