/* agent/failure/outage.h: a failure that lasts: what is still said about it (guest-agent.md 8.4; 15 no. 6: the log of an endless outage is bounded).
 *
 * The same failure is told once and then once an hour, with how often it came; at one hour, eight hours and a day there is a warning of its own.
 * Pure: time is passed in, of a clock that nobody sets. */
#pragma once
#include "agent/failure/failure.h"

struct outage {       /* zeroed: all is well */
    int64_t since_ms; /* 0: no outage */
    int64_t told_ms;  /* when the failure was last told */
    enum failure_id told;
    unsigned untold; /* repetitions since */
    unsigned stage;  /* warnings given: 1 h, 8 h, 24 h */
};

/* A failure came: whether it is worth a line; *ret_untold: how many like it were not told. */
bool outage_tell(struct outage *o, enum failure_id id, int64_t now_ms, unsigned *ret_untold);
/* The hours to warn about now, once each; 0: none. */
unsigned outage_warning(struct outage *o, int64_t now_ms);
void outage_end(struct outage *o);
/* The failure stays, but somebody heard of it: the silence begins anew. */
void outage_heard(struct outage *o, int64_t now_ms);
