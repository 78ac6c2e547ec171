#include "attestation/protocol/bound_key.h"
#include <strings.h>
#include "base/limits.h"
#include "tpm/certify.h"

/* SHA-1 never. */
static const struct {
    const char *name;
    enum digest_algorithm hash;
} quote_hashes[] = { { "sha-256", DIGEST_SHA256 }, { "sha-384", DIGEST_SHA384 }, { "sha-512", DIGEST_SHA512 } };

static bool read_quote(const struct json *quote, struct bound_key *k, struct err *err)
{
    struct bytes name;

    if (!json_need_string(quote, "hash_alg", &name, err))
        return err_within(err, "info.tpm_quote");
    for (size_t i = 0; i < ARRAY_LEN(quote_hashes); i++)
        if (name.len == strlen(quote_hashes[i].name) && strncasecmp((const char *)name.data, quote_hashes[i].name, name.len) == 0) {
            k->binding = KEY_BOUND_BY_QUOTE;
            k->hash = quote_hashes[i].hash;
            return true;
        }
    return err_set(err, ERR_UNSUPPORTED, "info.tpm_quote.hash_alg is not sha-256, sha-384 or sha-512");
}

static bool read_certify(struct arena *a, const struct json *certify, struct bound_key *k, struct err *err)
{
    struct tpm_public pub;
    const struct {
        const char *name;
        struct bytes *to;
    } parts[] = { { "public", &k->public }, { "certification", &k->certification }, { "signature", &k->signature } };

    k->binding = KEY_CERTIFIED;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!json_need_base64(a, certify, parts[i].name, LIMIT_SMALL_BODY_BYTES, parts[i].to, err))
            return err_within(err, "info.tpm_certify");
    return tpm_public_decode(k->public, &pub, err) || err_within(err, "info.tpm_certify.public");
}

bool bound_key_read(struct arena *a, const struct json *key, struct bound_key *ret, struct err *err)
{
    const struct json *info = json_get(key, "info"), *quote = json_get(info, "tpm_quote"), *certify = json_get(info, "tpm_certify"), *jwk;
    struct bound_key k = { .binding = KEY_UNBOUND };
    bool fine = true;

    if (quote && certify)
        return err_set(err, ERR_MALFORMED, "info has both tpm_quote and tpm_certify");
    if (!json_need_object(key, "jwk", &jwk, err) || !jwk_parse(jwk, &k.jwk, err))
        return false;
    k.text = jwk;
    if (quote)
        fine = read_quote(quote, &k, err);
    else if (certify)
        fine = read_certify(a, certify, &k, err);
    if (fine)
        *ret = k;
    else
        bound_key_done(&k);
    return fine;
}

void bound_key_done(struct bound_key *key) { jwk_done(&key->jwk); }

static bool is_the_key_of(const struct bound_key *key, const struct tpm_public *pub)
{
    struct pubkey *certified CLEANUP(pubkey_free_at) = NULL;
    struct err ignored = ERR_INIT;

    return tpm_public_key(pub, &certified, &ignored) && pubkey_equal(certified, key->jwk.key);
}

bool bound_key_check(const struct bound_key *key, const struct pubkey *ak, struct bytes challenge, struct bytes qualified_signer,
                     struct findings *findings, struct err *err)
{
    struct tpm_public pub;
    const struct certify_claim claim = {
        .attest = key->certification, .signature = key->signature, .form = SIGNATURE_FORM_TPMT, .object = &pub
    };
    const struct certify_expectations want = { .ak = ak, .nonce = challenge, .qualified_signer = qualified_signer };

    if (key->binding != KEY_CERTIFIED)
        return true;
    if (!tpm_public_decode(key->public, &pub, err)) /* it did when it was read */
        return err_set(err, ERR_NO_MEMORY, "no memory for a certified key");
    if (!is_the_key_of(key, &pub))
        findings_add(findings, FINDING_CERTIFY_NAME, FINDING_NO_PCR, FINDING_NO_EVENT, "tpm_certify.public is another key than jwk");
    return certify_check(&claim, &want, findings, err) || err->code != ERR_NO_MEMORY;
}

static void write_certified(struct json_out *out, const struct bound_key *key)
{
    struct err ignored = ERR_INIT;
    struct tpm_public pub;

    if (!tpm_public_decode(key->public, &pub, &ignored))
        return;
    json_begin_object(out, "tpm_certify");
    json_put_integer(out, "name_alg", digest_tpm_id(pub.name_algorithm));
    json_put_integer(out, "obj_attr", pub.attributes);
    if (pub.policy.len)
        json_put_base64url(out, "auth_policy", pub.policy);
    json_end(out);
}

void bound_key_write(struct json_out *out, const char *name, const struct bound_key *key)
{
    json_begin_object(out, name);
    json_begin_object(out, "jwk");
    jwk_write_key(out, key->jwk.key);
    json_end(out);
    json_begin_object(out, "info");
    if (key->binding == KEY_CERTIFIED)
        write_certified(out, key);
    for (size_t i = 0; key->binding == KEY_BOUND_BY_QUOTE && i < ARRAY_LEN(quote_hashes); i++)
        if (quote_hashes[i].hash == key->hash) {
            json_begin_object(out, "tpm_quote");
            json_put_string(out, "hash_alg", quote_hashes[i].name);
            json_end(out);
        }
    json_end(out);
    json_end(out);
}
