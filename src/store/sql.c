#include "store/sql.h"
#include <stdatomic.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "store/statistics.h"

const struct statement_info statements[STATEMENT_COUNT] = {
#define X(name, kind, text) { #name, SQL_##kind, text },
    STATEMENTS(X)
#undef X
};

struct sql_value sql_integer(int64_t value) { return (struct sql_value){ .type = SQL_INTEGER, .integer = value }; }

struct sql_value sql_text(const char *text)
{
    if (!text)
        return (struct sql_value){ .type = SQL_NULL };
    return (struct sql_value){ .type = SQL_TEXT, .bytes = bytes_of_string(text) };
}

struct sql_value sql_bytes(struct bytes value) { return (struct sql_value){ .type = SQL_BYTES, .bytes = value }; }

/* ---- fields -------------------------------------------------------------------------------------------------------- */

static struct sql_value field_value(const struct field *field, const void *row)
{
    const char *at = (const char *)row + field->offset;
    const char *text;
    struct bytes bytes;
    int64_t integer;
    int number;
    bool flag;

    switch (field->kind) {
    case FIELD_TEXT:
        memcpy(&text, at, sizeof text);
        return sql_text(text);
    case FIELD_INTEGER:
        memcpy(&integer, at, sizeof integer);
        return sql_integer(integer);
    case FIELD_BOOLEAN:
        memcpy(&flag, at, sizeof flag);
        return sql_integer(flag);
    case FIELD_NAME:
        memcpy(&number, at, sizeof number);
        return sql_text(field->names[number]);
    case FIELD_BYTES:
        break;
    }
    memcpy(&bytes, at, sizeof bytes);
    return bytes.data ? sql_bytes(bytes) : sql_text(NULL);
}

void sql_fields(const struct record *record, const void *row, size_t n, struct sql_value *params)
{
    for (size_t i = 0; i < n; i++)
        params[i] = field_value(&record->fields[i], row);
}

static bool read_text(struct arena *a, const struct sql_value *value, void *at, struct err *err)
{
    const char *text = NULL;

    if (value->type != SQL_NULL && !(text = arena_string(a, value->bytes)))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    memcpy(at, &text, sizeof text);
    return true;
}

static bool read_blob(struct arena *a, const struct sql_value *value, void *at, struct err *err)
{
    struct bytes bytes = BYTES_NONE;

    if (value->type != SQL_NULL && !arena_copy(a, value->bytes, &bytes))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    memcpy(at, &bytes, sizeof bytes);
    return true;
}

static bool read_name(const struct field *field, const struct sql_value *value, void *at, struct err *err)
{
    for (int i = 0; field->names[i]; i++) {
        if (value->type == SQL_TEXT && bytes_equal_string(value->bytes, field->names[i])) {
            memcpy(at, &i, sizeof i);
            return true;
        }
    }
    return err_set(err, ERR_IO, "the database holds a word that this version does not know: %.*s", BYTES_FMT(value->bytes));
}

static bool read_field(struct arena *a, const struct field *field, const struct sql_value *value, void *row, struct err *err)
{
    char *at = (char *)row + field->offset;
    bool flag = value->integer != 0;

    switch (field->kind) {
    case FIELD_TEXT:
        return read_text(a, value, at, err);
    case FIELD_INTEGER:
        memcpy(at, &value->integer, sizeof value->integer);
        return true;
    case FIELD_BOOLEAN:
        memcpy(at, &flag, sizeof flag);
        return true;
    case FIELD_NAME:
        return read_name(field, value, at, err);
    case FIELD_BYTES:
        break;
    }
    return read_blob(a, value, at, err);
}

static bool read_record(struct arena *a, const struct record *record, const struct sql_value *columns, size_t n, void *row, struct err *err)
{
    if (n != record->n)
        return err_set(err, ERR_INTERNAL, "a statement returns %zu columns for the %zu fields of a %s", n, record->n, record->what);
    for (size_t i = 0; i < n; i++)
        if (!read_field(a, &record->fields[i], &columns[i], row, err))
            return false;
    return true;
}

/* ---- statistics ------------------------------------------------------------------------------------------------------ */

static struct {
    atomic_ullong statements, microseconds, errors;
} counted[2]; /* of reads, of writes; a statement costs far more than this */

void store_statistics(struct store_statistics *ret)
{
    for (int k = 0; k < 2; k++) {
        ret->statements[k] = counted[k].statements;
        ret->microseconds[k] = counted[k].microseconds;
        ret->errors[k] = counted[k].errors;
    }
}

/* Every statement passes here. What a row's rules refuse is no failure of the database. */
static bool run(struct store *store, enum statement statement, const struct sql_value *params, size_t n, const struct sql_rows *rows,
                int64_t *ret_changes, struct err *err)
{
    int kind = statements[statement].kind == SQL_WRITE;
    int64_t start = clock_monotonic_us();
    bool fine = store->backend->run(store, statement, params, n, rows, ret_changes, err);

    counted[kind].statements++;
    counted[kind].microseconds += (unsigned long long)(clock_monotonic_us() - start);
    counted[kind].errors += !fine && err->code == ERR_IO;
    return fine;
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

bool sql_write(struct store *store, enum statement statement, const struct sql_value *params, size_t n, int64_t *ret_changes,
               struct err *err)
{
    return run(store, statement, params, n, NULL, ret_changes, err);
}

struct collected {
    struct arena *arena;
    const struct record *record;
    char *rows; /* n of record->size bytes */
    size_t n, capacity;
};

static bool collect(void *context, const struct sql_value *columns, size_t n, struct err *err)
{
    struct collected *c = context;

    if (c->n == c->capacity) {
        size_t more = c->capacity ? 2 * c->capacity : 4;
        char *rows = arena_grow(c->arena, c->rows, c->n, more, c->record->size);

        if (!rows)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        c->rows = rows;
        c->capacity = more;
    }
    if (!read_record(c->arena, c->record, columns, n, c->rows + c->n * c->record->size, err))
        return false;
    c->n++;
    return true;
}

bool sql_list(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
              const struct record *record, const void **ret, size_t *ret_n, struct err *err)
{
    struct collected c = { .arena = a, .record = record };
    struct sql_rows rows = { collect, &c };

    if (!run(store, statement, params, n, &rows, NULL, err))
        return false;
    *ret = c.rows;
    *ret_n = c.n;
    return true;
}

bool sql_get(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
             const struct record *record, void *ret, struct err *err)
{
    const void *rows;
    size_t n_rows;

    if (!sql_list(store, a, statement, params, n, record, &rows, &n_rows, err))
        return false;
    if (n_rows == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such %s", record->what);
    memcpy(ret, rows, record->size);
    return true;
}

struct single {
    struct arena *arena;
    bool found;
    int64_t integer;
    struct bytes bytes;
};

static bool take_single(void *context, const struct sql_value *columns, size_t n, struct err *err)
{
    struct single *s = context;

    if (n != 1)
        return err_set(err, ERR_INTERNAL, "a statement returns %zu columns instead of one", n);
    s->found = true;
    s->integer = columns[0].integer;
    if (s->arena && !arena_copy(s->arena, columns[0].bytes, &s->bytes))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return true;
}

bool sql_get_integer(struct store *store, enum statement statement, const struct sql_value *params, size_t n, int64_t *ret, struct err *err)
{
    struct single s = { 0 };
    struct sql_rows rows = { take_single, &s };

    if (!run(store, statement, params, n, &rows, NULL, err))
        return false;
    if (!s.found)
        return err_set(err, ERR_INTERNAL, "a statement that counts returned nothing");
    *ret = s.integer;
    return true;
}

bool sql_get_value(struct store *store, struct arena *a, enum statement statement, const struct sql_value *params, size_t n,
                   const char *what, struct bytes *ret, struct err *err)
{
    struct single s = { .arena = a };
    struct sql_rows rows = { take_single, &s };

    if (!run(store, statement, params, n, &rows, NULL, err))
        return false;
    if (!s.found)
        return err_set(err, ERR_NOT_FOUND, "there is no such %s", what);
    *ret = s.bytes;
    return true;
}

/* ---- rules --------------------------------------------------------------------------------------------------------- */

bool check_vm_uuid(const char *vm, struct err *err)
{
    char canonical[UUID_TEXT_LEN];

    if (!vm || !uuid_canonical(bytes_of_string(vm), canonical) || strcmp(canonical, vm) != 0)
        return err_set(err, ERR_MALFORMED, "a VM is named by its UUID in lower case, not by \"%.64s\"", vm ? vm : "");
    return true;
}

bool check_hex(const char *what, const char *text, size_t len, struct err *err)
{
    size_t n = text ? strlen(text) : 0;

    if (n == 0 || n % 2 != 0 || n > 256 || (len != 0 && n != len) || strspn(text, "0123456789abcdef") != n)
        return err_set(err, ERR_MALFORMED, "%s must be lower-case hexadecimal digits", what);
    return true;
}

bool check_text(const char *what, const char *text, size_t max, struct err *err)
{
    if (!text || !*text)
        return err_set(err, ERR_MALFORMED, "%s is missing", what);
    if (strlen(text) > max)
        return err_set(err, ERR_MALFORMED, "%s is longer than %zu bytes", what, max);
    if (!utf8_is_valid(bytes_of_string(text)))
        return err_set(err, ERR_MALFORMED, "%s is not valid UTF-8", what);
    return true;
}

bool check_page(size_t limit, struct err *err)
{
    if (limit == 0 || limit > LIMIT_LIST_PAGE)
        return err_set(err, ERR_LIMIT, "a list page has 1 to %d rows, not %zu", LIMIT_LIST_PAGE, limit);
    return true;
}

/* ---- claims -------------------------------------------------------------------------------------------------------- */

void claim_text(const char *kind, const char *text, char out[static CLAIM_TEXT_MAX])
{
    snprintf(out, CLAIM_TEXT_MAX, "%s:%s", kind, text);
    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

bool claim_owner(struct store *store, const char *kind, const char *text, char ret_vm[static UUID_TEXT_LEN], struct err *err)
{
    char claim[CLAIM_TEXT_MAX];
    struct arena a = { 0 };
    struct bytes owner;
    bool found;

    claim_text(kind, text, claim);
    found = sql_get_value(store, &a, SQL_CLAIM_OWNER, (struct sql_value[]){ sql_text(claim) }, 1, kind, &owner, err);
    if (found && !uuid_canonical(owner, ret_vm))
        found = err_set(err, ERR_IO, "the database names a VM that is no UUID");
    arena_done(&a);
    return found;
}

bool claim_take(struct store *store, const char *kind, const char *text, const char *vm, char *ret_owner, struct err *err)
{
    char claim[CLAIM_TEXT_MAX];
    char owner[UUID_TEXT_LEN];
    int64_t changes;

    claim_text(kind, text, claim);
    if (!sql_write(store, SQL_CLAIM_ADD, (struct sql_value[]){ sql_text(claim), sql_text(vm) }, 2, &changes, err))
        return false;
    if (changes == 1)
        return true;
    if (!claim_owner(store, kind, text, owner, err))
        return false;
    if (strcmp(owner, vm) == 0)
        return true;
    if (ret_owner)
        memcpy(ret_owner, owner, sizeof owner);
    return err_set(err, ERR_CONFLICT, "the %s belongs to VM %s already", kind, owner);
}

bool claim_drop(struct store *store, const char *kind, const char *text, const char *vm, struct err *err)
{
    char claim[CLAIM_TEXT_MAX];

    claim_text(kind, text, claim);
    return sql_write(store, SQL_CLAIM_DROP, (struct sql_value[]){ sql_text(claim), sql_text(vm) }, 2, NULL, err);
}
