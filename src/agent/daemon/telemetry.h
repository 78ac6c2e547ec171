/* agent/daemon/telemetry.h: what is worth telling the operator of a fleet: files in OUT/events/, which the publisher passes on to a VM agent
 * (guest-agent.md 6.11). Few: at most LIMIT_EVENTS_PER_HOUR; and bounded: old files go when nobody fetches them. Never a token, a quote, a
 * certificate or an address with a query. */
#pragma once
#include <stdint.h>
#include "base/arena.h"

struct telemetry {
    const char *out_dir;   /* borrowed */
    const char *operation; /* joins what belongs together: the boot's id; borrowed */
    int64_t hour;
    unsigned in_hour;
};

/* A folder that is missing or full is no failure: there is just nobody to tell. */
void telemetry_event(struct telemetry *t, const char *level, const char *task, const char *message);
