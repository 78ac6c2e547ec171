#include "jose/jwk.h"
#include "base/base64.h"

static const struct {
    enum ec_curve curve;
    const char *name; /* RFC 7518 6.2.1.1 */
} curves[] = { { CURVE_P256, "P-256" }, { CURVE_P384, "P-384" }, { CURVE_P521, "P-521" } };

static bool need_number(struct arena *a, const struct json *json, const char *name, struct bytes *ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(json, name, &text, err))
        return false;
    return base64_decode(a, BASE64_URL, text, ret, err) || err_within(err, "member %s", name);
}

static bool rsa_key(struct arena *a, const struct json *json, struct pubkey **ret, struct err *err)
{
    struct bytes n, e;

    return need_number(a, json, "n", &n, err) && need_number(a, json, "e", &e, err) && pubkey_from_rsa(n, e, ret, err);
}

static bool ec_key(struct arena *a, const struct json *json, struct pubkey **ret, struct err *err)
{
    enum ec_curve curve = CURVE_NONE;
    struct bytes name, x, y;

    if (!json_need_string(json, "crv", &name, err) || !need_number(a, json, "x", &x, err) || !need_number(a, json, "y", &y, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (bytes_equal_string(name, curves[i].name))
            curve = curves[i].curve;
    /* 6.2.1.2: "The length of this octet string MUST be the full size of a coordinate for the curve" */
    if (curve != CURVE_NONE && (x.len != ec_curve_len(curve) || y.len != ec_curve_len(curve)))
        return err_set(err, ERR_MALFORMED, "coordinates are not as long as those of %s", ec_curve_name(curve));
    return pubkey_from_ec(curve, x, y, ret, err);
}

bool jwk_parse_certs(const struct json *x5c, struct cert *ret[static LIMIT_CHAIN_CERTS], size_t *ret_n, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    size_t n = 0;

    if (!x5c || x5c->type != JSON_ARRAY || x5c->array.n == 0)
        return err_set(err, ERR_MALFORMED, "x5c is not an array of certificates");
    if (x5c->array.n > LIMIT_CHAIN_CERTS)
        return err_set(err, ERR_LIMIT, "x5c has %zu certificates; at most %d are read", x5c->array.n, LIMIT_CHAIN_CERTS);
    for (; n < x5c->array.n; n++) {
        struct bytes der;

        /* RFC 7517 4.7: standard alphabet, not base64url. */
        if (!base64_decode(&a, BASE64_STANDARD, json_text(x5c->array.items[n], BYTES_NONE), &der, err) || !cert_parse(der, &ret[n], err)) {
            err_within(err, "x5c entry %zu", n + 1);
            while (n-- > 0)
                cert_free(ret[n]);
            return false;
        }
    }
    *ret_n = n;
    return true;
}

/* The key of its own members, of the first certificate, or of both when they agree. */
static bool read_key(struct arena *a, const struct json *json, struct jwk *jwk, struct err *err)
{
    const struct cert *leaf = jwk->n_certs > 0 ? jwk->certs[0] : NULL;
    struct bytes kty;

    if (!json_need_string(json, "kty", &kty, err))
        return false;
    if (bytes_equal_string(kty, "RSA") && (json_get(json, "n") || !leaf)) {
        if (!rsa_key(a, json, &jwk->key, err))
            return false;
    } else if (bytes_equal_string(kty, "EC") && (json_get(json, "x") || !leaf)) {
        if (!ec_key(a, json, &jwk->key, err))
            return false;
    } else if (!bytes_equal_string(kty, "RSA") && !bytes_equal_string(kty, "EC")) {
        return err_set(err, ERR_UNSUPPORTED, "key type is neither RSA nor EC");
    }
    if (!leaf)
        return true;
    if (!leaf->key)
        return err_set(err, ERR_UNSUPPORTED, "certificate: %s", leaf->key_problem);
    if (!jwk->key)
        jwk->key = pubkey_ref(leaf->key);
    if (!pubkey_equal(jwk->key, leaf->key))
        return err_set(err, ERR_MALFORMED, "the key and its certificate do not belong together");
    return (pubkey_type(jwk->key) == KEY_RSA) == bytes_equal_string(kty, "RSA") ||
           err_set(err, ERR_MALFORMED, "the certificate's key is not of the type that kty says");
}

bool jwk_parse(const struct json *json, struct jwk *ret, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct jwk jwk = { 0 };
    const struct json *x5c;

    if (!json || json->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "JWK: not an object");
    x5c = json_get(json, "x5c");
    if ((x5c && !jwk_parse_certs(x5c, jwk.certs, &jwk.n_certs, err)) || !read_key(&a, json, &jwk, err)) {
        jwk_done(&jwk);
        return err_within(err, "JWK");
    }
    jwk.kid = json_text(json_get(json, "kid"), BYTES_NONE);
    jwk.alg = json_text(json_get(json, "alg"), BYTES_NONE);
    jwk.use = json_text(json_get(json, "use"), BYTES_NONE);
    *ret = jwk;
    return true;
}

void jwk_done(struct jwk *jwk)
{
    pubkey_free(jwk->key);
    for (size_t i = 0; i < jwk->n_certs; i++)
        cert_free(jwk->certs[i]);
    *jwk = (struct jwk){ 0 };
}

void jwk_write_key(struct json_out *out, const struct pubkey *key)
{
    if (pubkey_type(key) == KEY_RSA) {
        json_put_string(out, "kty", "RSA");
        json_put_base64url(out, "n", pubkey_rsa_n(key));
        json_put_base64url(out, "e", pubkey_rsa_e(key));
        return;
    }
    json_put_string(out, "kty", "EC");
    json_put_string(out, "crv", ec_curve_name(pubkey_curve(key)));
    json_put_base64url(out, "x", pubkey_ec_x(key));
    json_put_base64url(out, "y", pubkey_ec_y(key));
}

void jwk_write_certs(struct json_out *out, const struct cert *const *certs, size_t n)
{
    struct writer text = { 0 };

    json_begin_array(out, "x5c");
    for (size_t i = 0; i < n; i++) {
        writer_reset(&text);
        base64_write(&text, BASE64_STANDARD, certs[i]->der);
        if (!writer_ok(&text))
            out->to->bad = true;
        json_put_bytes(out, NULL, writer_bytes(&text));
    }
    json_end(out);
    writer_done(&text);
}

/* RFC 7638 3.2: the required members in the order of their names, without white space. */
void jwk_thumbprint(const struct pubkey *key, struct digest *ret)
{
    struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    if (pubkey_type(key) == KEY_RSA) {
        json_put_base64url(&out, "e", pubkey_rsa_e(key));
        json_put_string(&out, "kty", "RSA");
        json_put_base64url(&out, "n", pubkey_rsa_n(key));
    } else {
        json_put_string(&out, "crv", ec_curve_name(pubkey_curve(key)));
        json_put_string(&out, "kty", "EC");
        json_put_base64url(&out, "x", pubkey_ec_x(key));
        json_put_base64url(&out, "y", pubkey_ec_y(key));
    }
    json_end(&out);
    if (writer_ok(&w))
        digest_compute(DIGEST_SHA256, writer_bytes(&w), ret);
    else
        *ret = (struct digest){ 0 }; /* no memory: no digest, equal to none */
    writer_done(&w);
}
