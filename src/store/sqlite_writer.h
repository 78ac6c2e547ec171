/* store/sqlite_writer.h: the one connection that writes, shared by all threads with group commit. Private to src/store.
 *
 * Each transaction is a savepoint inside a batch. Whoever finishes while others wait leaves the batch open and sleeps until its commit;
 * the last one commits for all, with one sync of the disk. Nobody is told of success (or of a conflict that rests on what the batch
 * wrote) before the batch is on disk.
 *
 * Nobody waits past their deadline (base/deadline.h): neither for the turn, which leaves nothing behind, nor, once their part has run, for a commit
 * that the disk holds up. For the latter's sake a thread of its own commits. What was given up on then is stored all the same when the disk
 * comes round: `on_abandoned` is told, so that whoever keeps a copy in memory reads it again. */
#pragma once
#include <pthread.h>
#include "store/sqlite_connection.h"

struct sqlite_batch;

struct sqlite_writer {
    struct sqlite_connection *connection;
    pthread_mutex_t lock; /* of what follows; never held while SQL runs */
    pthread_cond_t turn;  /* the writer is free */
    bool taken;
    pthread_t owner; /* while taken */
    unsigned waiting;
    struct sqlite_batch *batch; /* open, or NULL */
    bool full;                  /* the batch is to be committed, and the turn is the committer's */
    bool stop;
    pthread_cond_t wake; /* the committer */
    pthread_t committer;
    void (*on_abandoned)(void *context); /* may be NULL */
    void *on_abandoned_context;
};

MUST_CHECK bool sqlite_writer_init(struct sqlite_writer *writer, struct sqlite_connection *connection, struct err *err);
void sqlite_writer_done(struct sqlite_writer *writer); /* the connection is closed with it */

void sqlite_writer_tell(struct sqlite_writer *writer, void (*on_abandoned)(void *context), void *context);

/* Waiting on a condition at most until this thread's deadline: false when that has passed. Conditions are made by signalled_init. */
MUST_CHECK bool deadline_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock);

/* Runs `work` alone on the connection, as a member of a batch; true when it returned true and the batch is committed. */
MUST_CHECK bool sqlite_writer_run(struct sqlite_writer *writer,
                                  bool (*work)(struct sqlite_connection *connection, void *context, struct err *err), void *context,
                                  struct err *err);
/* `work` inside a member's own work: a savepoint. */
MUST_CHECK bool sqlite_writer_nested(struct sqlite_connection *connection,
                                     bool (*work)(struct sqlite_connection *connection, void *context, struct err *err), void *context,
                                     struct err *err);
