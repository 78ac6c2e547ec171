#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/deadline.h"
#include "base/signalled.h"
#include "store/sqlite_writer.h"

/* SQLite as a backend: one writer, and readers that are made as threads need them. */

enum { MAX_READERS = 16 };

struct sqlite_store {
    struct store base;
    char *file;
    struct sqlite_writer writer;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct sqlite_connection *idle;
    unsigned readers; /* idle and lent */
};

/* The handle that `work` of a transaction gets. */
struct sqlite_transaction {
    struct store base;
    struct sqlite_connection *connection;
};

/* ---- readers ------------------------------------------------------------------------------------------------------- */

static bool borrow_reader(struct sqlite_store *store, struct sqlite_connection **ret, struct err *err)
{
    bool opened;

    pthread_mutex_lock(&store->lock);
    while (!store->idle && store->readers >= MAX_READERS)
        if (!deadline_condition_wait(&store->returned, &store->lock)) {
            pthread_mutex_unlock(&store->lock);
            return deadline_fail("waiting to read the database", err);
        }
    if (store->idle) {
        *ret = store->idle;
        store->idle = (*ret)->next;
        pthread_mutex_unlock(&store->lock);
        return true;
    }
    store->readers++;
    pthread_mutex_unlock(&store->lock);

    opened = sqlite_connection_open(store->file, true, ret, err);
    if (!opened) {
        pthread_mutex_lock(&store->lock);
        store->readers--;
        pthread_cond_signal(&store->returned);
        pthread_mutex_unlock(&store->lock);
    }
    return opened;
}

static void return_reader(struct sqlite_store *store, struct sqlite_connection *connection)
{
    pthread_mutex_lock(&store->lock);
    connection->next = store->idle;
    store->idle = connection;
    pthread_cond_signal(&store->returned);
    pthread_mutex_unlock(&store->lock);
}

/* ---- one statement ------------------------------------------------------------------------------------------------- */

struct single_write {
    enum statement statement;
    const struct sql_value *params;
    size_t n_params;
    const struct sql_rows *rows;
    int64_t *changes;
};

static bool run_single(struct sqlite_connection *connection, void *context, struct err *err)
{
    const struct single_write *w = context;

    return sqlite_connection_run(connection, w->statement, w->params, w->n_params, w->rows, w->changes, err);
}

static bool sqlite_run(struct store *base, enum statement statement, const struct sql_value *params, size_t n_params,
                       const struct sql_rows *rows, int64_t *ret_changes, struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct single_write write = { statement, params, n_params, rows, ret_changes };
    struct sqlite_connection *reader;
    bool ok;

    if (statements[statement].kind == SQL_WRITE)
        return sqlite_writer_run(&store->writer, run_single, &write, err);
    if (!borrow_reader(store, &reader, err))
        return false;
    ok = run_single(reader, &write, err);
    return_reader(store, reader);
    return ok;
}

/* ---- transactions -------------------------------------------------------------------------------------------------- */

static bool transaction_run(struct store *base, enum statement statement, const struct sql_value *params, size_t n_params,
                            const struct sql_rows *rows, int64_t *ret_changes, struct err *err)
{
    struct sqlite_transaction *tx = (struct sqlite_transaction *)base;

    return sqlite_connection_run(tx->connection, statement, params, n_params, rows, ret_changes, err);
}

static bool transaction_nested(struct store *base, bool (*work)(struct store *tx, void *context, struct err *err), void *context,
                               struct err *err);
static void transaction_close(struct store *base UNUSED) {}

static const struct store_backend transaction_backend = { transaction_run, transaction_nested, transaction_close, NULL };

struct member {
    bool (*work)(struct store *tx, void *context, struct err *err);
    void *context;
};

static bool run_member(struct sqlite_connection *connection, void *context, struct err *err)
{
    const struct member *member = context;
    struct sqlite_transaction tx = { { &transaction_backend, true }, connection };

    return member->work(&tx.base, member->context, err);
}

static bool transaction_nested(struct store *base, bool (*work)(struct store *tx, void *context, struct err *err), void *context,
                               struct err *err)
{
    struct member member = { work, context };

    return sqlite_writer_nested(((struct sqlite_transaction *)base)->connection, run_member, &member, err);
}

static bool sqlite_transaction(struct store *base, bool (*work)(struct store *tx, void *context, struct err *err), void *context,
                               struct err *err)
{
    struct member member = { work, context };

    return sqlite_writer_run(&((struct sqlite_store *)base)->writer, run_member, &member, err);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

static void sqlite_close(struct store *base)
{
    struct sqlite_store *store = (struct sqlite_store *)base;

    while (store->idle) {
        struct sqlite_connection *next = store->idle->next;

        sqlite_connection_close(store->idle);
        store->idle = next;
    }
    sqlite_writer_done(&store->writer);
    pthread_cond_destroy(&store->returned);
    pthread_mutex_destroy(&store->lock);
    free(store->file);
    free(store);
}

static void sqlite_tell(struct store *base, void (*on_abandoned)(void *context), void *context)
{
    sqlite_writer_tell(&((struct sqlite_store *)base)->writer, on_abandoned, context);
}

static const struct store_backend sqlite_backend = { sqlite_run, sqlite_transaction, sqlite_close, sqlite_tell };

struct migrating {
    const char *file;
    const struct migration *list;
    size_t n;
};

static bool schema_version(struct sqlite_connection *connection, int64_t *ret, struct err *err);

static bool migrate(struct sqlite_connection *connection, void *context, struct err *err)
{
    const struct migrating *m = context;
    int64_t version;

    if (!schema_version(connection, &version, err))
        return false;
    if (version > (int64_t)m->n)
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s was made by a newer trueboot (schema %lld, this one knows %zu): install that version, or restore an older backup", m->file,
            (long long)version, m->n);
    for (size_t i = (size_t)version; i < m->n; i++) {
        struct sql_value note[] = { { .type = SQL_INTEGER, .integer = (int64_t)i + 1 },
                                    { .type = SQL_INTEGER, .integer = clock_now_ms() } };

        if (!sqlite_connection_script(connection, m->list[i].script, err) ||
            !sqlite_connection_run(connection, SQL_SCHEMA_NOTE, note, ARRAY_LEN(note), NULL, NULL, err))
            return err_within(err, "schema step %zu (%s)", i + 1, m->list[i].what);
    }
    return true;
}

static bool take_version(void *context, const struct sql_value *columns, size_t n UNUSED, struct err *err UNUSED)
{
    *(int64_t *)context = columns[0].integer;
    return true;
}

static bool schema_version(struct sqlite_connection *connection, int64_t *ret, struct err *err)
{
    struct sql_rows rows = { take_version, ret };

    return sqlite_connection_script(connection,
                                    "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                    " version BIGINT NOT NULL PRIMARY KEY, applied_ms BIGINT NOT NULL)",
                                    err) &&
           sqlite_connection_run(connection, SQL_SCHEMA_VERSION, NULL, 0, &rows, NULL, err);
}

/* SQLite gives its log and index files the mode of the database; so that is made first, for nobody else to read. */
static bool make_private(const char *file, struct err *err)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat st;

    if (fd < 0)
        return err_set(err, ERR_IO, "%s cannot be opened: %s", file, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_IO, "%s is not a regular file", file);
    }
    if (((st.st_mode & 0777) != 0600) && fchmod(fd, 0600) != 0) {
        close(fd);
        return err_set(err, ERR_IO, "%s belongs to another user: %s", file, strerror(errno));
    }
    close(fd);
    return true;
}

bool sqlite_store_open(const char *file, const struct migration *list, size_t n, struct store **ret, struct err *err)
{
    struct migrating migrating = { file, list, n };
    struct sqlite_connection *connection;
    struct sqlite_store *store;

    if (!make_private(file, err))
        return false;
    store = calloc(1, sizeof *store);
    if (!store || !(store->file = strdup(file))) {
        free(store);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (!sqlite_connection_open(store->file, false, &connection, err)) {
        free(store->file);
        free(store);
        return false;
    }
    store->base.backend = &sqlite_backend;
    pthread_mutex_init(&store->lock, NULL);
    signalled_init(&store->returned);
    if (!sqlite_writer_init(&store->writer, connection, err)) {
        sqlite_connection_close(connection);
        pthread_cond_destroy(&store->returned);
        pthread_mutex_destroy(&store->lock);
        free(store->file);
        free(store);
        return false;
    }
    if (!sqlite_writer_run(&store->writer, migrate, &migrating, err)) {
        sqlite_close(&store->base);
        return false;
    }
    *ret = &store->base;
    return true;
}
