/* agent/evidence/ima_list.h: what of the kernel's IMA list the service has not got yet (guest-agent.md 4.2).
 *
 * The list only grows. What the service has is kept here, for this boot, as a number of entries, their length and what they come to
 * (eventlog/ima/replay.h); from there on entries are taken until they give the quoted register 10. Those behind it are for the next time. A list that
 * does not reach the quoted value lags behind the quote, and is read again. */
#pragma once
#include "agent/failure/note.h"
#include "base/arena.h"
#include "base/uuid.h"
#include "eventlog/ima/replay.h"

struct ima_sent { /* zeroed: the service has nothing */
    char boot_id[UUID_TEXT_LEN];
    uint64_t offset; /* bytes of the list that it has */
    struct ima_replay replay;
};

struct ima_part {
    bool there;           /* false: nothing is sent; the note says why */
    uint32_t from;        /* entries that the service has */
    bool more;            /* the list goes on, and the quoted value is not reached */
    struct bytes content; /* whole entries; in the arena */
    struct ima_sent next; /* what the service will have then */
};

/* `path`: the list; `run_dir`: root's helper copies it there on demand (collect.h), NULL: it is read itself. */
MUST_CHECK bool ima_list_take(const char *path, const char *run_dir, const char *boot_id, const struct ima_sent *sent,
                              const struct pcr_set *quoted, struct arena *a, struct ima_part *ret, struct notes *notes,
                              struct failure *why);
