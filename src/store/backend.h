/* store/backend.h: what a database must do for this folder: run one of our statements, and several as one. Private to src/store and its
 * tests.
 *
 * Statements are plain SQL with $1, $2 … as parameters; three types travel: 64-bit integers, text, bytes. A backend embeds struct store
 * as the first member of its own handles: the store's, and one for each running transaction. */
#pragma once
#include "store/statements.h"
#include "store/store.h"

enum sql_type { SQL_NULL, SQL_INTEGER, SQL_TEXT, SQL_BYTES };

struct sql_value {
    enum sql_type type;
    int64_t integer;
    struct bytes bytes; /* text without its NUL; a view that lives until the next row */
};

enum { SQL_MAX_COLUMNS = 24 };

/* Called for each row; false stops and fails. */
struct sql_rows {
    bool (*row)(void *context, const struct sql_value *columns, size_t n, struct err *err);
    void *context;
};

struct store_backend {
    /* Runs one statement with exactly the parameters it names. Outside a transaction a statement that writes is one of its own. *ret_changes
     * (may be NULL) is the number of rows written. A key that points nowhere is NOT_FOUND, a row that collides CONFLICT. */
    bool (*run)(struct store *store, enum statement statement, const struct sql_value *params, size_t n_params, const struct sql_rows *rows,
                int64_t *ret_changes, struct err *err);
    /* On the handle of a transaction: a savepoint within it. */
    bool (*transaction)(struct store *store, bool (*work)(struct store *tx, void *context, struct err *err), void *context,
                        struct err *err);
    void (*close)(struct store *store);
    void (*tell)(struct store *store, void (*on_abandoned)(void *context), void *context); /* store_on_abandoned; not of a transaction */
};

struct store {
    const struct store_backend *backend;
    bool is_transaction;
};

/* A step of the schema: statements, each ending in a semicolon, run in one transaction together with the note that they ran. Steps are
 * never edited once released; they only grow in number, and their version is their place, from 1. */
struct migration {
    const char *what;
    const char *script;
};

extern const struct migration migrations[];
extern const size_t n_migrations;

/* With another list of migrations, for the tests of migrating. */
MUST_CHECK bool sqlite_store_open(const char *file, const struct migration *list, size_t n, struct store **ret, struct err *err);
