#include "base/limits.h"
#include "store/sql.h"

/* What agents say: contacts, the counter of their signed requests, and the tokens they reported. */

/* The order of CONTACT_COLUMNS. */
static const struct field contact_fields[] = {
    { FIELD_TEXT, offsetof(struct store_contact, vm), NULL },
    { FIELD_INTEGER, offsetof(struct store_contact, last_heartbeat_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_contact, last_report_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, boot_id), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, agent_version), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, kernel_version), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, state), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, last_error), NULL },
    { FIELD_TEXT, offsetof(struct store_contact, notes), NULL },
    { FIELD_INTEGER, offsetof(struct store_contact, reset_count), NULL },
    { FIELD_INTEGER, offsetof(struct store_contact, restart_count), NULL },
    { FIELD_INTEGER, offsetof(struct store_contact, ak_counter), NULL },
};
enum { CONTACT_FIELDS_OF_PUT = ARRAY_LEN(contact_fields) - 1 /* all but the counter */ };
static const struct record contact_record = RECORD("contact with this VM", struct store_contact, contact_fields);

/* The order of TOKEN_COLUMNS. */
static const struct field token_fields[] = {
    { FIELD_TEXT, offsetof(struct store_token, vm), NULL },
    { FIELD_TEXT, offsetof(struct store_token, jti), NULL },
    { FIELD_TEXT, offsetof(struct store_token, ak_name), NULL },
    { FIELD_TEXT, offsetof(struct store_token, boot_id), NULL },
    { FIELD_INTEGER, offsetof(struct store_token, reported_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_token, expires_ms), NULL },
};
static const struct record token_record = RECORD("token", struct store_token, token_fields);

bool store_contact_put(struct store *store, const struct store_contact *contact, struct err *err)
{
    struct sql_value params[ARRAY_LEN(contact_fields)];

    sql_fields(&contact_record, contact, ARRAY_LEN(params), params);
    return check_vm_uuid(contact->vm, err) && sql_write(store, SQL_CONTACT_PUT, params, CONTACT_FIELDS_OF_PUT, NULL, err);
}

bool store_contact_get(struct store *store, struct arena *a, const char *vm, struct store_contact *ret, struct err *err)
{
    return sql_get(store, a, SQL_CONTACT_GET, (struct sql_value[]){ sql_text(vm) }, 1, &contact_record, ret, err);
}

bool store_counter_advance(struct store *store, const char *vm, int64_t counter, struct err *err)
{
    struct sql_value params[] = { sql_text(vm), sql_integer(counter) };
    int64_t changes;

    if (!check_vm_uuid(vm, err))
        return false;
    if (counter < 0)
        return err_set(err, ERR_MALFORMED, "a request's counter is a number from 0");
    if (!sql_write(store, SQL_COUNTER_ADVANCE, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_DENIED, "the request's counter has been used already");
    return true;
}

struct reporting {
    const struct store_token *token;
    bool first;
};

static bool same_again(struct store *tx, const struct store_token *token, struct err *err)
{
    struct arena a = { 0 };
    struct store_token known;
    bool ok =
        sql_get(tx, &a, SQL_TOKEN_GET, (struct sql_value[]){ sql_text(token->vm), sql_text(token->jti) }, 2, &token_record, &known, err);

    if (ok && (strcmp(known.ak_name, token->ak_name) != 0 || strcmp(known.boot_id, token->boot_id) != 0))
        ok = err_set(err, ERR_CONFLICT, "this token was reported already, by another key or in another boot");
    arena_done(&a);
    return ok;
}

static bool report(struct store *tx, void *context, struct err *err)
{
    struct reporting *r = context;
    struct sql_value params[ARRAY_LEN(token_fields)];
    int64_t changes;

    sql_fields(&token_record, r->token, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_TOKEN_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    r->first = changes == 1;
    return r->first || same_again(tx, r->token, err);
}

bool store_token_report(struct store *store, const struct store_token *token, bool *ret_first, struct err *err)
{
    struct reporting r = { .token = token };

    if (!check_vm_uuid(token->vm, err) || !check_text("a token's id", token->jti, 256, err) || !store_transaction(store, report, &r, err))
        return false;
    *ret_first = r.first;
    return true;
}

bool store_token_prune(struct store *store, int64_t before_ms, int64_t *ret_n, struct err *err)
{
    return sql_write(store, SQL_TOKEN_PRUNE, (struct sql_value[]){ sql_integer(before_ms) }, 1, ret_n, err);
}
