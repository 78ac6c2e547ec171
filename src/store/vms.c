#include "base/limits.h"
#include "store/sql.h"

static const char *const power_names[] = { "unknown", "running", "off", NULL };

const char *store_power_name(enum store_power power) { return power_names[power]; }

/* The order of VM_COLUMNS. */
static const struct field vm_fields[] = {
    { FIELD_TEXT, offsetof(struct store_vm, vm), NULL },
    { FIELD_TEXT, offsetof(struct store_vm, name), NULL },
    { FIELD_TEXT, offsetof(struct store_vm, security_type), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_vm, secure_boot), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_vm, vtpm), NULL },
    { FIELD_INTEGER, offsetof(struct store_vm, monitoring_enabled_ms), NULL },
    { FIELD_NAME, offsetof(struct store_vm, power), power_names },
    { FIELD_INTEGER, offsetof(struct store_vm, power_since_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_vm, host), NULL },
    { FIELD_INTEGER, offsetof(struct store_vm, version), NULL },
    { FIELD_INTEGER, offsetof(struct store_vm, created_ms), NULL },
};
enum { VM_FIELDS_OF_UPDATE = ARRAY_LEN(vm_fields) - 1 /* all but created_ms */ };
static const struct record vm_record = RECORD("VM", struct store_vm, vm_fields);

static bool check_vm(const struct store_vm *vm, struct err *err)
{
    return check_vm_uuid(vm->vm, err) && check_text("a VM's name", vm->name, LIMIT_NAME_BYTES, err) &&
           check_text("a VM's security type", vm->security_type, LIMIT_NAME_BYTES, err);
}

static bool create(struct store *tx, void *context, struct err *err)
{
    struct store_vm vm = *(const struct store_vm *)context;
    struct sql_value params[ARRAY_LEN(vm_fields)];
    char owner[UUID_TEXT_LEN];
    int64_t changes;

    vm.version = 1;
    sql_fields(&vm_record, &vm, ARRAY_LEN(vm_fields), params);
    if (!sql_write(tx, SQL_VM_ADD, params, ARRAY_LEN(vm_fields), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "there is a VM %s already", vm.vm);
    return claim_take(tx, "name", vm.name, vm.vm, owner, err);
}

bool store_vm_create(struct store *store, const struct store_vm *vm, struct err *err)
{
    struct store_vm copy = *vm;

    return check_vm(vm, err) && store_transaction(store, create, &copy, err);
}

bool store_vm_get(struct store *store, struct arena *a, const char *vm, struct store_vm *ret, struct err *err)
{
    return sql_get(store, a, SQL_VM_GET, (struct sql_value[]){ sql_text(vm) }, 1, &vm_record, ret, err);
}

bool store_vm_by_name(struct store *store, struct arena *a, const char *name, struct store_vm *ret, struct err *err)
{
    char vm[UUID_TEXT_LEN];

    if (!check_text("a VM's name", name, LIMIT_NAME_BYTES, err))
        return false;
    if (!claim_owner(store, "name", name, vm, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no VM named %s", name) : false;
    return store_vm_get(store, a, vm, ret, err);
}

/* The old name is free for others, the new one is taken. */
static bool rename_claim(struct store *tx, const struct store_vm *vm, struct err *err)
{
    char before[CLAIM_TEXT_MAX], after[CLAIM_TEXT_MAX];
    struct arena a = { 0 };
    struct store_vm old;
    bool ok = store_vm_get(tx, &a, vm->vm, &old, err);

    if (ok) {
        claim_text("name", old.name, before);
        claim_text("name", vm->name, after);
        if (strcmp(before, after) != 0)
            ok = claim_take(tx, "name", vm->name, vm->vm, NULL, err) && claim_drop(tx, "name", old.name, vm->vm, err);
    }
    arena_done(&a);
    return ok;
}

static bool update(struct store *tx, void *context, struct err *err)
{
    const struct store_vm *vm = context;
    struct sql_value params[ARRAY_LEN(vm_fields)];
    int64_t changes;

    sql_fields(&vm_record, vm, ARRAY_LEN(vm_fields), params);
    if (!rename_claim(tx, vm, err) || !sql_write(tx, SQL_VM_UPDATE, params, VM_FIELDS_OF_UPDATE, &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "VM %s was changed meanwhile: read it again", vm->name);
    return true;
}

bool store_vm_update(struct store *store, const struct store_vm *vm, int64_t *ret_version, struct err *err)
{
    struct store_vm copy = *vm;

    if (!check_vm(vm, err) || !store_transaction(store, update, &copy, err))
        return false;
    if (ret_version)
        *ret_version = vm->version + 1;
    return true;
}

struct deletion {
    const char *vm;
    bool with_history;
};

static bool drop(struct store *tx, void *context, struct err *err)
{
    static const enum statement history[] = { SQL_VM_DROP_APPRAISALS, SQL_VM_DROP_EVIDENCE, SQL_VM_DROP_JUDGEMENTS, SQL_VM_DROP_BASELINES,
                                              SQL_VM_DROP_TOKENS };
    const struct deletion *deletion = context;
    struct sql_value vm[] = { sql_text(deletion->vm) };
    int64_t changes;

    if (!sql_write(tx, SQL_VM_DROP, vm, 1, &changes, err) || !sql_write(tx, SQL_CLAIMS_DROP, vm, 1, NULL, err) ||
        !sql_write(tx, SQL_PROVIDER_IDENTITY_RELEASE, vm, 1, NULL, err))
        return false;
    for (size_t i = 0; deletion->with_history && i < ARRAY_LEN(history); i++)
        if (!sql_write(tx, history[i], vm, 1, NULL, err))
            return false;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such VM");
    return true;
}

bool store_vm_delete(struct store *store, const char *vm, bool with_history, struct err *err)
{
    struct deletion deletion = { vm, with_history };

    return store_transaction(store, drop, &deletion, err);
}

bool store_vm_list(struct store *store, struct arena *a, const char *after_name, size_t limit, const struct store_vm **ret, size_t *ret_n,
                   struct err *err)
{
    struct sql_value params[] = { sql_text(after_name ? after_name : ""), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_VM_LIST, params, ARRAY_LEN(params), &vm_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_vm_count(struct store *store, int64_t *ret, struct err *err) { return sql_get_integer(store, SQL_VM_COUNT, NULL, 0, ret, err); }
