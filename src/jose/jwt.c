#include "jose/jwt.h"
#include "base/clock.h"
#include "base/limits.h"
#include "json/parse.h"

#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* NumericDate, RFC 7519 2: seconds, "integer or non-integer". 0 when it is not there. */
static bool read_date(const struct json *claims, const char *name, int64_t *ret_ms, struct err *err)
{
    const struct json *v = json_get(claims, name);
    double seconds;

    *ret_ms = 0;
    if (!v)
        return true;
    if (v->type != JSON_NUMBER)
        return err_set(err, ERR_MALFORMED, "claim %s is not a number", name);
    seconds = v->number.is_integer ? (double)v->number.integer : v->number.value;
    if (!(seconds >= 0 && seconds <= (double)SECONDS_MAX))
        return err_set(err, ERR_MALFORMED, "claim %s is no date between 1970 and 9999", name);
    *ret_ms = (int64_t)seconds * 1000;
    return true;
}

static bool read_text(const struct json *claims, const char *name, struct bytes *ret, struct err *err)
{
    *ret = BYTES_NONE;
    return !json_get(claims, name) || json_need_string(claims, name, ret, err);
}

/* RFC 7519 4.1.3: one string, or an array of them. */
static bool audience_includes(const struct json *aud, struct bytes want)
{
    if (!aud)
        return false;
    if (aud->type == JSON_STRING)
        return bytes_equal(aud->string, want);
    if (aud->type != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < aud->array.n; i++)
        if (aud->array.items[i]->type == JSON_STRING && bytes_equal(aud->array.items[i]->string, want))
            return true;
    return false;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

static bool starts_with_no_case(struct bytes text, struct bytes prefix)
{
    if (text.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (lower(text.data[i]) != lower(prefix.data[i]))
            return false;
    return true;
}

/* RFC 7515 4.1.9: "application/" may be left out; media types do not mind case. */
static bool is_type(struct bytes typ, struct bytes want)
{
    struct bytes prefix = BYTES_LIT("application/");

    if (starts_with_no_case(typ, prefix))
        typ = bytes_slice(typ, prefix.len, typ.len);
    return typ.len == want.len && starts_with_no_case(typ, want);
}

static bool dates_hold(const struct jwt_claims *c, bool has_exp, const struct jwt_expectations *want, struct err *err)
{
    char text[CLOCK_TEXT_LEN];

    if (!has_exp && !want->may_lack_exp)
        return err_set(err, ERR_UNTRUSTED, "it has no expiry (exp)");
    /* RFC 7519 4.1.4: "on or after which the JWT MUST NOT be accepted" */
    if (has_exp && want->now_ms >= c->exp_ms + want->skew_ms) {
        clock_format(c->exp_ms, text);
        return err_set(err, ERR_UNTRUSTED, "it expired at %s", text);
    }
    if (want->now_ms < c->nbf_ms - want->skew_ms) {
        clock_format(c->nbf_ms, text);
        return err_set(err, ERR_UNTRUSTED, "it is not valid before %s", text);
    }
    if (want->now_ms < c->iat_ms - want->skew_ms) {
        clock_format(c->iat_ms, text);
        return err_set(err, ERR_UNTRUSTED, "it was issued in the future, at %s", text);
    }
    return true;
}

static bool check(struct arena *a, const struct verified_jws *jws, const struct jwt_expectations *want, struct jwt_claims *c,
                  struct err *err)
{
    const struct json_options strict = { .max_depth = LIMIT_JSON_DEPTH, .refuse_duplicates = true };

    if (!json_parse(a, verified_jws_payload(jws), &strict, &c->claims, err))
        return err_within(err, "payload");
    if (c->claims->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "payload is not an object");
    if (!read_date(c->claims, "exp", &c->exp_ms, err) || !read_date(c->claims, "nbf", &c->nbf_ms, err) ||
        !read_date(c->claims, "iat", &c->iat_ms, err) || !read_text(c->claims, "iss", &c->issuer, err) ||
        !read_text(c->claims, "sub", &c->subject, err) || !read_text(c->claims, "jti", &c->id, err))
        return false;
    if (want->type.len > 0 && !is_type(json_text(json_get(verified_jws_header(jws), "typ"), BYTES_NONE), want->type))
        return err_set(err, ERR_UNTRUSTED, "it is not of the type that is expected here");
    if (want->issuer.len > 0 && !bytes_equal(c->issuer, want->issuer))
        return err_set(err, ERR_UNTRUSTED, "it was issued by somebody else");
    if (want->audience.len > 0 && !audience_includes(json_get(c->claims, "aud"), want->audience))
        return err_set(err, ERR_UNTRUSTED, "it is meant for somebody else (aud)");
    return dates_hold(c, json_get(c->claims, "exp") != NULL, want, err);
}

bool jwt_check(struct arena *a, const struct verified_jws *jws, const struct jwt_expectations *want, struct jwt_claims *ret,
               struct err *err)
{
    struct jwt_claims claims = { 0 };

    if (!check(a, jws, want, &claims, err))
        return err_within(err, "token");
    *ret = claims;
    return true;
}
