#include "oidc/oidc.h"
#include <strings.h>
#include "base/deadline.h"
#include "base/utf8.h"
#include "jose/jwt.h"
#include "oidc/keys.h"

enum { NAME_MAX_BYTES = 96 };

/* ---- the token --------------------------------------------------------------------------------------------------------- */

/* The credentials behind "Bearer ", when they look like a JWS: two periods. */
static bool bearer(const struct http_request *request, struct bytes *ret)
{
    struct bytes value = http_header(request, "Authorization");
    size_t periods = 0;

    if (value.len < 7 || strncasecmp((const char *)value.data, "Bearer ", 7) != 0)
        return false;
    *ret = bytes_trim(bytes_slice(value, 7, SIZE_MAX));
    for (size_t i = 0; i < ret->len; i++)
        periods += ret->data[i] == '.';
    return periods == 2;
}

static bool is_word(struct bytes list, const char *separators, struct bytes wanted)
{
    while (list.len > 0) {
        size_t n = 0;

        while (n < list.len && !strchr(separators, list.data[n]))
            n++;
        if (wanted.len > 0 && bytes_equal(bytes_trim(bytes_slice(list, 0, n)), wanted))
            return true;
        list = bytes_slice(list, n + 1, list.len);
    }
    return false;
}

/* The header's typ: of no kind that is something else than an access or identity token. */
static bool check_type(const struct jws *jws, struct err *err)
{
    static const char *const types[] = { "JWT", "at+jwt", "application/at+jwt", "application/jwt" };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (jws->typ.len == strlen(types[i]) && strncasecmp((const char *)jws->typ.data, types[i], jws->typ.len) == 0)
            return true;
    return jws->typ.len == 0 || err_set(err, ERR_UNTRUSTED, "token: it is not of a type that is expected here");
}

static bool check_audience(const struct oidc_settings *s, const struct json *aud, struct err *err)
{
    struct bytes audiences = bytes_of_string(s->audiences);

    if (aud && aud->type == JSON_STRING && is_word(audiences, " ,\t", aud->string))
        return true;
    for (size_t i = 0; aud && aud->type == JSON_ARRAY && i < aud->array.n; i++)
        if (is_word(audiences, " ,\t", json_text(aud->array.items[i], BYTES_NONE)))
            return true;
    return err_set(err, ERR_UNTRUSTED, "token: it is meant for somebody else (aud)");
}

/* ---- the role ------------------------------------------------------------------------------------------------------------ */

/* A bit of each role that was given. */
static unsigned role_of_value(const struct oidc_settings *s, struct bytes value)
{
    const struct {
        const char *values;
        enum http_role role;
    } rows[] = { { s->reader, HTTP_READER },
                 { s->enroller, HTTP_ENROLLER },
                 { s->auditor, HTTP_AUDITOR },
                 { s->policy_admin, HTTP_POLICY_ADMIN },
                 { s->security_admin, HTTP_SECURITY_ADMIN },
                 { s->contributor, HTTP_CONTRIBUTOR },
                 { s->owner, HTTP_OWNER } };
    unsigned given = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].values && is_word(bytes_of_string(rows[i].values), ",", value))
            given |= 1u << rows[i].role;
    return given;
}

/* A text counts as a whole and word by word (RFC 8693 4.2: scope), an array by its texts. */
static unsigned read_roles(const struct oidc_settings *s, const struct json *v)
{
    unsigned given = 0;
    struct bytes rest;

    if (v && v->type == JSON_STRING) {
        given |= role_of_value(s, v->string);
        for (rest = v->string; rest.len > 0;) {
            size_t space = bytes_find(rest, BYTES_LIT(" "));

            given |= role_of_value(s, bytes_slice(rest, 0, space));
            rest = space == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, space + 1, rest.len);
        }
    }
    for (size_t i = 0; v && v->type == JSON_ARRAY && i < v->array.n; i++)
        given |= role_of_value(s, json_text(v->array.items[i], BYTES_NONE));
    return given;
}

/* The highest one; an enroller, who may do nothing that the others may, counts where there is no other. Who sets policies and who approves baselines are two people (control-plane.md 7.2: separation of duties): a token that gives both, and
 * nothing that includes them, gives neither. */
static bool role_of(const struct oidc_settings *s, const struct json *claims, enum http_role *ret, struct err *err)
{
    const unsigned both = 1u << HTTP_POLICY_ADMIN | 1u << HTTP_SECURITY_ADMIN;
    struct bytes names = bytes_of_string(s->role_claims);
    unsigned given = 1u << s->otherwise;

    while (names.len > 0) {
        size_t n = 0;

        while (n < names.len && names.data[n] != ' ' && names.data[n] != ',')
            n++;
        if (n > 0)
            given |= read_roles(s, json_get_bytes(claims, bytes_slice(names, 0, n)));
        names = bytes_slice(names, n + 1, names.len);
    }
    if ((given & both) == both && given < 1u << HTTP_CONTRIBUTOR)
        return err_set(err, ERR_DENIED, "token: it gives both policy-admin and security-admin, which exclude each other");
    if (given & ~(1u << HTTP_ENROLLER | 1u << HTTP_ANONYMOUS))
        given &= ~(1u << HTTP_ENROLLER);
    *ret = HTTP_ANONYMOUS;
    for (enum http_role role = HTTP_ANONYMOUS; role < HTTP_ROLE_COUNT; role++)
        if (given & 1u << role)
            *ret = role;
    return true;
}

/* For histories and the audit log: the subject, and a name when there is one. */
static const char *name_of(struct arena *a, const struct jwt_claims *c)
{
    static const char *const names[] = { "preferred_username", "upn", "email", "appid", "azp", "client_id" };
    const char *subject = text_for_people(a, bytes_slice(c->subject, 0, NAME_MAX_BYTES)), *name = NULL;

    for (size_t i = 0; i < ARRAY_LEN(names) && !name; i++)
        if (json_text(json_get(c->claims, names[i]), BYTES_NONE).len > 0)
            name = text_for_people(a, bytes_slice(json_get(c->claims, names[i])->string, 0, NAME_MAX_BYTES));
    if (!subject)
        return NULL;
    return name ? arena_printf(a, "oidc %s (%s)", subject, name) : arena_printf(a, "oidc %s", subject);
}

/* ---- together ---------------------------------------------------------------------------------------------------------- */

/* With the keys that are there; once more when the key is not among them and the list could be fetched again. */
static bool verify(struct oidc *o, struct arena *a, const struct jws *jws, const struct verified_jws **ret, struct err *err)
{
    struct oidc_keys *keys CLEANUP(oidc_keys_free_at) = NULL;

    if (!oidc_keys_get(o, &keys, err))
        return false;
    if (jwks_verify(a, keys->jwks, jws, JWS_ALLOW_ALL, ret, err))
        return true;
    if (err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    oidc_keys_free(keys);
    keys = NULL;
    if (!oidc_keys_get_newer(o, &keys, err))
        return false;
    if (!keys)
        return err_set(err, ERR_UNTRUSTED, "token: its key is not in the issuer's list");
    return jwks_verify(a, keys->jwks, jws, JWS_ALLOW_ALL, ret, err);
}

static bool check(struct oidc *o, struct arena *a, struct bytes token, struct jwt_claims *ret, struct err *err)
{
    const struct oidc_settings *s = oidc_settings(o);
    const struct jwt_expectations want = { .now_ms = s->now_ms(), .skew_ms = OIDC_SKEW_MS, .issuer = bytes_of_string(s->issuer) };
    const struct verified_jws *verified;
    struct jws jws;

    return jws_parse(a, token, 0, &jws, err) && check_type(&jws, err) && verify(o, a, &jws, &verified, err) &&
           jwt_check(a, verified, &want, ret, err) && check_audience(s, json_get(ret->claims, "aud"), err);
}

bool oidc_identify(struct oidc *o, const struct http_request *request, bool *ret_is_ours, struct http_caller *ret, struct err *err)
{
    struct jwt_claims claims;
    struct http_caller caller = { HTTP_ANONYMOUS, NULL, NULL };
    struct bytes token;

    if (!bearer(request, &token)) {
        *ret_is_ours = false;
        return true;
    }
    if (!check(o, request->arena, token, &claims, err)) {
        /* Whatever is wrong with a token, its bearer is not known: 401. */
        if (err->code != ERR_UNREACHABLE && !err_ends_work(err))
            err->code = ERR_UNTRUSTED;
        return false;
    }
    caller.subject = name_of(request->arena, &claims);
    if (!caller.subject)
        return err_set(err, ERR_NO_MEMORY, "no memory for a caller");
    if (!role_of(oidc_settings(o), claims.claims, &caller.role, err))
        return false;
    if (caller.role == HTTP_ANONYMOUS)
        return err_set(err, ERR_DENIED,
                       "The token is genuine, but gives no role here: none of its claims (%s) holds a value that is mapped to one.",
                       oidc_settings(o)->role_claims);
    *ret = caller;
    *ret_is_ours = true;
    return true;
}
