/* http/server/rate.h: how often each of many callers may do something (attestation-service.md 13.3).
 *
 * One bucket per key, in a table of fixed size: memory does not grow with the number of callers. A bucket is one number, the time at which it
 * will be full again (the "generic cell rate algorithm"); one that is full is forgotten, and when a place is needed and none is free, the one that
 * is nearest to full gives way. Keys are hashed with a secret, so that nobody can choose whom to share a place with. A lock covers eight buckets
 * and is held for a few comparisons. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"
#include "base/err.h"

struct rate_limiter;

/* At least `places` buckets, for good. `per` calls in `period_ms`, `burst` (at least 1) at once; `per` 0: no limit. */
MUST_CHECK bool rate_limiter_new(size_t places, struct rate_limiter **ret, struct err *err);
void rate_limiter_free(struct rate_limiter *limiter); /* NULL is fine */
/* At any time, from any thread; a new limiter has none. */
void rate_limiter_set(struct rate_limiter *limiter, unsigned per, unsigned period_ms, unsigned burst);

/* What holds, in calls per `period_ms`, rounded; zeros: no limit, or no limiter. */
struct rate {
    unsigned per, burst;
};
struct rate rate_limiter_rate(const struct rate_limiter *limiter, unsigned period_ms);

/* Takes one call from the key's bucket. False: too many; *ret_retry_seconds (at least 1) says when one will be there. `now_us`: monotonic. */
bool rate_limiter_take(struct rate_limiter *limiter, struct bytes key, int64_t now_us, unsigned *ret_retry_seconds);
/* How many calls were refused so far. */
uint64_t rate_limiter_refused(const struct rate_limiter *limiter);
