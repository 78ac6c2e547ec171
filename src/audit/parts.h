/* audit/parts.h: the log as its files hand it on: audit.c writes, resume.c finds out where the last process left off. Private to src/audit. */
#pragma once
#include <pthread.h>
#include "audit/audit.h"
#include "audit/line.h"
#include "base/uuid.h"

struct audit {
    struct audit_options options;
    char *folder;
    pthread_mutex_t lock; /* of everything below */
    int fd;               /* -1: no file could be opened */
    int64_t size, day;    /* of the file; day since 1970 on which it began */
    int64_t seq;          /* of the newest record */
    char hash[AUDIT_HASH_TEXT_LEN];
    char log[UUID_TEXT_LEN];
    int64_t file_bytes;
    unsigned keep_days, every;
    unsigned since_checkpoint;   /* records */
    int64_t unanchored_since_ms; /* monotonic; 0: all are */
    int64_t dirty_since_ms;      /* monotonic; 0: all is on disk */
    uint64_t written, lost, lost_unsaid;
    bool failing;
    char *head; /* newest checkpoint, or NULL */
    pthread_t keeper;
    bool keeping, stop;
    pthread_cond_t wake;
};

/* What was found. */
struct audit_found {
    int64_t cut;         /* bytes of an unfinished line that were removed */
    bool begins;         /* there is no record yet */
    const char *trouble; /* the last record does not hold, or the log ends before what was signed; NULL: neither */
};

/* audit_resume reads the end of the newest file, repairs it, and compares it with the newest checkpoints: sets the log's name, its last number and
 * hash. A log that does not hold is no error: ret->trouble. */
MUST_CHECK bool audit_resume(struct audit *t, struct arena *a, struct audit_found *ret, struct err *err);

/* Goes on in this file; `fresh`: it is made. */
MUST_CHECK bool audit_open_file(struct audit *t, const char *path, bool fresh, struct err *err);
