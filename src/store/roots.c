#include "base/limits.h"
#include "store/sql.h"

static const char *const kind_names[] = { "ak", "ek", NULL };
static const char *const role_names[] = { "ca", "pin", "intermediate", NULL };

const char *store_root_kind_name(enum store_root_kind kind) { return kind_names[kind]; }
const char *store_root_role_name(enum store_root_role role) { return role_names[role]; }

/* The order of ROOT_COLUMNS. */
static const struct field root_fields[] = {
    { FIELD_NAME, offsetof(struct store_root, kind), kind_names }, { FIELD_TEXT, offsetof(struct store_root, provider), NULL },
    { FIELD_TEXT, offsetof(struct store_root, sha256), NULL },     { FIELD_BYTES, offsetof(struct store_root, der), NULL },
    { FIELD_NAME, offsetof(struct store_root, role), role_names }, { FIELD_INTEGER, offsetof(struct store_root, added_ms), NULL },
};
static const struct record root_record = RECORD("root certificate", struct store_root, root_fields);

struct addition {
    const struct store_root *root;
    bool added;
};

static bool add(struct store *tx, void *context, struct err *err)
{
    struct addition *addition = context;
    const struct store_root *root = addition->root;
    struct sql_value params[ARRAY_LEN(root_fields)];
    struct sql_value role[] = { sql_text(kind_names[root->kind]), sql_text(root->provider), sql_text(root->sha256),
                                sql_text(role_names[root->role]) };
    int64_t changes;

    sql_fields(&root_record, root, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_ROOT_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    addition->added = changes == 1;
    return addition->added || sql_write(tx, SQL_ROOT_ROLE, role, ARRAY_LEN(role), NULL, err);
}

bool store_root_add(struct store *store, const struct store_root *root, bool *ret_added, struct err *err)
{
    struct addition addition = { root, false };

    if (!check_hex("a root's digest", root->sha256, STORE_SHA256_TEXT_LEN - 1, err))
        return false;
    if (root->der.len == 0 || root->der.len > LIMIT_CERT_BYTES)
        return err_set(err, ERR_LIMIT, "a root certificate has 1 to %d bytes, not %zu", LIMIT_CERT_BYTES, root->der.len);
    if (!store_transaction(store, add, &addition, err))
        return false;
    if (ret_added)
        *ret_added = addition.added;
    return true;
}

struct replacement {
    enum store_root_kind kind;
    const char *provider;
    const struct store_root *roots;
    size_t n;
};

static bool replace(struct store *tx, void *context, struct err *err)
{
    const struct replacement *r = context;
    struct sql_value params[] = { sql_text(kind_names[r->kind]), sql_text(r->provider) };

    if (!sql_write(tx, SQL_ROOT_DROP_ALL, params, ARRAY_LEN(params), NULL, err))
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (!store_root_add(tx, &r->roots[i], NULL, err))
            return false;
    return true;
}

bool store_root_replace(struct store *store, enum store_root_kind kind, const char *provider, const struct store_root *roots, size_t n,
                        struct err *err)
{
    struct replacement replacement = { kind, provider, roots, n };

    return store_transaction(store, replace, &replacement, err);
}

bool store_root_remove(struct store *store, enum store_root_kind kind, const char *provider, const char *sha256, struct err *err)
{
    struct sql_value params[] = { sql_text(kind_names[kind]), sql_text(provider), sql_text(sha256) };
    int64_t changes;

    if (!sql_write(store, SQL_ROOT_DROP, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such root certificate");
    return true;
}

bool store_root_list(struct store *store, struct arena *a, enum store_root_kind kind, const char *provider, const struct store_root **ret,
                     size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(kind_names[kind]), sql_text(provider) };
    const void *rows;

    if (!sql_list(store, a, SQL_ROOT_LIST, params, ARRAY_LEN(params), &root_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}
