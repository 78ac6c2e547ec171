/* store/operations.h: long-running work that is tracked: what it is, how far it came, how it ended (control-plane.md 1.1).
 *
 * A row outlives the process that works on it: one that is "Running" without a worker is finished, or marked failed, by the next start. The
 * rules of store/store.h hold: shapes, ownership, threads, errors. */
#pragma once
#include "store/store.h"

enum store_operation_state { STORE_OPERATION_RUNNING, STORE_OPERATION_SUCCEEDED, STORE_OPERATION_FAILED };

const char *store_operation_state_name(enum store_operation_state state); /* "Running", "Succeeded", "Failed": as published */

struct store_operation {
    const char *id;     /* 32 hex digits, random, made by the caller */
    const char *kind;   /* "provider.undelete" */
    const char *target; /* the provider's name */
    enum store_operation_state state;
    int64_t step;        /* the first one not yet done, from 0 */
    struct bytes input;  /* JSON: what the steps need, so that another process can go on */
    const char *steps;   /* JSON array: what each step did, as far as it came */
    const char *failure; /* why it failed, a sentence; NULL otherwise */
    int64_t started_ms;
    int64_t ended_ms; /* 0: not yet */
    const char *by;
};

MUST_CHECK bool store_operation_add(struct store *store, const struct store_operation *operation, struct err *err);
/* state, step, steps, failure and ended_ms change; one that has ended needs no input any more. */
MUST_CHECK bool store_operation_update(struct store *store, const struct store_operation *operation, struct err *err);
MUST_CHECK bool store_operation_get(struct store *store, struct arena *a, const char *id, struct store_operation *ret, struct err *err);
/* Newest first. */
MUST_CHECK bool store_operation_list(struct store *store, struct arena *a, struct store_cursor before, size_t limit,
                                     const struct store_operation **ret, size_t *ret_n, struct err *err);
/* Those that are running, oldest first. */
MUST_CHECK bool store_operation_unfinished(struct store *store, struct arena *a, size_t limit, const struct store_operation **ret,
                                           size_t *ret_n, struct err *err);
/* Forgets those that began before `before_ms` and have ended. */
MUST_CHECK bool store_operation_prune(struct store *store, int64_t before_ms, struct err *err);
