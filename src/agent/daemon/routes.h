/* agent/daemon/routes.h: a default route that appears is a reason to try before the time has come (guest-agent.md 1.3, 8.3). */
#pragma once
#include "base/bytes.h"

struct routes {
    int fd;           /* of rtnetlink; readable: routes changed; -1: the kernel tells us nothing */
    int64_t acted_ms; /* when one last made us act; on the boot-time clock */
};

void routes_open(struct routes *ret);
void routes_close(struct routes *w);
/* Whether a default route appeared since the last look. Never blocks. */
bool routes_look(const struct routes *w);

enum { ROUTES_AFTER_MS = 5000, ROUTES_EVERY_MS = 60000 };
/* When to act on one that appears now: after five seconds, but not within a minute of the last time; what is to come anyway will do for this one, too. */
int64_t routes_due(const struct routes *w, int64_t now_ms);
/* Whether rtnetlink messages name a new default route of the main table. Hostile bytes are no route. */
bool routes_name_default(struct bytes messages);
