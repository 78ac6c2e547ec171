#include "store/sqlite_writer.h"
#include <stdlib.h>
#include "base/clock.h"
#include "base/deadline.h"
#include "base/signalled.h"

enum { MAX_BATCH = 64, BEGIN_TRIES = 3 };

struct sqlite_batch {
    pthread_cond_t ended;
    unsigned members; /* that still look at this struct: the writer while it is its batch, and threads */
    unsigned size;    /* members that have run */
    bool done;
    bool lost; /* SQLite rolled the whole transaction back (disk full, I/O error) */
    bool committed;
    bool abandoned; /* a member whose part ran did not wait for the end */
    struct err err;
};

/* ---- waiting ------------------------------------------------------------------------------------------------------- */

bool deadline_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    enum { NO_DEADLINE_MS = 3600 * 1000 }; /* whoever has none looks again after an hour */

    if (deadline_passed())
        return false;
    signalled_wait(condition, lock, clock_monotonic_ms() + deadline_left_ms(NO_DEADLINE_MS));
    return true;
}

/* ---- taking turns -------------------------------------------------------------------------------------------------- */

static bool take_turn(struct sqlite_writer *writer, struct err *err)
{
    bool ours, taken = false;

    pthread_mutex_lock(&writer->lock);
    ours = writer->taken && pthread_equal(writer->owner, pthread_self());
    if (!ours) {
        writer->waiting++;
        while (writer->taken && deadline_condition_wait(&writer->turn, &writer->lock))
            ;
        writer->waiting--;
        /* A turn that is free is taken, however late: an open batch may depend on it. */
        taken = !writer->taken;
        if (taken) {
            writer->taken = true;
            writer->owner = pthread_self();
        }
    }
    pthread_mutex_unlock(&writer->lock);
    if (ours)
        return err_set(err, ERR_INTERNAL, "a write past the running transaction: use its own handle");
    return taken || deadline_fail("waiting to write to the database", err);
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
    signalled_init(&batch->ended);
    batch->members = 1;
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

/* With the lock held. */
static void let_go(struct sqlite_batch *batch)
{
    if (--batch->members > 0)
        return;
    pthread_cond_destroy(&batch->ended);
    free(batch);
}

/* With the lock held, and the turn. */
static void commit(struct sqlite_writer *writer)
{
    struct sqlite_batch *batch = writer->batch;
    bool tell;

    pthread_mutex_unlock(&writer->lock);
    end_batch(writer, batch);
    pthread_mutex_lock(&writer->lock);
    writer->full = false;
    writer->batch = NULL;
    batch->done = true;
    tell = batch->abandoned && batch->committed && writer->on_abandoned;
    pthread_cond_broadcast(&batch->ended);
    pass_turn(writer);
    let_go(batch);
    if (!tell)
        return;
    pthread_mutex_unlock(&writer->lock);
    writer->on_abandoned(writer->on_abandoned_context);
    pthread_mutex_lock(&writer->lock);
}

static void *run_committer(void *context)
{
    struct sqlite_writer *writer = context;

    pthread_mutex_lock(&writer->lock);
    while (writer->full || !writer->stop) {
        if (writer->full)
            commit(writer);
        else
            pthread_cond_wait(&writer->wake, &writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static bool leave_batch(struct sqlite_writer *writer, struct err *err)
{
    struct sqlite_batch *batch = writer->batch;
    bool committed;

    batch->size++;
    pthread_mutex_lock(&writer->lock);
    batch->members++;
    if (writer->waiting > 0 && batch->size < MAX_BATCH && !batch->lost) {
        pass_turn(writer);
    } else {
        writer->full = true;
        writer->owner = writer->committer;
        pthread_cond_signal(&writer->wake);
    }
    while (!batch->done && deadline_condition_wait(&batch->ended, &writer->lock))
        ;
    committed = batch->done && batch->committed;
    if (!batch->done) {
        batch->abandoned = true;
        err_set(err, ERR_LATE, "the disk takes too long: what was asked for may be stored yet; look before you try again");
    } else if (!committed) {
        *err = batch->err;
    }
    let_go(batch);
    pthread_mutex_unlock(&writer->lock);
    if (committed)
        deadline_note_stored();
    return committed;
}

/* ---- making one ---------------------------------------------------------------------------------------------------- */

bool sqlite_writer_init(struct sqlite_writer *writer, struct sqlite_connection *connection, struct err *err)
{
    *writer = (struct sqlite_writer){ .connection = connection };
    pthread_mutex_init(&writer->lock, NULL);
    signalled_init(&writer->turn);
    pthread_cond_init(&writer->wake, NULL);
    if (pthread_create(&writer->committer, NULL, run_committer, writer) == 0)
        return true;
    writer->stop = true; /* there is nobody to join */
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->turn);
    pthread_mutex_destroy(&writer->lock);
    return err_set(err, ERR_NO_MEMORY, "no thread for the database");
}

void sqlite_writer_done(struct sqlite_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->committer, NULL);
    sqlite_connection_close(writer->connection);
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->turn);
    pthread_mutex_destroy(&writer->lock);
}

void sqlite_writer_tell(struct sqlite_writer *writer, void (*on_abandoned)(void *context), void *context)
{
    pthread_mutex_lock(&writer->lock);
    writer->on_abandoned = on_abandoned;
    writer->on_abandoned_context = context;
    pthread_mutex_unlock(&writer->lock);
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
