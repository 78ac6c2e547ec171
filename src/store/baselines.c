#include "store/sql.h"

/* The order of BASELINE_COLUMNS. */
static const struct field baseline_fields[] = {
    { FIELD_TEXT, offsetof(struct store_baseline, vm), NULL },
    { FIELD_INTEGER, offsetof(struct store_baseline, version), NULL },
    { FIELD_TEXT, offsetof(struct store_baseline, components), NULL },
    { FIELD_INTEGER, offsetof(struct store_baseline, created_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_baseline, by), NULL },
    { FIELD_TEXT, offsetof(struct store_baseline, reason), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_baseline, pinned), NULL },
    { FIELD_INTEGER, offsetof(struct store_baseline, until_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_baseline, ended_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_baseline, ended_by), NULL },
    { FIELD_TEXT, offsetof(struct store_baseline, end_reason), NULL },
};
static const struct record baseline_record = RECORD("baseline", struct store_baseline, baseline_fields);

static bool latest_version(struct store *tx, const char *vm, int64_t *ret, struct err *err)
{
    struct arena a = { 0 };
    struct store_baseline latest;
    bool found = store_baseline_latest(tx, &a, vm, &latest, err);

    *ret = found ? latest.version : 0;
    arena_done(&a);
    return found || err->code == ERR_NOT_FOUND;
}

static bool add(struct store *tx, void *context, struct err *err)
{
    const struct store_baseline *baseline = context;
    struct sql_value params[ARRAY_LEN(baseline_fields)];
    int64_t latest, changes = 0;

    sql_fields(&baseline_record, baseline, ARRAY_LEN(params), params);
    if (!latest_version(tx, baseline->vm, &latest, err))
        return false;
    if (baseline->version == latest + 1 && !sql_write(tx, SQL_BASELINE_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "the baseline was changed meanwhile (it is at version %lld): read it again", (long long)latest);
    return true;
}

bool store_baseline_add(struct store *store, const struct store_baseline *baseline, struct err *err)
{
    struct store_baseline copy = *baseline;

    return check_vm_uuid(baseline->vm, err) && store_transaction(store, add, &copy, err);
}

bool store_baseline_latest(struct store *store, struct arena *a, const char *vm, struct store_baseline *ret, struct err *err)
{
    return sql_get(store, a, SQL_BASELINE_LATEST, (struct sql_value[]){ sql_text(vm) }, 1, &baseline_record, ret, err);
}

bool store_baseline_get(struct store *store, struct arena *a, const char *vm, int64_t version, struct store_baseline *ret, struct err *err)
{
    return sql_get(store, a, SQL_BASELINE_GET, (struct sql_value[]){ sql_text(vm), sql_integer(version) }, 2, &baseline_record, ret, err);
}

bool store_baseline_list(struct store *store, struct arena *a, const char *vm, int64_t before_version, size_t limit,
                         const struct store_baseline **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer(before_version > 0 ? before_version : INT64_MAX), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_BASELINE_LIST, params, ARRAY_LEN(params), &baseline_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_baseline_accepted(struct store *store, struct arena *a, const char *vm, size_t limit, const struct store_baseline **ret,
                             size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) ||
        !sql_list(store, a, SQL_BASELINE_ACCEPTED, params, ARRAY_LEN(params), &baseline_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_baseline_change(struct store *store, const struct store_baseline *baseline, struct err *err)
{
    struct sql_value params[] = {
        sql_text(baseline->vm),          sql_integer(baseline->version), sql_integer(baseline->pinned),  sql_integer(baseline->until_ms),
        sql_integer(baseline->ended_ms), sql_text(baseline->ended_by),   sql_text(baseline->end_reason),
    };
    int64_t changes;

    if (!sql_write(store, SQL_BASELINE_CHANGE, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes || err_set(err, ERR_CONFLICT, "version %lld is not accepted (any more)", (long long)baseline->version);
}

bool store_baseline_changes(struct store *store, const char *vm, int64_t *ret, struct err *err)
{
    return sql_get_integer(store, SQL_BASELINE_CHANGES, (struct sql_value[]){ sql_text(vm) }, 1, ret, err);
}

bool store_baseline_next_end(struct store *store, const char *vm, int64_t *ret_ms, struct err *err)
{
    return sql_get_integer(store, SQL_BASELINE_NEXT_END, (struct sql_value[]){ sql_text(vm) }, 1, ret_ms, err);
}
