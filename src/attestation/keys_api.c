#include "attestation/keys_api.h"

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))

static void put_expiry(struct json_out *out, int64_t not_after_ms, int64_t now_ms)
{
    json_put_time(out, "certificateEnds", not_after_ms);
    json_put_integer(out, "daysLeft", not_after_ms > now_ms ? (not_after_ms - now_ms) / DAY_MS : 0);
}

static void put_key(struct json_out *out, enum key_use use, const struct ring_view *v, int64_t now_ms)
{
    json_begin_object(out, NULL);
    json_put_string(out, "use", key_use_name(use));
    json_put_string(out, "kid", v->key->kid);
    json_put_string(out, "algorithm", jws_algorithm_name(v->key->algorithm));
    json_put_string(out, "state", key_state_name(v->state));
    json_put_boolean(out, "published", v->published && use != KEY_USE_RECORD);
    json_put_time(out, "created", v->created_ms);
    json_put_time(out, "activeFrom", v->active_from_ms);
    json_put_time_or_null(out, "publishedUntil", use == KEY_USE_RECORD ? 0 : v->published_until_ms);
    json_put_time_or_null(out, "revoked", v->revoked_ms);
    put_expiry(out, v->not_after_ms, now_ms);
    json_end(out);
}

static bool get_keys(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct attestation_service *s = context;
    struct ring_view *views = ARENA_ARRAY(request->arena, KEYRING_MAX, struct ring_view);
    struct json_out out = http_response_json(response, 200);
    int64_t now_ms = s->now_ms();
    size_t n;

    if (!views)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++) {
        if (!keyring_list(s->keys[use], now_ms, views, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            put_key(&out, use, &views[i], now_ms);
    }
    json_end(&out);
    json_begin_array(&out, "certificates");
    for (size_t i = 0; i < s->n_certs; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "name", s->certs[i].name);
        put_expiry(&out, s->certs[i].cert->not_after_ms, now_ms);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

static bool rotate(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct attestation_service *s = context;
    const struct json *body, *at_once;
    int64_t now_ms = s->now_ms();
    struct ring_view next;
    struct json_out out;
    struct bytes name;
    enum key_use use;
    bool now = false;

    if (!http_body_json(request, &strict, &body, err) || !json_need_string(body, "use", &name, err))
        return false;
    at_once = json_get(body, "now");
    if (!key_use_from_name(name, &use))
        return err_set(err, ERR_MALFORMED, "use is none of token, report, token-es256, report-es256, record") || err_at(err, "/use");
    if (at_once && !json_as_boolean(at_once, &now))
        return err_set(err, ERR_MALFORMED, "now is not a Boolean") || err_at(err, "/now");
    if (!keyring_rotate(s->keys[use], now_ms, now, &next, err))
        return false;
    out = http_response_json(response, 201);
    put_key(&out, use, &next, now_ms);
    return true;
}

static bool view_of(const struct attestation_service *s, enum key_use use, struct arena *a, int64_t now_ms, struct bytes kid,
                    struct ring_view *ret, struct err *err)
{
    struct ring_view *views = ARENA_ARRAY(a, KEYRING_MAX, struct ring_view);
    size_t n;

    if (!views)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    if (!keyring_list(s->keys[use], now_ms, views, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_string(kid, views[i].key->kid)) {
            *ret = views[i];
            return true;
        }
    return err_set(err, ERR_NOT_FOUND, "no signing key has this kid: see `trueboot key list`") || err_at(err, "/kid") ||
           err_remedy(err, "docs/keys.md", "trueboot key list");
}

static bool revoke_key(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct attestation_service *s = context;
    int64_t now_ms = s->now_ms();
    const struct json *body;
    struct ring_view view;
    enum key_use use = 0;
    struct json_out out;
    struct bytes kid;

    if (!http_body_json(request, &strict, &body, err) || !json_need_string(body, "kid", &kid, err))
        return false;
    while (use < KEY_USE_COUNT && !view_of(s, use, request->arena, now_ms, kid, &view, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        use++;
    }
    if (use == KEY_USE_COUNT || !keyring_revoke(s->keys[use], now_ms, kid, err) ||
        !view_of(s, use, request->arena, now_ms, kid, &view, err))
        return false;
    out = http_response_json(response, 200);
    put_key(&out, use, &view, now_ms);
    return true;
}

/* clang-format off */
const struct http_route key_routes[] = {
    { "GET",  "/v1/keys",        HTTP_READER, 0,                      HTTP_NO_BODY, get_keys,   0 },
    { "POST", "/v1/keys:rotate", HTTP_OWNER,  LIMIT_SMALL_BODY_BYTES, HTTP_JSON,    rotate,     0 },
    { "POST", "/v1/keys:revoke", HTTP_OWNER,  LIMIT_SMALL_BODY_BYTES, HTTP_JSON,    revoke_key, 0 },
};
/* clang-format on */
const size_t key_n_routes = ARRAY_LEN(key_routes);
