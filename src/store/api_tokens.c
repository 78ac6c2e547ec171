#include "base/limits.h"
#include "store/providers.h"
#include "store/sql.h"

/* The order of API_TOKEN_COLUMNS. */
static const struct field token_fields[] = {
    { FIELD_TEXT, offsetof(struct store_api_token, sha256), NULL },
    { FIELD_TEXT, offsetof(struct store_api_token, name), NULL },
    { FIELD_TEXT, offsetof(struct store_api_token, role), NULL },
    { FIELD_INTEGER, offsetof(struct store_api_token, created_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_api_token, expires_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_api_token, by), NULL },
    { FIELD_INTEGER, offsetof(struct store_api_token, last_used_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_api_token, scope), NULL },
};
static const struct record token_record = RECORD("API token", struct store_api_token, token_fields);

bool store_api_token_add(struct store *store, const struct store_api_token *token, struct err *err)
{
    struct sql_value params[ARRAY_LEN(token_fields)];
    int64_t changes;

    if (!check_hex("a token's digest", token->sha256, STORE_SHA256_TEXT_LEN - 1, err) ||
        !check_text("a token's name", token->name, LIMIT_NAME_BYTES, err) ||
        !check_text("a token's role", token->role, LIMIT_NAME_BYTES, err) ||
        !check_text("who made it", token->by, 4 * LIMIT_NAME_BYTES, err) ||
        (token->scope[0] && !check_text("a token's scope", token->scope, 2 * LIMIT_NAME_BYTES, err)))
        return false;
    sql_fields(&token_record, token, ARRAY_LEN(params), params);
    if (!sql_write(store, SQL_API_TOKEN_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_CONFLICT, "there is such a token already");
}

bool store_api_token_get(struct store *store, struct arena *a, const char *sha256, struct store_api_token *ret, struct err *err)
{
    return sql_get(store, a, SQL_API_TOKEN_GET, (struct sql_value[]){ sql_text(sha256) }, 1, &token_record, ret, err);
}

bool store_api_token_list(struct store *store, struct arena *a, const char *after_sha256, size_t limit, const struct store_api_token **ret,
                          size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(after_sha256 ? after_sha256 : ""), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_API_TOKEN_LIST, params, ARRAY_LEN(params), &token_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_api_token_used(struct store *store, const char *sha256, int64_t now_ms, struct err *err)
{
    struct sql_value params[] = { sql_text(sha256), sql_integer(now_ms) };

    return sql_write(store, SQL_API_TOKEN_USED, params, ARRAY_LEN(params), NULL, err);
}

bool store_api_token_delete(struct store *store, const char *sha256, struct err *err)
{
    int64_t changes;

    if (!sql_write(store, SQL_API_TOKEN_DROP, (struct sql_value[]){ sql_text(sha256) }, 1, &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no such API token");
}
