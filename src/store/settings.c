#include "store/sql.h"

enum { MAX_SETTING_BYTES = 1024 * 1024, MAX_KEY_BYTES = 128 };

static bool check_setting(const char *key, struct bytes value, struct err *err)
{
    if (value.len > MAX_SETTING_BYTES)
        return err_set(err, ERR_LIMIT, "a setting has at most %d bytes, not %zu", MAX_SETTING_BYTES, value.len);
    return check_text("a setting's key", key, MAX_KEY_BYTES, err);
}

bool store_setting_get(struct store *store, struct arena *a, const char *key, struct bytes *ret, struct err *err)
{
    return sql_get_value(store, a, SQL_SETTING_GET, (struct sql_value[]){ sql_text(key) }, 1, "setting", ret, err);
}

bool store_setting_put(struct store *store, const char *key, struct bytes value, struct err *err)
{
    struct sql_value params[] = { sql_text(key), sql_bytes(value) };

    return check_setting(key, value, err) && sql_write(store, SQL_SETTING_PUT, params, ARRAY_LEN(params), NULL, err);
}

struct initial {
    struct arena *arena;
    const char *key;
    struct bytes value;
    struct bytes stored;
};

static bool init(struct store *tx, void *context, struct err *err)
{
    struct initial *initial = context;
    struct sql_value params[] = { sql_text(initial->key), sql_bytes(initial->value) };

    return sql_write(tx, SQL_SETTING_INIT, params, ARRAY_LEN(params), NULL, err) &&
           store_setting_get(tx, initial->arena, initial->key, &initial->stored, err);
}

bool store_setting_init(struct store *store, struct arena *a, const char *key, struct bytes value, struct bytes *ret, struct err *err)
{
    struct initial initial = { .arena = a, .key = key, .value = value };

    if (!check_setting(key, value, err) || !store_transaction(store, init, &initial, err))
        return false;
    *ret = initial.stored;
    return true;
}

bool store_setting_delete(struct store *store, const char *key, struct err *err)
{
    int64_t changes;

    if (!sql_write(store, SQL_SETTING_DROP, (struct sql_value[]){ sql_text(key) }, 1, &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such setting");
    return true;
}
