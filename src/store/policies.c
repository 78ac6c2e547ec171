#include "base/limits.h"
#include "store/providers.h"
#include "store/sql.h"

enum { WHO_MAX_BYTES = 256 };

/* The order of POLICY_COLUMNS. */
static const struct field policy_fields[] = {
    { FIELD_TEXT, offsetof(struct store_policy, provider), NULL },   { FIELD_TEXT, offsetof(struct store_policy, type), NULL },
    { FIELD_INTEGER, offsetof(struct store_policy, version), NULL }, { FIELD_BYTES, offsetof(struct store_policy, jws), NULL },
    { FIELD_TEXT, offsetof(struct store_policy, hash), NULL },       { FIELD_TEXT, offsetof(struct store_policy, by), NULL },
    { FIELD_INTEGER, offsetof(struct store_policy, time_ms), NULL },
};
static const struct record policy_record = RECORD("policy", struct store_policy, policy_fields);

static bool latest_version(struct store *tx, const struct store_policy *policy, int64_t *ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store_policy latest;
    bool found = store_policy_latest(tx, &a, policy->provider, policy->type, &latest, err);

    *ret = found ? latest.version : 0;
    return found || err->code == ERR_NOT_FOUND;
}

struct addition {
    struct store_policy row;
};

static bool add(struct store *tx, void *context, struct err *err)
{
    struct addition *addition = context;
    struct sql_value params[ARRAY_LEN(policy_fields)];
    int64_t latest, changes;

    if (!latest_version(tx, &addition->row, &latest, err))
        return false;
    addition->row.version = latest + 1;
    sql_fields(&policy_record, &addition->row, ARRAY_LEN(params), params);
    if (!addition->row.jws.data)
        params[3] = sql_bytes(BYTES_NONE);
    if (!sql_write(tx, SQL_POLICY_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_CONFLICT, "the policy was changed meanwhile: try again");
}

bool store_policy_add(struct store *store, const struct store_policy *policy, int64_t *ret_version, struct err *err)
{
    struct addition addition = { *policy };

    if (policy->jws.len > LIMIT_POLICY_BODY_BYTES)
        return err_set(err, ERR_LIMIT, "a policy has at most %d bytes, not %zu", LIMIT_POLICY_BODY_BYTES, policy->jws.len);
    if (!check_text("the attestation type", policy->type, LIMIT_NAME_BYTES, err) ||
        !check_text("who set the policy", policy->by, WHO_MAX_BYTES, err) || !store_transaction(store, add, &addition, err))
        return false;
    if (ret_version)
        *ret_version = addition.row.version;
    return true;
}

bool store_policy_latest(struct store *store, struct arena *a, const char *provider, const char *type, struct store_policy *ret,
                         struct err *err)
{
    struct sql_value params[] = { sql_text(provider), sql_text(type) };

    return sql_get(store, a, SQL_POLICY_LATEST, params, ARRAY_LEN(params), &policy_record, ret, err);
}

bool store_policy_count(struct store *store, const char *provider, int64_t *ret, struct err *err)
{
    return sql_get_integer(store, SQL_POLICY_COUNT, (struct sql_value[]){ sql_text(provider) }, 1, ret, err);
}

bool store_policy_list(struct store *store, struct arena *a, const char *provider, const char *type, int64_t before_version, size_t limit,
                       const struct store_policy **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(provider), sql_text(type), sql_integer(before_version > 0 ? before_version : INT64_MAX),
                                  sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_POLICY_LIST, params, ARRAY_LEN(params), &policy_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}
