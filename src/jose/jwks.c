#include "jose/jwks.h"
#include <stdlib.h>
#include "base/base64.h"

/* ---- kids ---- */

static void encode(enum base64_alphabet alphabet, struct bytes digest, char ret[static JWKS_KID_MAX])
{
    struct writer w = { 0 };

    base64_write(&w, alphabet, digest);
    ret[0] = '\0';
    if (writer_ok(&w) && w.len < JWKS_KID_MAX) {
        memcpy(ret, w.data, w.len);
        ret[w.len] = '\0';
    }
    writer_done(&w);
}

void kid_of_public_key(const struct pubkey *key, char ret[static JWKS_KID_MAX])
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *pem = pubkey_pem(key, &a);
    struct digest d;

    ret[0] = '\0';
    if (!pem)
        return;
    digest_compute(DIGEST_SHA256, (struct bytes){ (const uint8_t *)pem, strlen(pem) + 1 }, &d); /* the NUL belongs to it */
    encode(BASE64_STANDARD, digest_bytes(&d), ret);
}

void kid_of_certificate(const struct cert *cert, char ret[static JWKS_KID_MAX])
{
    uint8_t sha1[CERT_SHA1_LEN];

    cert_sha1(cert, sha1);
    encode(BASE64_URL, BYTES_OF(sha1), ret);
}

/* ---- keys that sign ---- */

static bool fill(struct signing_key *k, struct bytes key_pem, const struct cert *const *chain, size_t n_chain, struct err *err)
{
    if (n_chain == 0 || n_chain > LIMIT_CHAIN_CERTS)
        return err_set(err, ERR_LIMIT, "a signing key has 1 to %d certificates, not %zu", LIMIT_CHAIN_CERTS, n_chain);
    if (!privkey_from_pem(key_pem, &k->key, err))
        return false;
    if (!chain[0]->key || !pubkey_equal(chain[0]->key, privkey_public(k->key)))
        return err_set(err, ERR_UNTRUSTED, "the key and its certificate do not belong together");
    for (; k->n_chain < n_chain; k->n_chain++)
        k->chain[k->n_chain] = cert_ref(chain[k->n_chain]);
    if (pubkey_type(privkey_public(k->key)) == KEY_RSA)
        k->algorithm = JWS_RS256;
    else if (pubkey_curve(privkey_public(k->key)) == CURVE_P256)
        k->algorithm = JWS_ES256;
    else
        return err_set(err, ERR_UNSUPPORTED, "tokens are signed with RS256 or ES256");
    if (k->family == SIGNING_SELF_SIGNED)
        kid_of_public_key(privkey_public(k->key), k->kid);
    else
        kid_of_certificate(k->chain[0], k->kid);
    return k->kid[0] != '\0' || err_set(err, ERR_NO_MEMORY, "kid");
}

static bool make_report_header(struct signing_key *k, bool omit_x5c, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    char x5t[JWKS_KID_MAX];

    json_begin_object(&out, NULL);
    json_put_string(&out, "typ", "JWT");
    json_put_string(&out, "alg", jws_algorithm_name(k->algorithm));
    if (omit_x5c) {
        kid_of_certificate(k->chain[0], x5t);
        json_put_string(&out, "x5t", x5t);
    } else {
        jwk_write_certs(&out, (const struct cert *const *)k->chain, k->n_chain);
    }
    json_put_string(&out, "kid", k->kid);
    json_end(&out);
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "token");
    return jws_header_make(&k->arena, k->algorithm, writer_bytes(&w), &k->report_headers[omit_x5c], err);
}

bool signing_key_init(struct signing_key *k, enum signing_family family, struct bytes key_pem, const struct cert *const *chain,
                      size_t n_chain, struct err *err)
{
    *k = (struct signing_key){ .family = family };
    if (fill(k, key_pem, chain, n_chain, err) && make_report_header(k, false, err) && make_report_header(k, true, err))
        return true;
    signing_key_done(k);
    return err_within(err, "signing key");
}

void signing_key_done(struct signing_key *k)
{
    privkey_free(k->key);
    for (size_t i = 0; i < k->n_chain; i++)
        cert_free(k->chain[i]);
    arena_done(&k->arena);
    *k = (struct signing_key){ 0 };
}

static bool sign(const struct signing_key *k, struct arena *a, struct writer *header, struct bytes payload, struct bytes *ret_compact,
                 struct err *err)
{
    bool ok = writer_ok(header) ? jws_sign(a, k->key, k->algorithm, writer_bytes(header), payload, ret_compact, err)
                                : err_set(err, ERR_NO_MEMORY, "token");

    writer_done(header);
    return ok;
}

bool signing_key_sign_token(const struct signing_key *k, struct arena *a, const char *jku, struct bytes payload, struct bytes *ret_compact,
                            struct err *err)
{
    struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "alg", jws_algorithm_name(k->algorithm));
    if (jku)
        json_put_string(&out, "jku", jku);
    json_put_string(&out, "kid", k->kid);
    json_put_string(&out, "typ", "JWT");
    json_end(&out);
    return sign(k, a, &w, payload, ret_compact, err);
}

bool signing_key_sign_report(const struct signing_key *k, struct arena *a, bool omit_x5c, struct bytes payload, struct bytes *ret_compact,
                             struct err *err)
{
    return jws_sign_ready(a, k->key, &k->report_headers[omit_x5c], payload, ret_compact, err);
}

/* ---- key lists ---- */

static void write_published(struct json_out *out, const struct published_key *key)
{
    const struct pubkey *public = key->chain[0]->key;

    json_begin_object(out, NULL);
    jwk_write_certs(out, key->chain, key->n_chain);
    json_put_string(out, "kid", key->kid);
    jwk_write_key(out, public);
    json_put_string(out, "use", "sig");
    json_put_string(out, "alg", jws_algorithm_name(key->algorithm));
    json_end(out);
}

void jwks_write(struct json_out *out, const struct published_key *keys, size_t n)
{
    json_begin_object(out, NULL);
    json_begin_array(out, "keys");
    for (size_t i = 0; i < n; i++)
        write_published(out, &keys[i]);
    json_end(out);
    json_end(out);
}

bool jwks_parse(const struct json *json, struct jwks **ret, struct err *err)
{
    CLEANUP(jwks_free_at) struct jwks *jwks = NULL;
    const struct json *keys;

    if (!json_need_array(json, "keys", &keys, err))
        return err_within(err, "key list");
    jwks = calloc(1, sizeof *jwks);
    if (!jwks)
        return err_set(err, ERR_NO_MEMORY, "key list");
    for (size_t i = 0; i < keys->array.n; i++) {
        struct err ignored = ERR_INIT;

        if (jwks->n == JWKS_KEYS_MAX)
            return err_set(err, ERR_LIMIT, "key list: more than %d keys", JWKS_KEYS_MAX);
        if (jwk_parse(keys->array.items[i], &jwks->keys[jwks->n], &ignored))
            jwks->n++;
        else
            jwks->n_skipped++;
    }
    *ret = TAKE(jwks);
    return true;
}

void jwks_free(struct jwks *jwks)
{
    for (size_t i = 0; jwks && i < jwks->n; i++)
        jwk_done(&jwks->keys[i]);
    free(jwks);
}

void jwks_free_at(struct jwks **jwks) { jwks_free(*jwks); }

const struct jwk *jwks_find(const struct jwks *jwks, struct bytes kid)
{
    const struct jwk *found = NULL;

    for (size_t i = 0; i < jwks->n; i++)
        if (kid.len > 0 && bytes_equal(jwks->keys[i].kid, kid)) {
            if (found)
                return NULL;
            found = &jwks->keys[i];
        }
    return found;
}

bool jwks_verify(struct arena *a, const struct jwks *jwks, const struct jws *jws, unsigned allowed, const struct verified_jws **ret,
                 struct err *err)
{
    const struct jwk *jwk = jwks_find(jwks, jws->kid);
    enum jws_algorithm pinned;

    if (!jwk)
        return err_set(err, ERR_NOT_FOUND, "token: its key is not in the issuer's list, or not once");
    if (jwk->use.len > 0 && !bytes_equal_string(jwk->use, "sig"))
        return err_set(err, ERR_UNTRUSTED, "token: the issuer's key is not for signatures");
    if (jwk->alg.len > 0) {
        if (!jws_algorithm_from_name(jwk->alg, &pinned))
            return err_set(err, ERR_UNSUPPORTED, "token: the issuer's key is for an algorithm that is not accepted");
        allowed &= JWS_ALLOW(pinned);
    }
    return jws_verify(a, jws, jwk->key, allowed, ret, err);
}
