#include "agent/failure/outage.h"

enum { HOUR_MS = 3600 * 1000 };

static const unsigned stages[] = { 1, 8, 24 };

bool outage_tell(struct outage *o, enum failure_id id, int64_t now_ms, unsigned *ret_untold)
{
    bool again = o->since_ms && o->told == id && now_ms - o->told_ms < HOUR_MS && now_ms >= o->told_ms;

    if (!o->since_ms)
        o->since_ms = now_ms;
    *ret_untold = o->untold;
    if (again) {
        o->untold++;
        return false;
    }
    o->told = id;
    o->told_ms = now_ms;
    o->untold = 0;
    return true;
}

unsigned outage_warning(struct outage *o, int64_t now_ms)
{
    unsigned hours = 0;

    while (o->since_ms && o->stage < ARRAY_LEN(stages) && now_ms - o->since_ms >= (int64_t)stages[o->stage] * HOUR_MS)
        hours = stages[o->stage++];
    return hours;
}

void outage_heard(struct outage *o, int64_t now_ms)
{
    o->since_ms = now_ms;
    o->stage = 0;
}

void outage_end(struct outage *o) { *o = (struct outage){ 0 }; }
