/* audit/verify.h: whether an audit log is what was written: every record against its hash and the one before, every checkpoint against the server's
 * key, its end against checkpoints that were kept elsewhere (attack-suite.md S19). Reads files; changes nothing. */
#pragma once
#include "audit/line.h"
#include "base/arena.h"
#include "crypto/pubkey.h"

enum { AUDIT_PROBLEMS_MAX = 50, AUDIT_HEADS_MAX = 16 };

struct audit_problem {
    int64_t seq;      /* of the record; 0: not known */
    const char *file; /* NULL: none */
    unsigned line;    /* from 1; 0: none */
    const char *what;
};

struct audit_verify_options {
    const struct pubkey *key;  /* of checkpoints; NULL: their signatures are not looked at */
    const struct bytes *heads; /* checkpoints that the log must reach */
    size_t n_heads;
};

struct audit_report {
    size_t files;
    int64_t records, first_seq, last_seq;
    int64_t checkpoints, signed_through;               /* the newest record that a checkpoint which holds covers; 0: none */
    struct audit_problem problems[AUDIT_PROBLEMS_MAX]; /* in order; the first one names the first bad record */
    size_t n_problems;                                 /* may be larger than what is listed */
};

/* `files` oldest first. False only when they cannot be read; what does not hold is in the report. Texts in `a`. */
MUST_CHECK bool audit_verify(struct arena *a, const char *const *files, size_t n, const struct audit_verify_options *options,
                             struct audit_report *ret, struct err *err);
