/* base/deadline.h: until when the work that this thread does is wanted (attestation-service.md 13.3: an answer takes at most ten seconds).
 *
 * One thread answers a request from its body to its answer, so what is left of its time is a fact of the thread, as errno is: http/server/exchange.c sets it,
 * and whatever can take long asks: loops over events, files and VMs, evaluators of policies and queries, waits for locks, databases and other
 * servers. Handing it through every function's arguments lost: most functions on the way have no business with it, and one that forgets to
 * pass it on compiles. Threads without a request (tools, tests, housekeeping) have no deadline, and nothing is ever late for them.
 *
 * Once something of a request has been stored (deadline_note_stored) it is finished, and its answer tells the truth, late or not: giving up between two
 * changes would leave half of them. */
#pragma once
#include <stdint.h>
#include "base/err.h"

struct deadline {
    int64_t at_us;           /* by now_us; 0: none */
    int64_t (*now_us)(void); /* monotonic microseconds; NULL: clock_monotonic_us */
    bool stored;             /* something was stored: it counts no more */
};

/* deadline_set gives this thread a deadline and returns the one that it had: put that back in the end. */
struct deadline deadline_set(struct deadline deadline);

/* Whether the thread's time is up. */
bool deadline_passed(void);
/* deadline_check is false, with ERR_LATE, when it is: "… took too long: VERBING". */
MUST_CHECK bool deadline_check(const char *verbing, struct err *err);
/* The same error for a wait that has ended by it; always false. */
bool deadline_fail(const char *verbing, struct err *err);
/* For every `stride`-th turn of a loop, a power of two. */
#define DEADLINE_EVERY(i, stride, verbing, err) (((i) & ((stride)-1)) != 0 || deadline_check((verbing), (err)))

/* How long to wait for something at most: what is left, or `most` if that is less. At least 0. */
int64_t deadline_left_ms(int64_t most);

/* Called by the store after a commit, and undone by http/server/exchange.c for what only proves who calls. */
void deadline_note_stored(void);
void deadline_forget_stored(void);

/* Whether a failure says nothing about the input: memory or time ran out. Such a failure ends the work; it is no finding about evidence. */
static inline bool err_ends_work(const struct err *err) { return err->code == ERR_NO_MEMORY || err->code == ERR_LATE; }
