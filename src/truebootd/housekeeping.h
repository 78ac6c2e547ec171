/* truebootd/housekeeping.h: what has to be looked at once in a while, on a thread of its own: certificates that end, keys that need a
 * successor, tokens whose time is over. Nothing that a verdict depends on (architecture.md: health is derived when somebody asks). */
#pragma once
#include "truebootd/server.h"

struct housekeeping;

/* Looks at once, then every hour, until housekeeping_stop (NULL is fine). The server must outlive it. */
MUST_CHECK bool housekeeping_start(struct server *server, struct housekeeping **ret, struct err *err);
void housekeeping_stop(struct housekeeping *h);
