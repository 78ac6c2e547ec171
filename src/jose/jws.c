#include "jose/jws.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "base/writer.h"
#include "crypto/privkey.h"
#include "jose/jwk.h"
#include "json/parse.h"

enum { HEADER_DEPTH = 8 };

struct algorithm {
    const char *name;
    enum key_type key;
    enum signature_scheme scheme;
    enum digest_algorithm hash;
    enum ec_curve curve;
};

static const struct algorithm algorithms[JWS_ALGORITHM_COUNT] = {
#define X(name, text, key, scheme, hash, curve) [JWS_##name] = { text, key, scheme, hash, curve },
    JWS_ALGORITHMS(X)
#undef X
};

struct verified_jws {
    const struct json *header;
    struct bytes payload;
};

const char *jws_algorithm_name(enum jws_algorithm algorithm) { return algorithms[algorithm].name; }

bool jws_algorithm_from_name(struct bytes name, enum jws_algorithm *ret)
{
    for (unsigned i = 0; i < JWS_ALGORITHM_COUNT; i++)
        if (bytes_equal_string(name, algorithms[i].name)) {
            *ret = i;
            return true;
        }
    return false;
}

unsigned jws_algorithms_of(const struct pubkey *key)
{
    unsigned allowed = 0;

    for (unsigned i = 0; i < JWS_ALGORITHM_COUNT; i++)
        if (algorithms[i].key == pubkey_type(key) && algorithms[i].curve == pubkey_curve(key))
            allowed |= JWS_ALLOW(i);
    return allowed;
}

/* ---- reading ---- */

/* How the base64url of a message may be spelled. */
enum spelling { SPELLED_STRICTLY /* RFC 7515 */, SPELLED_LOOSELY /* padded or not, either alphabet */ };

struct parts {
    struct bytes compact, signing_input;
    const struct json *header;
    struct bytes algorithm, payload, signature;
};

/* base64_decode lets padding be there or not; a JWS has none, so that one message has one spelling (RFC 7515 2). */
static bool decode_part(struct arena *a, struct bytes text, enum spelling spelling, const char *what, struct bytes *ret, struct err *err)
{
    if (spelling == SPELLED_LOOSELY)
        return base64_decode_any(a, text, ret, err) || err_within(err, "token: %s", what);
    if (text.len > 0 && memchr(text.data, '=', text.len))
        return err_set(err, ERR_MALFORMED, "token: %s has padding", what);
    return base64_decode(a, BASE64_URL, text, ret, err) || err_within(err, "token: %s", what);
}

/* Three parts between exactly two periods. */
static bool split(struct bytes text, struct bytes ret[static 3], struct err *err)
{
    size_t first, second;

    first = bytes_find(text, BYTES_LIT("."));
    if (first == SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "token: no period in it");
    ret[0] = bytes_slice(text, 0, first);
    ret[1] = bytes_slice(text, first + 1, text.len);
    second = bytes_find(ret[1], BYTES_LIT("."));
    if (second == SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "token: fewer than two periods in it");
    ret[2] = bytes_slice(ret[1], second + 1, text.len);
    ret[1] = bytes_slice(ret[1], 0, second);
    if (bytes_find(ret[2], BYTES_LIT(".")) != SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "token: more than two periods in it");
    return true;
}

static bool read_header(struct arena *a, struct bytes text, struct parts *parts, struct err *err)
{
    const struct json_options strict = { .max_depth = HEADER_DEPTH, .refuse_duplicates = true };

    if (!json_parse(a, text, &strict, &parts->header, err))
        return err_within(err, "token: header");
    if (parts->header->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "token: header is not an object");
    if (!json_need_string(parts->header, "alg", &parts->algorithm, err))
        return err_within(err, "token: header");
    /* RFC 7515 4.1.11: what crit names must be understood, and we have no extensions; RFC 7797's b64 would change what is signed. */
    if (json_get(parts->header, "crit") || json_get(parts->header, "b64"))
        return err_set(err, ERR_MALFORMED, "token: header has critical extensions (crit or b64)");
    return true;
}

static bool read_parts(struct arena *a, struct bytes text, size_t limit, enum spelling spelling, struct parts *parts, struct err *err)
{
    struct bytes part[3], header;

    if (limit == 0)
        limit = LIMIT_TOKEN_BYTES;
    if (text.len > limit)
        return err_set(err, ERR_LIMIT, "token of %zu bytes; at most %zu are read", text.len, limit);
    parts->compact = bytes_trim(text);
    if (!split(parts->compact, part, err))
        return false;
    parts->signing_input = bytes_slice(parts->compact, 0, part[0].len + 1 + part[1].len);
    return decode_part(a, part[0], spelling, "header", &header, err) &&
           decode_part(a, part[1], spelling, "payload", &parts->payload, err) &&
           decode_part(a, part[2], spelling, "signature", &parts->signature, err) && read_header(a, header, parts, err);
}

static bool optional_string(const struct json *header, const char *name, struct bytes *ret, struct err *err)
{
    const struct json *v = json_get(header, name);

    *ret = BYTES_NONE;
    return !v || json_need_string(header, name, ret, err) || err_within(err, "token: header");
}

static bool parse(struct arena *a, struct bytes text, size_t limit, enum spelling spelling, struct jws *ret, struct err *err)
{
    struct parts parts = { 0 };
    struct jws jws = { 0 };

    if (!read_parts(a, text, limit, spelling, &parts, err))
        return false;
    if (bytes_equal_string(parts.algorithm, "none"))
        return err_set(err, ERR_UNTRUSTED, "token: it is not signed (alg none)");
    if (spelling == SPELLED_LOOSELY && bytes_equal_string(parts.algorithm, "RSA256"))
        parts.algorithm = BYTES_LIT("RS256");
    if (!jws_algorithm_from_name(parts.algorithm, &jws.algorithm)) {
        const char *shown = parts.algorithm.len <= 16 ? text_for_people(a, parts.algorithm) : NULL;
        return err_set(err, ERR_UNSUPPORTED, "token: its algorithm is not accepted (%s)", shown ? shown : "a long name");
    }
    if (parts.signature.len == 0)
        return err_set(err, ERR_UNTRUSTED, "token: its signature is empty");
    if (!optional_string(parts.header, "kid", &jws.kid, err) || !optional_string(parts.header, "typ", &jws.typ, err))
        return false;
    jws.compact = parts.compact;
    jws.signing_input = parts.signing_input;
    jws.header = parts.header;
    jws.claimed_payload = parts.payload;
    jws.signature = parts.signature;
    *ret = jws;
    return true;
}

bool jws_parse(struct arena *a, struct bytes text, size_t limit, struct jws *ret, struct err *err)
{
    return parse(a, text, limit, SPELLED_STRICTLY, ret, err);
}

bool jws_parse_loose(struct arena *a, struct bytes text, size_t limit, struct jws *ret, struct err *err)
{
    return parse(a, text, limit, SPELLED_LOOSELY, ret, err);
}

bool jws_parse_unsecured(struct arena *a, struct bytes text, size_t limit, struct unsecured_jws *ret, struct err *err)
{
    struct parts parts = { 0 };

    if (!read_parts(a, text, limit, SPELLED_LOOSELY, &parts, err))
        return false;
    if (!bytes_equal_string(parts.algorithm, "none"))
        return err_set(err, ERR_UNSUPPORTED, "token: it says that it is signed");
    if (parts.signature.len != 0) /* RFC 7518 3.6 */
        return err_set(err, ERR_MALFORMED, "token: it has a signature but the algorithm none");
    *ret = (struct unsecured_jws){ parts.compact, parts.payload };
    return true;
}

bool jws_header_certs(const struct jws *jws, struct cert *ret[static LIMIT_CHAIN_CERTS], size_t *ret_n, struct err *err)
{
    const struct json *x5c = json_get(jws->header, "x5c");

    if (!x5c)
        x5c = json_at(jws->header, "jwk", "x5c", NULL);
    if (!x5c)
        return err_set(err, ERR_NOT_FOUND, "token: it brings no certificate along");
    return jwk_parse_certs(x5c, ret, ret_n, err) || err_within(err, "token");
}

bool jws_verify(struct arena *a, const struct jws *jws, const struct pubkey *key, unsigned allowed, const struct verified_jws **ret,
                struct err *err)
{
    const struct algorithm *algorithm = &algorithms[jws->algorithm];
    struct verified_jws *verified;

    if (!(allowed & jws_algorithms_of(key) & JWS_ALLOW(jws->algorithm)))
        return err_set(err, ERR_UNTRUSTED, "token: %s is not an algorithm that this key may be used with", algorithm->name);
    if (!pubkey_verify(key, algorithm->scheme, algorithm->hash, jws->signing_input, jws->signature, err)) {
        if (err->code == ERR_MALFORMED)
            err->code = ERR_UNTRUSTED;
        return err_within(err, "token");
    }
    verified = ARENA_NEW(a, struct verified_jws);
    if (!verified)
        return err_set(err, ERR_NO_MEMORY, "token");
    *verified = (struct verified_jws){ jws->header, jws->claimed_payload };
    *ret = verified;
    return true;
}

struct bytes verified_jws_payload(const struct verified_jws *v) { return v->payload; }

const struct json *verified_jws_header(const struct verified_jws *v) { return v->header; }

/* ---- making ---- */

static bool text_of(struct arena *a, struct writer *w, struct bytes *ret, struct err *err)
{
    char *text = writer_ok(w) ? arena_string(a, writer_bytes(w)) : NULL;

    writer_done(w);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "token");
    *ret = bytes_of_string(text);
    return true;
}

/* The header must be the one a reader would accept, and say `name`. */
static bool header_says(struct arena *a, struct bytes header_json, const char *name, struct err *err)
{
    struct parts parts = { 0 };

    if (!read_header(a, header_json, &parts, err))
        return false;
    return bytes_equal_string(parts.algorithm, name) || err_set(err, ERR_INTERNAL, "token: the header does not say %s", name);
}

bool jws_signing_input(struct arena *a, struct bytes header_json, struct bytes payload, struct bytes *ret, struct err *err)
{
    struct writer w = { 0 };

    base64_write(&w, BASE64_URL, header_json);
    write_u8(&w, '.');
    base64_write(&w, BASE64_URL, payload);
    return text_of(a, &w, ret, err);
}

bool jws_attach(struct arena *a, struct bytes signing_input, struct bytes signature, struct bytes *ret_compact, struct err *err)
{
    struct writer w = { 0 };

    write_bytes(&w, signing_input);
    write_u8(&w, '.');
    base64_write(&w, BASE64_URL, signature);
    return text_of(a, &w, ret_compact, err);
}

/* `w` begins with the encoded header; the payload, the signature and nothing else come behind it. */
static bool finish_signed(struct arena *a, struct writer *w, const struct privkey *key, enum jws_algorithm id, struct bytes payload,
                          struct bytes *ret_compact, struct err *err)
{
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    size_t len;

    write_u8(w, '.');
    base64_write(w, BASE64_URL, payload);
    if (!writer_ok(w))
        return err_set(err, ERR_NO_MEMORY, "token");
    if (!privkey_sign(key, algorithms[id].scheme, algorithms[id].hash, writer_bytes(w), signature, &len, err))
        return false;
    write_u8(w, '.');
    base64_write(w, BASE64_URL, (struct bytes){ signature, len });
    return text_of(a, w, ret_compact, err);
}

bool jws_sign(struct arena *a, const struct privkey *key, enum jws_algorithm id, struct bytes header_json, struct bytes payload,
              struct bytes *ret_compact, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { 0 };

    if (!(jws_algorithms_of(privkey_public(key)) & JWS_ALLOW(id)))
        return err_set(err, ERR_INTERNAL, "token: the key does not sign with %s", algorithms[id].name);
    if (!header_says(a, header_json, algorithms[id].name, err))
        return false;
    base64_write(&w, BASE64_URL, header_json);
    return finish_signed(a, &w, key, id, payload, ret_compact, err);
}

bool jws_header_make(struct arena *a, enum jws_algorithm id, struct bytes header_json, struct jws_ready_header *ret, struct err *err)
{
    const char *text;

    if (!header_says(a, header_json, algorithms[id].name, err))
        return false;
    text = base64_in(a, BASE64_URL, header_json);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "token");
    *ret = (struct jws_ready_header){ id, bytes_of_string(text) };
    return true;
}

bool jws_sign_ready(struct arena *a, const struct privkey *key, const struct jws_ready_header *header, struct bytes payload,
                    struct bytes *ret_compact, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { 0 };

    if (!(jws_algorithms_of(privkey_public(key)) & JWS_ALLOW(header->algorithm)))
        return err_set(err, ERR_INTERNAL, "token: the key does not sign with %s", algorithms[header->algorithm].name);
    write_bytes(&w, header->encoded);
    return finish_signed(a, &w, key, header->algorithm, payload, ret_compact, err);
}

bool jws_make_unsecured(struct arena *a, struct bytes header_json, struct bytes payload, struct bytes *ret_compact, struct err *err)
{
    struct bytes input;

    return header_says(a, header_json, "none", err) && jws_signing_input(a, header_json, payload, &input, err) &&
           jws_attach(a, input, BYTES_NONE, ret_compact, err);
}
