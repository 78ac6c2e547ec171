#include "store/operations.h"
#include "base/limits.h"
#include "store/sql.h"

enum {
    KIND_MAX_BYTES = 64,
    WHO_MAX_BYTES = 256,
    STEPS_MAX_BYTES = 64 * 1024,
    INPUT_MAX_BYTES = 2 * LIMIT_POLICY_BODY_BYTES,
    ID_DIGITS = STORE_ID_TEXT_LEN - 1
};

static const char *const state_names[] = { "Running", "Succeeded", "Failed", NULL };

const char *store_operation_state_name(enum store_operation_state state) { return state_names[state]; }

/* The order of OPERATION_COLUMNS. */
static const struct field operation_fields[] = {
    { FIELD_TEXT, offsetof(struct store_operation, id), NULL },
    { FIELD_TEXT, offsetof(struct store_operation, kind), NULL },
    { FIELD_TEXT, offsetof(struct store_operation, target), NULL },
    { FIELD_NAME, offsetof(struct store_operation, state), state_names },
    { FIELD_INTEGER, offsetof(struct store_operation, step), NULL },
    { FIELD_BYTES, offsetof(struct store_operation, input), NULL },
    { FIELD_TEXT, offsetof(struct store_operation, steps), NULL },
    { FIELD_TEXT, offsetof(struct store_operation, failure), NULL },
    { FIELD_INTEGER, offsetof(struct store_operation, started_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_operation, ended_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_operation, by), NULL },
};
static const struct record operation_record = RECORD("operation", struct store_operation, operation_fields);

static bool check_operation(const struct store_operation *o, struct err *err)
{
    if (o->input.len > INPUT_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "an operation's input has at most %d bytes, not %zu", INPUT_MAX_BYTES, o->input.len);
    return check_hex("an operation's id", o->id, ID_DIGITS, err) && check_text("an operation's kind", o->kind, KIND_MAX_BYTES, err) &&
           check_text("what an operation is about", o->target, LIMIT_NAME_BYTES, err) &&
           check_text("an operation's steps", o->steps, STEPS_MAX_BYTES, err) && check_text("who began it", o->by, WHO_MAX_BYTES, err);
}

bool store_operation_add(struct store *store, const struct store_operation *o, struct err *err)
{
    struct sql_value params[ARRAY_LEN(operation_fields)];
    int64_t changes;

    if (!check_operation(o, err))
        return false;
    sql_fields(&operation_record, o, ARRAY_LEN(params), params);
    if (!o->input.data)
        params[5] = sql_bytes(BYTES_NONE);
    if (!sql_write(store, SQL_OPERATION_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_CONFLICT, "there is an operation of that id already");
}

bool store_operation_update(struct store *store, const struct store_operation *o, struct err *err)
{
    struct sql_value params[] = { sql_text(o->id),      sql_text(state_names[o->state]), sql_integer(o->step), sql_text(o->steps),
                                  sql_text(o->failure), sql_integer(o->ended_ms),        sql_bytes(BYTES_NONE) };
    int64_t changes;

    if (!check_operation(o, err) || !sql_write(store, SQL_OPERATION_UPDATE, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no such operation");
}

bool store_operation_get(struct store *store, struct arena *a, const char *id, struct store_operation *ret, struct err *err)
{
    return sql_get(store, a, SQL_OPERATION_GET, (struct sql_value[]){ sql_text(id) }, 1, &operation_record, ret, err);
}

bool store_operation_list(struct store *store, struct arena *a, struct store_cursor before, size_t limit,
                          const struct store_operation **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_integer(before.id ? before.time_ms : INT64_MAX), sql_text(before.id ? before.id : ""),
                                  sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_OPERATION_LIST, params, ARRAY_LEN(params), &operation_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_operation_unfinished(struct store *store, struct arena *a, size_t limit, const struct store_operation **ret, size_t *ret_n,
                                struct err *err)
{
    struct sql_value params[] = { sql_text(state_names[STORE_OPERATION_RUNNING]), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) ||
        !sql_list(store, a, SQL_OPERATION_UNFINISHED, params, ARRAY_LEN(params), &operation_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_operation_prune(struct store *store, int64_t before_ms, struct err *err)
{
    struct sql_value params[] = { sql_integer(before_ms), sql_text(state_names[STORE_OPERATION_RUNNING]) };

    return sql_write(store, SQL_OPERATION_PRUNE, params, ARRAY_LEN(params), NULL, err);
}
