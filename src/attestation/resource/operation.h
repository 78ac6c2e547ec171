/* attestation/resource/operation.h: setting up providers and policies as tracked operations: a kind's steps one after the other, each noted in the
 * store when it is done, so that anybody can ask how far it came and the next start finishes what a kill interrupted.
 *
 * A step is idempotent: it may have been done already when it runs. It takes what it needs from the operation's input alone. */
#pragma once
#include "attestation/service/service.h"
#include "store/operations.h"

struct operation {
    struct attestation_service *service;
    struct arena *a;
    struct store_operation row;
    const struct json *input;
    bool resumed; /* an earlier process began it, and may have done the step at hand */
};

struct operation_step {
    const char *name, *title;
    /* *ret_did: what came of it, a few words. */
    bool (*run)(struct operation *operation, const char **ret_did, struct err *err);
};

struct operation_kind {
    const char *name, *title;
    const struct operation_step *steps;
    size_t n_steps;
};

/* attestation/resource/operation_kinds.c */
extern const struct operation_kind operation_kinds[];
extern const size_t operation_n_kinds;

/* operation_run stores the operation, then does its steps. False: it failed, which is stored as well, or could not even be stored. *ret (may
 * be NULL) is set when it was stored, whatever came of it. `input` is a JSON object. */
MUST_CHECK bool operation_run(struct attestation_service *service, struct arena *a, const char *kind, const char *target,
                              struct bytes input, const char *by, struct operation *ret, struct err *err);
/* operations_resume finishes, or marks as failed, what an earlier process left running. Call before requests are answered. Failing
 * operations are no error. *ret_n: how many there were. */
MUST_CHECK bool operations_resume(struct attestation_service *service, size_t *ret_n, struct err *err);

/* The status body that clients of the original's management plane poll (control-plane.md 1.1): id, name, status, startTime, endTime,
 * percentComplete, properties (kind, target, by, steps), error. */
void operation_write(struct json_out *out, struct arena *a, const char *id, const struct store_operation *row);
/* The headers that lead there: Azure-AsyncOperation, and for an answer 202 Location and Retry-After as well. */
void operation_headers(struct http_response *response, const struct operation *operation, bool accepted);
