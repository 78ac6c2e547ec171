#include "store/sql.h"

/* The order of IDENTITY_COLUMNS. */
static const struct field identity_fields[] = {
    { FIELD_TEXT, offsetof(struct store_identity, vm), NULL },
    { FIELD_TEXT, offsetof(struct store_identity, ak_name), NULL },
    { FIELD_BYTES, offsetof(struct store_identity, ak_cert), NULL },
    { FIELD_TEXT, offsetof(struct store_identity, ek_cert_sha256), NULL },
    { FIELD_TEXT, offsetof(struct store_identity, ek_pub_name), NULL },
    { FIELD_INTEGER, offsetof(struct store_identity, enrolled_ms), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_identity, active), NULL },
    { FIELD_TEXT, offsetof(struct store_identity, iak_sha256), NULL },
};
static const struct record identity_record = RECORD("TPM identity", struct store_identity, identity_fields);

/* Kinds of claims, in the words of the error that a conflict makes. */
static const char claim_ak[] = "attestation key";
static const char claim_ek_cert[] = "endorsement certificate";
static const char claim_ek[] = "endorsement key";
static const char claim_iak[] = "initial attestation key";

static bool check_identity(const struct store_identity *identity, struct err *err)
{
    for (size_t i = 0; i < identity->n_also_eks; i++)
        if (!check_hex("an EK name", identity->also_eks[i], 0, err))
            return false;
    return check_vm_uuid(identity->vm, err) && check_hex("an AK name", identity->ak_name, 0, err) &&
           (!identity->ek_cert_sha256 ||
            check_hex("an EK certificate's digest", identity->ek_cert_sha256, STORE_SHA256_TEXT_LEN - 1, err)) &&
           (!identity->ek_pub_name || check_hex("an EK name", identity->ek_pub_name, 0, err)) &&
           (!identity->iak_sha256 || check_hex("an IAK's digest", identity->iak_sha256, STORE_SHA256_TEXT_LEN - 1, err));
}

struct registration {
    struct store_identity identity;
    char owner[UUID_TEXT_LEN]; /* "" unless another VM has one of the keys */
};

/* An AK that becomes active in place of another begins counting its requests anew. */
static bool retire_others(struct store *tx, const struct store_identity *identity, struct err *err)
{
    struct sql_value params[] = { sql_text(identity->vm), sql_text(identity->ak_name) };
    int64_t changes;

    if (!sql_write(tx, SQL_IDENTITY_RETIRE, params, 2, &changes, err))
        return false;
    return changes == 0 || sql_write(tx, SQL_COUNTER_RESET, params, 1, NULL, err);
}

static bool enrol(struct store *tx, void *context, struct err *err)
{
    struct registration *r = context;
    const struct store_identity *identity = &r->identity;
    struct sql_value params[ARRAY_LEN(identity_fields)];

    /* The row first: a VM that does not exist is the better answer than a conflict. */
    sql_fields(&identity_record, identity, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_IDENTITY_PUT, params, ARRAY_LEN(params), NULL, err))
        return false;
    if (identity->ek_cert_sha256 && !claim_take(tx, claim_ek_cert, identity->ek_cert_sha256, identity->vm, r->owner, err))
        return false;
    if (identity->ek_pub_name && !claim_take(tx, claim_ek, identity->ek_pub_name, identity->vm, r->owner, err))
        return false;
    for (size_t i = 0; i < identity->n_also_eks; i++)
        if (!claim_take(tx, claim_ek, identity->also_eks[i], identity->vm, r->owner, err))
            return false;
    if (identity->iak_sha256 && !claim_take(tx, claim_iak, identity->iak_sha256, identity->vm, r->owner, err))
        return false;
    return claim_take(tx, claim_ak, identity->ak_name, identity->vm, r->owner, err) && retire_others(tx, identity, err);
}

bool store_identity_register(struct store *store, const struct store_identity *identity, char ret_owner[UUID_TEXT_LEN], struct err *err)
{
    struct registration r = { .identity = *identity };

    r.identity.active = true;
    if (!check_identity(identity, err))
        return false;
    if (store_transaction(store, enrol, &r, err))
        return true;
    if (ret_owner && err->code == ERR_CONFLICT)
        memcpy(ret_owner, r.owner, sizeof r.owner);
    return false;
}

bool store_identity_active(struct store *store, struct arena *a, const char *vm, struct store_identity *ret, struct err *err)
{
    return sql_get(store, a, SQL_IDENTITY_ACTIVE, (struct sql_value[]){ sql_text(vm) }, 1, &identity_record, ret, err);
}

bool store_identity_by_ak(struct store *store, struct arena *a, const char *ak_name, struct store_identity *ret, struct err *err)
{
    char vm[UUID_TEXT_LEN];

    if (!check_hex("an AK name", ak_name, 0, err) || !claim_owner(store, claim_ak, ak_name, vm, err))
        return false;
    return sql_get(store, a, SQL_IDENTITY_GET, (struct sql_value[]){ sql_text(vm), sql_text(ak_name) }, 2, &identity_record, ret, err);
}

bool store_identity_ek_owner(struct store *store, const char *ek_cert_sha256, char ret_vm[static UUID_TEXT_LEN], struct err *err)
{
    return check_hex("an EK certificate's digest", ek_cert_sha256, STORE_SHA256_TEXT_LEN - 1, err) &&
           claim_owner(store, claim_ek_cert, ek_cert_sha256, ret_vm, err);
}

bool store_identity_list(struct store *store, struct arena *a, const char *vm, const struct store_identity **ret, size_t *ret_n,
                         struct err *err)
{
    const void *rows;

    if (!sql_list(store, a, SQL_IDENTITY_LIST, (struct sql_value[]){ sql_text(vm) }, 1, &identity_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

/* Everything the VM has claimed but its name. */
static bool release(struct store *tx, void *context, struct err *err)
{
    const char *vm = context;
    char name[CLAIM_TEXT_MAX];
    struct arena a = { 0 };
    struct store_vm row;
    bool ok = store_vm_get(tx, &a, vm, &row, err);

    if (ok) {
        claim_text("name", row.name, name);
        ok = sql_write(tx, SQL_CLAIMS_DROP_KEYS, (struct sql_value[]){ sql_text(vm), sql_text(name) }, 2, NULL, err) &&
             sql_write(tx, SQL_IDENTITY_RETIRE, (struct sql_value[]){ sql_text(vm), sql_text("") }, 2, NULL, err) &&
             sql_write(tx, SQL_COUNTER_RESET, (struct sql_value[]){ sql_text(vm) }, 1, NULL, err);
    }
    arena_done(&a);
    return ok;
}

bool store_identity_release(struct store *store, const char *vm, struct err *err)
{
    char copy[UUID_TEXT_LEN];

    if (!check_vm_uuid(vm, err))
        return false;
    memcpy(copy, vm, sizeof copy);
    return store_transaction(store, release, copy, err);
}
