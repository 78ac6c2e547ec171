#include "store/sqlite_writer.h"
#include <stdlib.h>

enum { MAX_BATCH = 64, BEGIN_TRIES = 3 };

struct sqlite_batch {
    pthread_cond_t ended;
    unsigned members; /* threads that still look at this struct */
    unsigned size;    /* members that have run */
    bool done;
    bool lost; /* SQLite rolled the whole transaction back (disk full, I/O error) */
    bool committed;
    struct err err;
};

void sqlite_writer_init(struct sqlite_writer *writer, struct sqlite_connection *connection)
{
    *writer = (struct sqlite_writer){ .connection = connection };
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->turn, NULL);
}

void sqlite_writer_done(struct sqlite_writer *writer)
{
    sqlite_connection_close(writer->connection);
    pthread_cond_destroy(&writer->turn);
    pthread_mutex_destroy(&writer->lock);
}

/* ---- taking turns -------------------------------------------------------------------------------------------------- */

static bool take_turn(struct sqlite_writer *writer, struct err *err)
{
    bool ours;

    pthread_mutex_lock(&writer->lock);
    ours = writer->taken && pthread_equal(writer->owner, pthread_self());
    if (!ours) {
        writer->waiting++;
        while (writer->taken)
            pthread_cond_wait(&writer->turn, &writer->lock);
        writer->waiting--;
        writer->taken = true;
        writer->owner = pthread_self();
    }
    pthread_mutex_unlock(&writer->lock);
    if (ours)
        return err_set(err, ERR_INTERNAL, "a write past the running transaction: use its own handle");
    return true;
}

/* With the lock held. */
static void pass_turn(struct sqlite_writer *writer)
{
    writer->taken = false;
    pthread_cond_signal(&writer->turn);
}

static void give_up_turn(struct sqlite_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    pass_turn(writer);
    pthread_mutex_unlock(&writer->lock);
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

/* BEGIN IMMEDIATE waits for other processes' locks; only there can the database be busy. */
static bool begin_batch(struct sqlite_writer *writer, struct err *err)
{
    struct sqlite_batch *batch = calloc(1, sizeof *batch);
    bool begun = false;

    if (!batch)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (int i = 0; i < BEGIN_TRIES && !begun; i++) {
        begun = sqlite_connection_script(writer->connection, "BEGIN IMMEDIATE", err);
        if (!begun && (sqlite3_errcode(writer->connection->db) & 0xff) != SQLITE_BUSY)
            break;
    }
    if (!begun) {
        free(batch);
        return false;
    }
    pthread_cond_init(&batch->ended, NULL);
    writer->batch = batch;
    return true;
}

/* Commits with the turn in hand, the lock not held. */
static void end_batch(struct sqlite_writer *writer, struct sqlite_batch *batch)
{
    struct err ignored;

    if (!batch->lost)
        batch->committed = sqlite_connection_script(writer->connection, "COMMIT", &batch->err);
    if (!batch->committed && !sqlite3_get_autocommit(writer->connection->db) &&
        !sqlite_connection_script(writer->connection, "ROLLBACK", &ignored))
        batch->committed = false; /* a failed rollback has ended the transaction all the same: SQLite keeps none open */
}

static bool leave_batch(struct sqlite_writer *writer, struct err *err)
{
    struct sqlite_batch *batch = writer->batch;
    bool committed, last;

    batch->size++;
    pthread_mutex_lock(&writer->lock);
    batch->members++;
    if (writer->waiting > 0 && batch->size < MAX_BATCH && !batch->lost) {
        pass_turn(writer);
        while (!batch->done)
            pthread_cond_wait(&batch->ended, &writer->lock);
    } else {
        pthread_mutex_unlock(&writer->lock);
        end_batch(writer, batch);
        pthread_mutex_lock(&writer->lock);
        batch->done = true;
        writer->batch = NULL;
        pthread_cond_broadcast(&batch->ended);
        pass_turn(writer);
    }
    committed = batch->committed;
    if (!committed)
        *err = batch->err;
    last = --batch->members == 0;
    pthread_mutex_unlock(&writer->lock);
    if (last) {
        pthread_cond_destroy(&batch->ended);
        free(batch);
    }
    return committed;
}

/* ---- members ------------------------------------------------------------------------------------------------------- */

static bool within_savepoint(struct sqlite_connection *connection, const char *const names[static 3],
                             bool (*work)(struct sqlite_connection *connection, void *context, struct err *err), void *context,
                             struct err *err)
{
    struct err why;

    if (!sqlite_connection_script(connection, names[0], err))
        return false;
    if (work(connection, context, err) && sqlite_connection_script(connection, names[1], err))
        return true;
    /* When SQLite has rolled everything back itself, there is no savepoint left to go back to. */
    if (!sqlite3_get_autocommit(connection->db) && !sqlite_connection_script(connection, names[2], &why))
        *err = why;
    return false;
}

bool sqlite_writer_nested(struct sqlite_connection *connection,
                          bool (*work)(struct sqlite_connection *connection, void *context, struct err *err), void *context,
                          struct err *err)
{
    static const char *const names[] = { "SAVEPOINT nested", "RELEASE nested", "ROLLBACK TO nested; RELEASE nested" };

    return within_savepoint(connection, names, work, context, err);
}

bool sqlite_writer_run(struct sqlite_writer *writer, bool (*work)(struct sqlite_connection *connection, void *context, struct err *err),
                       void *context, struct err *err)
{
    static const char *const names[] = { "SAVEPOINT member", "RELEASE member", "ROLLBACK TO member; RELEASE member" };
    struct err of_batch = ERR_INIT;
    bool ok;

    if (!take_turn(writer, err))
        return false;
    if (!writer->batch && !begin_batch(writer, err)) {
        give_up_turn(writer);
        return false;
    }
    ok = within_savepoint(writer->connection, names, work, context, err);
    if (sqlite3_get_autocommit(writer->connection->db)) {
        writer->batch->lost = true;
        writer->batch->err = *err;
    }
    if (leave_batch(writer, &of_batch))
        return ok;
    if (ok)
        *err = of_batch;
    return false;
}
