#include "management/enrolment_tokens.h"
#include <strings.h>
#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/providers.h"

#define PREFIX "tbe_"
enum { SECRET_LEN = 32, ID_LEN = 16, MINUTES_DEFAULT = 60, MINUTES_MAX = LIMIT_ENROLMENT_TOKEN_SECONDS / 60, TOKEN_MAX = 128 };

static void digest_of(struct bytes token, char ret[static STORE_SHA256_TEXT_LEN])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, token, &d);
    hex_encode(digest_bytes(&d), ret);
}

/* ---- using one ------------------------------------------------------------------------------------------------------- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* Linear but for the last star: that is all one has to go back to. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == '?' || (*pattern && lower(*pattern) == lower(*text))) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

bool enrolment_token_fits(const char *pattern, const struct store_vm *vm)
{
    return strcasecmp(pattern, vm->vm) == 0 || matches(pattern, vm->name);
}

static bool refuse(struct enrolment_leave *leave, unsigned status, const char *code, struct err *err, const char *text)
{
    leave->status = status;
    leave->code = code;
    return err_set(err, ERR_UNTRUSTED, "%s", text);
}

static bool is_needed(const struct management *m, struct arena *a, const struct enrolment_wish *wish, bool *ret, struct err *err)
{
    struct store_provider row;

    *ret = m->enrolment_token && !wish->provider[0];
    if (*ret || !wish->asked[0])
        return true;
    if (!store_provider_get(m->store, a, wish->asked, &row, err))
        return err_within(err, "provider %.64s", wish->asked);
    *ret = row.enrolment_token;
    return true;
}

static bool check_row(const struct store_enrolment_token *row, const struct enrolment_wish *wish, int64_t now_ms,
                      struct enrolment_leave *leave, struct err *err)
{
    if (row->used_ms)
        return refuse(leave, 401, "EnrolmentTokenInvalid", err, "the enrolment token was used already: it is good once");
    if (now_ms >= row->expires_ms)
        return refuse(leave, 401, "EnrolmentTokenInvalid", err, "the enrolment token has expired");
    if (strcmp(row->provider, wish->asked) != 0)
        return refuse(leave, 403, "EnrolmentTokenScope", err, "the enrolment token is for another provider");
    return enrolment_token_fits(row->vm, wish->vm) ||
           refuse(leave, 403, "EnrolmentTokenScope", err, "the enrolment token is for another VM");
}

static bool read_bearer(const struct http_request *request, struct bytes *ret)
{
    struct bytes value = http_header(request, "Authorization");

    if (http_header_count(request, "Authorization") != 1 || value.len < 7 || strncasecmp((const char *)value.data, "Bearer ", 7) != 0)
        return false;
    *ret = bytes_trim(bytes_slice(value, 7, SIZE_MAX));
    return ret->len <= TOKEN_MAX && bytes_starts_with(*ret, BYTES_LIT(PREFIX));
}

bool enrolment_token_check(const struct management *m, const struct http_request *request, const struct enrolment_wish *wish,
                           struct enrolment_leave *ret, struct err *err)
{
    struct store_enrolment_token row;
    struct bytes token;
    int64_t back_ms;
    bool needed;

    *ret = (struct enrolment_leave){ .sha256 = "" };
    if (!is_needed(m, request->arena, wish, &needed, err))
        return false;
    if (http_header_count(request, "Authorization") == 0)
        return !needed || refuse(ret, 401, "EnrolmentTokenRequired", err,
                                 "enrolling here takes a one-time token: `trueboot enrolment-token create`, then enroll.token_file");
    if (!read_bearer(request, &token))
        return refuse(ret, 401, "EnrolmentTokenInvalid", err, "these credentials are no enrolment token (" PREFIX "…)");
    digest_of(token, ret->sha256);
    if (!store_enrolment_tokens_follow_clock(m->store, m->now_ms(), &back_ms, err))
        return false;
    if (!store_enrolment_token_get(m->store, request->arena, ret->sha256, &row, err))
        return err->code == ERR_NOT_FOUND ? refuse(ret, 401, "EnrolmentTokenInvalid", err, "the enrolment token is unknown or was revoked")
                                          : false;
    ret->subject = arena_printf(request->arena, "enrolment token %.*s (%s)", ID_LEN, ret->sha256, row.name);
    return check_row(&row, wish, m->now_ms(), ret, err);
}

/* ---- making, listing, revoking --------------------------------------------------------------------------------------- */

static const char *state_of(const struct store_enrolment_token *row, int64_t now_ms)
{
    return row->used_ms ? "used" : now_ms >= row->expires_ms ? "expired" : "open";
}

static void put_token(struct json_out *out, const struct store_enrolment_token *row, int64_t now_ms)
{
    json_put_bytes(out, "id", bytes_slice(bytes_of_string(row->sha256), 0, ID_LEN));
    json_put_string(out, "name", row->name);
    json_put_string(out, "vm", row->vm);
    json_put_string(out, "provider", row->provider[0] ? row->provider : NULL);
    json_put_string(out, "state", state_of(row, now_ms));
    json_put_time(out, "created", row->created_ms);
    json_put_time(out, "expires", row->expires_ms);
    json_put_string(out, "by", row->by);
    if (row->used_ms)
        json_put_time(out, "used", row->used_ms);
    else
        json_put_null(out, "used");
    json_put_string(out, "usedBy", row->used_by[0] ? row->used_by : NULL);
}

static bool read_provider(const struct management *m, struct arena *a, const struct json *body, const char **ret, struct err *err)
{
    struct store_provider row;
    struct bytes text;

    *ret = "";
    if (!json_get(body, "provider") || json_get(body, "provider")->type == JSON_NULL)
        return true;
    if (!json_need_string(body, "provider", &text, err))
        return false;
    *ret = arena_lower(a, text);
    if (!*ret)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    return store_provider_get(m->store, a, *ret, &row, err) || err_within(err, "provider %.64s", *ret);
}

static bool read_wish(const struct management *m, const struct http_request *request, struct store_enrolment_token *row, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct json *body;
    struct bytes name, vm;
    int64_t minutes = MINUTES_DEFAULT;

    if (!http_body_json(request, &strict, &body, err) || !json_need_words(body, "name", LIMIT_NAME_BYTES, &name, err) ||
        !json_need_words(body, "vm", LIMIT_NAME_BYTES, &vm, err) || !read_provider(m, request->arena, body, &row->provider, err))
        return false;
    if (json_get(body, "minutes") && (!json_need_integer(body, "minutes", &minutes, err) || minutes < 1 || minutes > MINUTES_MAX))
        return err_set(err, ERR_MALFORMED, "minutes is 1 to %d", MINUTES_MAX);
    row->name = arena_string(request->arena, name);
    row->vm = arena_string(request->arena, vm);
    row->created_ms = m->now_ms();
    row->expires_ms = row->created_ms + minutes * 60 * 1000;
    row->by = request->caller.subject ? request->caller.subject : http_role_name(request->caller.role);
    row->used_by = "";
    return (row->name && row->vm) || err_set(err, ERR_NO_MEMORY, "no memory for a token");
}

bool enrolment_token_post(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    char sha256[STORE_SHA256_TEXT_LEN];
    struct store_enrolment_token row = { .sha256 = sha256 };
    uint8_t secret[SECRET_LEN];
    const char *encoded, *token;
    struct json_out out;
    int64_t back_ms;

    if (!store_enrolment_tokens_follow_clock(m->store, m->now_ms(), &back_ms, err) || !read_wish(m, request, &row, err) ||
        !random_bytes(secret, sizeof secret, err))
        return false;
    encoded = base64_in(request->arena, BASE64_URL, BYTES_OF(secret));
    wipe(secret, sizeof secret);
    token = encoded ? arena_printf(request->arena, PREFIX "%s", encoded) : NULL;
    if (!token)
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    digest_of(bytes_of_string(token), sha256);
    if (!store_enrolment_token_add(m->store, &row, err))
        return false;
    out = http_response_json(response, 201);
    json_begin_object(&out, NULL);
    put_token(&out, &row, m->now_ms());
    json_put_string(&out, "token", token);
    json_end(&out);
    return true;
}

bool enrolment_token_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    const struct store_enrolment_token *rows;
    struct bytes after = BYTES_NONE;
    struct json_out out;
    size_t n;

    if (http_query_count(request, "after") && !http_query(request, "after", &after, err))
        return false;
    if (!store_enrolment_token_list(m->store, request->arena, arena_string(request->arena, after), LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        put_token(&out, &rows[i], m->now_ms());
        json_end(&out);
    }
    json_end(&out);
    json_put_string(&out, "next", n == LIMIT_LIST_PAGE ? rows[n - 1].sha256 : NULL);
    json_end(&out);
    return true;
}

bool enrolment_token_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct bytes id = http_param(request, "token");
    const char *after = arena_string(request->arena, id);
    const struct store_enrolment_token *rows;
    size_t n;

    if (!after)
        return err_set(err, ERR_NO_MEMORY, "no memory for an id");
    if (id.len != ID_LEN || !store_enrolment_token_list(m->store, request->arena, after, 1, &rows, &n, err) || n == 0 ||
        !bytes_starts_with(bytes_of_string(rows[0].sha256), id))
        return err_set(err, ERR_NOT_FOUND, "there is no such enrolment token");
    if (!store_enrolment_token_delete(m->store, rows[0].sha256, err))
        return false;
    response->status = 204;
    return true;
}
