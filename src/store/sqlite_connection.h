/* store/sqlite_connection.h: one connection to an SQLite database, its prepared statements, and its errors as sentences. Private to
 * src/store. A connection is used by one thread at a time. */
#pragma once
#include <sqlite3.h>
#include "store/backend.h"

struct sqlite_connection {
    sqlite3 *db;
    const char *file; /* borrowed */
    sqlite3_stmt *prepared[STATEMENT_COUNT];
    struct sqlite_connection *next; /* in a list of idle ones */
    int64_t busy_until_ms;          /* while another program holds a lock: when waiting for it ends */
};

MUST_CHECK bool sqlite_connection_open(const char *file, bool reads_only, struct sqlite_connection **ret, struct err *err);
void sqlite_connection_close(struct sqlite_connection *connection); /* NULL is fine */

MUST_CHECK bool sqlite_connection_run(struct sqlite_connection *connection, enum statement statement, const struct sql_value *params,
                                      size_t n_params, const struct sql_rows *rows, int64_t *ret_changes, struct err *err);
/* Several statements without parameters or rows: transactions and migrations. */
MUST_CHECK bool sqlite_connection_script(struct sqlite_connection *connection, const char *script, struct err *err);
