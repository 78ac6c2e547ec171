#include "management/api_tokens.h"
#include <strings.h>
#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "management/management.h"
#include "store/providers.h"

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))
enum { SECRET_LEN = 32, ID_LEN = 16, DAYS_DEFAULT = 90, USE_STEP_MS = 60 * 1000 };

static void digest_of(struct bytes token, char ret[static STORE_SHA256_TEXT_LEN])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, token, &d);
    hex_encode(digest_bytes(&d), ret);
}

static bool role_from_text(struct bytes text, enum http_role *ret, struct err *err)
{
    for (enum http_role r = HTTP_READER; r <= HTTP_OWNER; r++)
        if (bytes_equal_string(text, http_role_name(r))) {
            *ret = r;
            return true;
        }
    return err_set(
               err, ERR_MALFORMED,
               "role is not \"reader\", \"enroller\", \"auditor\", \"policy-admin\", \"security-admin\", \"contributor\" or \"owner\"") ||
           err_at(err, "/role");
}

/* The credentials behind "Bearer ", in any case of letters. */
static bool bearer(const struct http_request *request, struct bytes *ret)
{
    struct bytes value = http_header(request, "Authorization");

    if (value.len < 7 || strncasecmp((const char *)value.data, "Bearer ", 7) != 0)
        return false;
    *ret = bytes_trim(bytes_slice(value, 7, SIZE_MAX));
    return bytes_starts_with(*ret, BYTES_LIT("tbt_")) || bytes_starts_with(*ret, BYTES_LIT("tb_"));
}

/* A word for people; that it cannot be written now is no reason to send the caller away. */
static void note_use(struct store *store, const struct store_api_token *row, int64_t now_ms)
{
    struct err ignored = ERR_INIT;

    if (now_ms - row->last_used_ms >= USE_STEP_MS && !store_api_token_used(store, row->sha256, now_ms, &ignored))
        return;
}

bool api_token_identify(struct store *store, const struct http_request *request, int64_t now_ms, bool *ret_is_ours, struct http_caller *ret,
                        struct err *err)
{
    char sha256[STORE_SHA256_TEXT_LEN];
    struct store_api_token row;
    struct http_caller caller = { HTTP_ANONYMOUS, NULL, NULL };
    struct bytes token;

    if (!bearer(request, &token)) {
        *ret_is_ours = false;
        return true;
    }
    digest_of(token, sha256);
    if (!store_api_token_get(store, request->arena, sha256, &row, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_UNTRUSTED, "the API token is unknown or was revoked") : false;
    if (now_ms >= row.expires_ms)
        return err_set(err, ERR_UNTRUSTED, "the API token %.*s has expired", ID_LEN, sha256);
    if (!role_from_text(bytes_of_string(row.role), &caller.role, err))
        return err_within(err, "API token %.*s", ID_LEN, sha256);
    caller.subject = arena_printf(request->arena, "token %.*s (%s)", ID_LEN, sha256, row.name);
    caller.scope = row.scope[0] ? row.scope : NULL;
    note_use(store, &row, now_ms);
    *ret = caller;
    *ret_is_ours = true;
    return true;
}

static void put_token(struct json_out *out, const struct store_api_token *row)
{
    json_put_bytes(out, "id", bytes_slice(bytes_of_string(row->sha256), 0, ID_LEN));
    json_put_string(out, "name", row->name);
    json_put_string(out, "role", row->role);
    json_put_time(out, "created", row->created_ms);
    json_put_time(out, "expires", row->expires_ms);
    if (row->last_used_ms)
        json_put_time(out, "lastUsed", row->last_used_ms);
    else
        json_put_null(out, "lastUsed");
    json_put_string(out, "scope", row->scope[0] ? row->scope : NULL);
    json_put_string(out, "by", row->by);
}

/* "provider/NAME" or "vm/NAME". */
static bool read_scope(struct arena *a, const struct json *body, const char **ret, struct err *err)
{
    struct bytes scope = BYTES_LIT(""), name;

    if (!json_get(body, "scope") || json_get(body, "scope")->type == JSON_NULL) {
        *ret = "";
        return true;
    }
    if (!json_need_string(body, "scope", &scope, err))
        return false;
    name = bytes_slice(scope, bytes_find(scope, BYTES_LIT("/")), scope.len);
    if (!(bytes_starts_with(scope, BYTES_LIT("provider/")) || bytes_starts_with(scope, BYTES_LIT("vm/"))) || name.len < 2 ||
        name.len > LIMIT_NAME_BYTES + 1)
        return err_set(err, ERR_MALFORMED, "scope is \"provider/NAME\" or \"vm/NAME\"") || err_at(err, "/scope");
    *ret = arena_string(a, scope);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for a token");
}

static bool read_wish(const struct http_request *request, int64_t now_ms, struct store_api_token *row, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct json *body;
    struct bytes name, role_text;
    enum http_role role;
    int64_t days = DAYS_DEFAULT;

    if (!http_body_json(request, &strict, &body, err) || !json_need_words(body, "name", LIMIT_NAME_BYTES, &name, err) ||
        !json_need_string(body, "role", &role_text, err) || !role_from_text(role_text, &role, err))
        return false;
    if (json_get(body, "days") && (!json_need_integer(body, "days", &days, err) || days < 1 || days > API_TOKEN_DAYS_MAX))
        return err_set(err, ERR_MALFORMED, "days is 1 to %d", API_TOKEN_DAYS_MAX) || err_at(err, "/days");
    if (!read_scope(request->arena, body, &row->scope, err))
        return false;
    row->name = arena_string(request->arena, name);
    row->role = http_role_name(role);
    row->created_ms = now_ms;
    row->expires_ms = now_ms + days * DAY_MS;
    row->by = request->caller.subject ? request->caller.subject : http_role_name(request->caller.role);
    return row->name || err_set(err, ERR_NO_MEMORY, "no memory for a token");
}

bool api_token_post(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    char sha256[STORE_SHA256_TEXT_LEN];
    struct store_api_token row = { .sha256 = sha256 };
    uint8_t secret[SECRET_LEN];
    const char *encoded, *token;
    struct json_out out;

    if (!read_wish(request, m->now_ms(), &row, err) || !random_bytes(secret, sizeof secret, err))
        return false;
    encoded = base64_in(request->arena, BASE64_URL, BYTES_OF(secret));
    wipe(secret, sizeof secret);
    token = encoded ? arena_printf(request->arena, "tbt_%s", encoded) : NULL;
    if (!token)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    digest_of(bytes_of_string(token), sha256);
    if (!store_api_token_add(m->store, &row, err))
        return false;
    out = http_response_json(response, 201);
    json_begin_object(&out, NULL);
    put_token(&out, &row);
    json_put_string(&out, "token", token);
    json_end(&out);
    return true;
}

bool api_token_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct json_out out = http_response_json(response, 200);
    const struct store_api_token *rows;
    size_t n;

    if (!store_api_token_list(m->store, request->arena, NULL, LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        put_token(&out, &rows[i]);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

bool api_token_remove_self(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    char sha256[STORE_SHA256_TEXT_LEN];
    struct bytes token;

    if (!bearer(request, &token))
        return err_set(err, ERR_MALFORMED, "this call ends the API token that it is made with, and it is made without one");
    digest_of(token, sha256);
    if (!store_api_token_delete(m->store, sha256, err))
        return false;
    response->status = 204;
    return true;
}

bool api_token_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct bytes id = http_param(request, "token");
    const char *after = arena_string(request->arena, id);
    const struct store_api_token *rows;
    size_t n;

    if (!after)
        return err_set(err, ERR_NO_MEMORY, "no memory for an id");
    if (id.len != ID_LEN || !store_api_token_list(m->store, request->arena, after, 1, &rows, &n, err) || n == 0 ||
        !bytes_starts_with(bytes_of_string(rows[0].sha256), id))
        return err_set(err, ERR_NOT_FOUND, "there is no such API token") || err_remedy(err, "docs/providers.md", "trueboot token list");
    if (!store_api_token_delete(m->store, rows[0].sha256, err))
        return false;
    response->status = 204;
    return true;
}
