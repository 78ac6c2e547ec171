#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "base/uuid.h"
#include "store/providers.h"
#include "store/sql.h"

#define CLOCK_KEY "enrolment_tokens.clock" /* setting: the latest time that was seen, in milliseconds, decimal */
enum { CLOCK_STEP_MS = 20 * 1000 /* so far it may lie behind the truth */ };
#define KEPT_MS (30 * 24 * 60 * 60 * INT64_C(1000)) /* after its end */

/* The order of ENROLMENT_TOKEN_COLUMNS. */
static const struct field token_fields[] = {
    { FIELD_TEXT, offsetof(struct store_enrolment_token, sha256), NULL },
    { FIELD_TEXT, offsetof(struct store_enrolment_token, name), NULL },
    { FIELD_TEXT, offsetof(struct store_enrolment_token, provider), NULL },
    { FIELD_TEXT, offsetof(struct store_enrolment_token, vm), NULL },
    { FIELD_INTEGER, offsetof(struct store_enrolment_token, created_ms), NULL },
    { FIELD_INTEGER, offsetof(struct store_enrolment_token, expires_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_enrolment_token, by), NULL },
    { FIELD_INTEGER, offsetof(struct store_enrolment_token, used_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_enrolment_token, used_by), NULL },
};
static const struct record token_record = RECORD("enrolment token", struct store_enrolment_token, token_fields);

static bool check_token(const struct store_enrolment_token *t, struct err *err)
{
    return check_hex("a token's digest", t->sha256, STORE_SHA256_TEXT_LEN - 1, err) &&
           check_text("a token's name", t->name, LIMIT_NAME_BYTES, err) && check_text("whom it is for", t->vm, LIMIT_NAME_BYTES, err) &&
           (!t->provider[0] || check_text("its provider", t->provider, LIMIT_NAME_BYTES, err)) &&
           check_text("who made it", t->by, 4 * LIMIT_NAME_BYTES, err);
}

static bool add(struct store *tx, void *context, struct err *err)
{
    const struct store_enrolment_token *token = context;
    struct sql_value params[ARRAY_LEN(token_fields)], before = sql_integer(token->created_ms - KEPT_MS);
    int64_t changes, n;

    sql_fields(&token_record, token, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_ENROLMENT_TOKEN_SWEEP, &before, 1, NULL, err) ||
        !sql_get_integer(tx, SQL_ENROLMENT_TOKEN_COUNT, NULL, 0, &n, err))
        return false;
    if (n >= LIMIT_ENROLMENT_TOKENS)
        return err_set(err, ERR_LIMIT, "there are %d enrolment tokens already: revoke some", LIMIT_ENROLMENT_TOKENS);
    if (!sql_write(tx, SQL_ENROLMENT_TOKEN_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_CONFLICT, "there is such a token already");
}

bool store_enrolment_token_add(struct store *store, const struct store_enrolment_token *token, struct err *err)
{
    return check_token(token, err) && store_transaction(store, add, (void *)(uintptr_t)token, err);
}

bool store_enrolment_token_get(struct store *store, struct arena *a, const char *sha256, struct store_enrolment_token *ret, struct err *err)
{
    return sql_get(store, a, SQL_ENROLMENT_TOKEN_GET, (struct sql_value[]){ sql_text(sha256) }, 1, &token_record, ret, err);
}

bool store_enrolment_token_list(struct store *store, struct arena *a, const char *after_sha256, size_t limit,
                                const struct store_enrolment_token **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(after_sha256 ? after_sha256 : ""), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) ||
        !sql_list(store, a, SQL_ENROLMENT_TOKEN_LIST, params, ARRAY_LEN(params), &token_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_enrolment_token_use(struct store *store, const char *sha256, const char *vm, int64_t now_ms, struct err *err)
{
    struct sql_value params[] = { sql_text(sha256), sql_integer(now_ms), sql_text(vm) };
    int64_t changes;

    if (!sql_write(store, SQL_ENROLMENT_TOKEN_USE, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_CONFLICT, "the enrolment token was used meanwhile, or has expired");
}

/* What is no number was none of ours: as if nothing had been seen. */
static bool read_clock(struct store *store, bool *ret_known, int64_t *ret_ms, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes text;
    char digits[24] = "";

    *ret_known = false;
    if (!store_setting_get(store, &a, CLOCK_KEY, &text, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(text));
    *ret_known = text.len > 0 && text.len < sizeof digits && strspn(digits, "0123456789") == text.len;
    *ret_ms = *ret_known ? strtoll(digits, NULL, 10) : 0;
    return true;
}

struct clock_step {
    int64_t now_ms, back_ms;
};

static bool follow(struct store *tx, void *context, struct err *err)
{
    struct clock_step *step = context;
    struct sql_value shift[2];
    int64_t seen_ms;
    char text[24];
    bool known;

    if (!read_clock(tx, &known, &seen_ms, err))
        return false;
    step->back_ms = known && step->now_ms < seen_ms ? seen_ms - step->now_ms : 0;
    shift[0] = sql_integer(step->back_ms);
    shift[1] = sql_integer(step->now_ms); /* the others have ended by either time */
    snprintf(text, sizeof text, "%lld", (long long)step->now_ms);
    return (step->back_ms == 0 || sql_write(tx, SQL_ENROLMENT_TOKEN_SHIFT, shift, ARRAY_LEN(shift), NULL, err)) &&
           store_setting_put(tx, CLOCK_KEY, bytes_of_string(text), err);
}

bool store_enrolment_tokens_follow_clock(struct store *store, int64_t now_ms, int64_t *ret_back_ms, struct err *err)
{
    struct clock_step step = { now_ms, 0 };
    int64_t seen_ms;
    bool known;

    *ret_back_ms = 0;
    if (!read_clock(store, &known, &seen_ms, err))
        return false;
    if (known && now_ms >= seen_ms && now_ms - seen_ms < CLOCK_STEP_MS)
        return true;
    if (!store_transaction(store, follow, &step, err))
        return false;
    *ret_back_ms = step.back_ms;
    return true;
}

bool store_enrolment_token_delete(struct store *store, const char *sha256, struct err *err)
{
    int64_t changes;

    if (!sql_write(store, SQL_ENROLMENT_TOKEN_DROP, (struct sql_value[]){ sql_text(sha256) }, 1, &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no such enrolment token");
}
