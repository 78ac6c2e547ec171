#include "base/limits.h"
#include "store/sql.h"

/* Appraisals, their evidence, and the judgements made from them. */

/* The order of APPRAISAL_COLUMNS. */
static const struct field appraisal_fields[] = {
    { FIELD_TEXT, offsetof(struct store_appraisal, id), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, vm), NULL },
    { FIELD_INTEGER, offsetof(struct store_appraisal, time_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, provider), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, verdict), NULL },
    { FIELD_INTEGER, offsetof(struct store_appraisal, reset_count), NULL },
    { FIELD_INTEGER, offsetof(struct store_appraisal, restart_count), NULL },
    { FIELD_INTEGER, offsetof(struct store_appraisal, clock), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, evidence_sha256), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, policy_hash), NULL },
    { FIELD_BYTES, offsetof(struct store_appraisal, record), NULL },
    { FIELD_TEXT, offsetof(struct store_appraisal, token_id), NULL },
};
static const struct record appraisal_record = RECORD("appraisal", struct store_appraisal, appraisal_fields);

/* The order of JUDGEMENT_COLUMNS. */
static const struct field judgement_fields[] = {
    { FIELD_TEXT, offsetof(struct store_judgement, vm), NULL },
    { FIELD_TEXT, offsetof(struct store_judgement, appraisal_id), NULL },
    { FIELD_INTEGER, offsetof(struct store_judgement, baseline_version), NULL },
    { FIELD_TEXT, offsetof(struct store_judgement, verdict), NULL },
    { FIELD_TEXT, offsetof(struct store_judgement, reason), NULL },
    { FIELD_INTEGER, offsetof(struct store_judgement, judged_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_judgement, findings), NULL },
    { FIELD_INTEGER, offsetof(struct store_judgement, since_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_judgement, baseline_changes), NULL },
};
static const struct record judgement_record = RECORD("judgement", struct store_judgement, judgement_fields);

/* ---- appraisals ---------------------------------------------------------------------------------------------------- */

struct appraisal_and_evidence {
    struct store_appraisal appraisal;
    struct bytes evidence;
    size_t keep;
};

/* What came later is the newer one, whatever the clock says: after it stepped back, a verdict that lies in the future must not outrank
 * the ones that follow it (attack-suite.md S5). */
static int64_t after(int64_t last_ms, int64_t time_ms) { return time_ms > last_ms ? time_ms : last_ms + 1; }

static bool add_evidence(struct store *tx, const struct appraisal_and_evidence *add, struct err *err)
{
    const struct store_appraisal *appraisal = &add->appraisal;
    struct sql_value row[] = { sql_text(appraisal->vm), sql_integer(appraisal->time_ms), sql_text(appraisal->id),
                               sql_bytes(add->evidence) };
    struct sql_value prune[] = { sql_text(appraisal->vm), sql_integer((int64_t)add->keep) };

    return sql_write(tx, SQL_EVIDENCE_ADD, row, ARRAY_LEN(row), NULL, err) &&
           sql_write(tx, SQL_EVIDENCE_PRUNE, prune, ARRAY_LEN(prune), NULL, err);
}

/* With each addition, so that there is never much to do, and nothing to forget. */
static bool prune_history(struct store *tx, enum statement statement, const char *vm, int64_t keep, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer(keep) };

    return sql_write(tx, statement, params, ARRAY_LEN(params), NULL, err);
}

static bool add_appraisal(struct store *tx, void *context, struct err *err)
{
    struct appraisal_and_evidence *add = context;
    struct sql_value params[ARRAY_LEN(appraisal_fields)], vm = sql_text(add->appraisal.vm);
    int64_t changes, last_ms;

    if (!sql_get_integer(tx, SQL_APPRAISAL_LAST_TIME, &vm, 1, &last_ms, err))
        return false;
    add->appraisal.time_ms = after(last_ms, add->appraisal.time_ms);
    sql_fields(&appraisal_record, &add->appraisal, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_APPRAISAL_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "there is an appraisal %s already", add->appraisal.id);
    return prune_history(tx, SQL_APPRAISAL_PRUNE, add->appraisal.vm, LIMIT_APPRAISALS_KEPT, err) &&
           (!add->evidence.data || add_evidence(tx, add, err));
}

bool store_appraisal_add(struct store *store, const struct store_appraisal *appraisal, struct bytes evidence, size_t keep_evidence,
                         struct err *err)
{
    struct appraisal_and_evidence add = { *appraisal, evidence, keep_evidence };

    return check_vm_uuid(appraisal->vm, err) && check_hex("an appraisal's id", appraisal->id, STORE_ID_TEXT_LEN - 1, err) &&
           check_hex("an evidence digest", appraisal->evidence_sha256, STORE_SHA256_TEXT_LEN - 1, err) &&
           store_transaction(store, add_appraisal, &add, err);
}

bool store_appraisal_get(struct store *store, struct arena *a, const char *vm, const char *id, struct store_appraisal *ret, struct err *err)
{
    return sql_get(store, a, SQL_APPRAISAL_GET, (struct sql_value[]){ sql_text(vm), sql_text(id) }, 2, &appraisal_record, ret, err);
}

bool store_appraisal_latest(struct store *store, struct arena *a, const char *vm, struct store_appraisal *ret, struct err *err)
{
    return sql_get(store, a, SQL_APPRAISAL_LATEST, (struct sql_value[]){ sql_text(vm) }, 1, &appraisal_record, ret, err);
}

/* A page of history, newest first, below the cursor. */
static bool list_before(struct store *store, struct arena *a, enum statement statement, const struct record *record, const char *vm,
                        struct store_cursor before, size_t limit, const void **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer(before.id ? before.time_ms : INT64_MAX), sql_text(before.id ? before.id : ""),
                                  sql_integer((int64_t)limit) };

    return check_page(limit, err) && sql_list(store, a, statement, params, ARRAY_LEN(params), record, ret, ret_n, err);
}

bool store_appraisal_list(struct store *store, struct arena *a, const char *vm, struct store_cursor before, size_t limit,
                          const struct store_appraisal **ret, size_t *ret_n, struct err *err)
{
    const void *rows;

    if (!list_before(store, a, SQL_APPRAISAL_LIST, &appraisal_record, vm, before, limit, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_appraisal_next(struct store *store, struct arena *a, const char *vm, struct store_cursor after, size_t limit,
                          const struct store_appraisal **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer(after.time_ms), sql_text(after.id ? after.id : ""),
                                  sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_APPRAISAL_NEXT, params, ARRAY_LEN(params), &appraisal_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_evidence_get(struct store *store, struct arena *a, const char *vm, const char *appraisal_id, struct bytes *ret, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_text(appraisal_id) };

    return sql_get_value(store, a, SQL_EVIDENCE_GET, params, ARRAY_LEN(params), "evidence kept", ret, err);
}

/* ---- judgements ---------------------------------------------------------------------------------------------------- */

struct judging {
    struct store_judgement judgement;
    bool changed;
};

/* Fills since_ms from the judgement before, and stands behind it. */
static bool look_back(struct store *tx, struct judging *j, struct err *err)
{
    struct arena a = { 0 };
    struct store_judgement last;
    bool found = store_judgement_latest(tx, &a, j->judgement.vm, &last, err);

    j->changed = !found || strcmp(last.verdict, j->judgement.verdict) != 0 || strcmp(last.reason, j->judgement.reason) != 0;
    if (found)
        j->judgement.judged_ms = after(last.judged_ms, j->judgement.judged_ms);
    j->judgement.since_ms = j->changed ? j->judgement.judged_ms : last.since_ms;
    arena_done(&a);
    return found || err->code == ERR_NOT_FOUND;
}

static bool add_judgement(struct store *tx, void *context, struct err *err)
{
    struct judging *j = context;
    struct sql_value params[ARRAY_LEN(judgement_fields)];
    int64_t changes;

    if (!look_back(tx, j, err))
        return false;
    sql_fields(&judgement_record, &j->judgement, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_JUDGEMENT_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "this appraisal was judged at this very moment already");
    return prune_history(tx, SQL_JUDGEMENT_PRUNE, j->judgement.vm, LIMIT_JUDGEMENTS_KEPT, err);
}

bool store_judgement_add(struct store *store, const struct store_judgement *judgement, int64_t *ret_since_ms, bool *ret_changed,
                         struct err *err)
{
    struct judging j = { .judgement = *judgement };

    if (!check_vm_uuid(judgement->vm, err) || !store_transaction(store, add_judgement, &j, err))
        return false;
    if (ret_since_ms)
        *ret_since_ms = j.judgement.since_ms;
    if (ret_changed)
        *ret_changed = j.changed;
    return true;
}

bool store_judgement_latest(struct store *store, struct arena *a, const char *vm, struct store_judgement *ret, struct err *err)
{
    return sql_get(store, a, SQL_JUDGEMENT_LATEST, (struct sql_value[]){ sql_text(vm) }, 1, &judgement_record, ret, err);
}

bool store_judgement_list(struct store *store, struct arena *a, const char *vm, struct store_cursor before, size_t limit,
                          const struct store_judgement **ret, size_t *ret_n, struct err *err)
{
    const void *rows;

    if (!list_before(store, a, SQL_JUDGEMENT_LIST, &judgement_record, vm, before, limit, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}
