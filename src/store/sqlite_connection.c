#include "store/sqlite_connection.h"
#include "base/clock.h"
#include "base/deadline.h"
#include <stdio.h>
#include <stdlib.h>

enum { BUSY_TIMEOUT_MS = 10000, BUSY_STEP_MS = 50, MAX_STATEMENT_TEXT = 2048, INSTRUCTIONS_BETWEEN_CLOCKS = 4096 };

/* ---- errors -------------------------------------------------------------------------------------------------------- */

/*                 primary or extended code   err           sentence; the first %s is the file, the second SQLite's words */
static const struct {
    int code;
    enum err_code err;
    const char *text;
} failures[] = {
    { SQLITE_CONSTRAINT_FOREIGNKEY, ERR_NOT_FOUND, "there is no such VM" },
    { SQLITE_CONSTRAINT_UNIQUE, ERR_CONFLICT, "it is there already" },
    { SQLITE_CONSTRAINT_PRIMARYKEY, ERR_CONFLICT, "it is there already" },
    { SQLITE_CONSTRAINT_NOTNULL, ERR_MALFORMED, "a required value is missing (%2$s)" },
    { SQLITE_FULL, ERR_IO, "the disk that holds %1$s is full: nothing was stored; free some space" },
    { SQLITE_CORRUPT, ERR_IO, "the database %1$s is damaged (%2$s): restore it from a backup" },
    { SQLITE_NOTADB, ERR_IO, "%1$s is not a database, or is damaged: restore it from a backup" },
    { SQLITE_IOERR, ERR_IO, "the system cannot read or write %1$s (%2$s): check the disk and its free space" },
    { SQLITE_CANTOPEN, ERR_IO, "%1$s cannot be opened: check that its folder exists and that this user may write there" },
    { SQLITE_PERM, ERR_IO, "%1$s cannot be opened: this user may not" },
    { SQLITE_READONLY, ERR_IO, "%1$s is not writable for this user" },
    { SQLITE_BUSY, ERR_IO, "%1$s is locked by another program: is a second server running on it?" },
    { SQLITE_LOCKED, ERR_IO, "%1$s is locked by another program: is a second server running on it?" },
    { SQLITE_NOMEM, ERR_NO_MEMORY, "out of memory" },
    { SQLITE_TOOBIG, ERR_LIMIT, "the value is too large for the database" },
};

static bool sqlite_failure(const struct sqlite_connection *connection, struct err *err)
{
    int code = sqlite3_extended_errcode(connection->db);
    bool waited = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED || (code & 0xff) == SQLITE_INTERRUPT;

    if (waited && !deadline_check("waiting for the database", err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        if (failures[i].code != code && failures[i].code != (code & 0xff))
            continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        return err_set(err, failures[i].err, failures[i].text, connection->file, sqlite3_errmsg(connection->db));
#pragma GCC diagnostic pop
    }
    return err_set(err, ERR_INTERNAL, "%s: %s (SQLite's code %d)", connection->file, sqlite3_errmsg(connection->db), code);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

/* Durable after commit (synchronous=FULL syncs the log on each commit); readers never wait for the writer (WAL). */
static const char writer_settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                                      "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;";
static const char reader_settings[] = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;";

/* Another program holds a lock that we need: for as long as the caller has time, in steps that grow as SQLite's own do. */
static int wait_for_lock(void *context, int tries)
{
    struct sqlite_connection *connection = context;
    int64_t now = clock_monotonic_ms(), step = 1 + 2 * tries;

    if (tries == 0)
        connection->busy_until_ms = now + deadline_left_ms(BUSY_TIMEOUT_MS);
    if (now >= connection->busy_until_ms)
        return 0;
    step = step < BUSY_STEP_MS ? step : BUSY_STEP_MS;
    step = step < connection->busy_until_ms - now ? step : connection->busy_until_ms - now;
    sqlite3_sleep((int)step);
    return 1;
}

static int is_late(void *context UNUSED) { return deadline_passed(); }

/* Turning a new file into WAL mode, and recovering a log, answer "busy" at once when another process does the same: SQLite does not call
 * the busy handler there, for fear of a deadlock. Waiting and trying again is what it asks for. */
static bool settle(struct sqlite_connection *connection, const char *settings, struct err *err)
{
    int64_t give_up = clock_monotonic_ms() + deadline_left_ms(BUSY_TIMEOUT_MS);

    while (sqlite3_exec(connection->db, settings, NULL, NULL, NULL) != SQLITE_OK) {
        if ((sqlite3_errcode(connection->db) & 0xff) != SQLITE_BUSY || clock_monotonic_ms() >= give_up)
            return sqlite_failure(connection, err);
        sqlite3_sleep(5);
    }
    return true;
}

bool sqlite_connection_open(const char *file, bool reads_only, struct sqlite_connection **ret, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    struct sqlite_connection *connection = calloc(1, sizeof *connection);

    if (!connection)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    connection->file = file;
    if (sqlite3_open_v2(file, &connection->db, flags, NULL) != SQLITE_OK) {
        if (connection->db)
            sqlite_failure(connection, err);
        else
            err_set(err, ERR_NO_MEMORY, "out of memory");
        sqlite_connection_close(connection);
        return false;
    }
    sqlite3_busy_handler(connection->db, wait_for_lock, connection);
    if (reads_only) /* interrupting a change would roll back what other members of its batch did */
        sqlite3_progress_handler(connection->db, INSTRUCTIONS_BETWEEN_CLOCKS, is_late, NULL);
    if (!settle(connection, reads_only ? reader_settings : writer_settings, err)) {
        sqlite_connection_close(connection);
        return false;
    }
    *ret = connection;
    return true;
}

void sqlite_connection_close(struct sqlite_connection *connection)
{
    if (!connection)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(connection->prepared[i]);
    sqlite3_close(connection->db);
    free(connection);
}

bool sqlite_connection_script(struct sqlite_connection *connection, const char *script, struct err *err)
{
    return sqlite3_exec(connection->db, script, NULL, NULL, NULL) == SQLITE_OK || sqlite_failure(connection, err);
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

/* Our parameters are $1, $2 …, which SQLite would number by first appearance; ?1, ?2 … mean what we mean. */
static bool prepare(struct sqlite_connection *connection, enum statement statement, struct err *err)
{
    char text[MAX_STATEMENT_TEXT];
    size_t len = strlen(statements[statement].text);

    if (len >= sizeof text)
        return err_set(err, ERR_INTERNAL, "the statement %s is too long", statements[statement].name);
    for (size_t i = 0; i <= len; i++)
        text[i] = statements[statement].text[i] == '$' ? '?' : statements[statement].text[i];
    if (sqlite3_prepare_v3(connection->db, text, -1, SQLITE_PREPARE_PERSISTENT, &connection->prepared[statement], NULL) != SQLITE_OK)
        return sqlite_failure(connection, err);
    return true;
}

static int bind(sqlite3_stmt *stmt, int at, const struct sql_value *value)
{
    switch (value->type) {
    case SQL_INTEGER:
        return sqlite3_bind_int64(stmt, at, value->integer);
    case SQL_TEXT:
        return sqlite3_bind_text64(stmt, at, (const char *)value->bytes.data, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case SQL_BYTES:
        if (value->bytes.len == 0)
            return sqlite3_bind_zeroblob(stmt, at, 0);
        return sqlite3_bind_blob64(stmt, at, value->bytes.data, value->bytes.len, SQLITE_STATIC);
    case SQL_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

static bool bind_all(struct sqlite_connection *connection, sqlite3_stmt *stmt, const struct sql_value *params, size_t n, struct err *err)
{
    if ((size_t)sqlite3_bind_parameter_count(stmt) != n)
        return err_set(err, ERR_INTERNAL, "a statement got %zu parameters: %.200s", n, sqlite3_sql(stmt));
    for (size_t i = 0; i < n; i++)
        if (bind(stmt, (int)i + 1, &params[i]) != SQLITE_OK)
            return sqlite_failure(connection, err);
    return true;
}

static struct sql_value column(sqlite3_stmt *stmt, int at)
{
    struct sql_value value = { 0 };

    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        value.type = SQL_INTEGER;
        value.integer = sqlite3_column_int64(stmt, at);
        break;
    case SQLITE_TEXT:
        value.type = SQL_TEXT;
        value.bytes.data = sqlite3_column_text(stmt, at);
        value.bytes.len = (size_t)sqlite3_column_bytes(stmt, at);
        break;
    case SQLITE_BLOB:
        value.type = SQL_BYTES;
        value.bytes.data = sqlite3_column_blob(stmt, at);
        value.bytes.len = (size_t)sqlite3_column_bytes(stmt, at);
        break;
    default:
        break;
    }
    return value;
}

static bool step_all(struct sqlite_connection *connection, sqlite3_stmt *stmt, const struct sql_rows *rows, struct err *err)
{
    struct sql_value columns[SQL_MAX_COLUMNS];
    int n = sqlite3_column_count(stmt);
    int code;

    if (n > SQL_MAX_COLUMNS)
        return err_set(err, ERR_INTERNAL, "a statement returns %d columns", n);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++)
            columns[i] = column(stmt, i);
        if (rows && !rows->row(rows->context, columns, (size_t)n, err))
            return false;
    }
    return code == SQLITE_DONE || sqlite_failure(connection, err);
}

bool sqlite_connection_run(struct sqlite_connection *connection, enum statement statement, const struct sql_value *params, size_t n_params,
                           const struct sql_rows *rows, int64_t *ret_changes, struct err *err)
{
    sqlite3_stmt *stmt;
    bool ok;

    if (!deadline_check("asking the database", err) || (!connection->prepared[statement] && !prepare(connection, statement, err)))
        return false;
    stmt = connection->prepared[statement];
    ok = bind_all(connection, stmt, params, n_params, err) && step_all(connection, stmt, rows, err);
    if (ok && ret_changes)
        *ret_changes = sqlite3_changes64(connection->db);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* they point into the caller's memory */
    return ok;
}
