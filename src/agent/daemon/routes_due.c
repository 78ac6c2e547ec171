#include "agent/daemon/routes.h"

int64_t routes_due(const struct routes *w, int64_t now_ms)
{
    int64_t soon = now_ms + ROUTES_AFTER_MS, again = w->acted_ms + ROUTES_EVERY_MS;

    if (w->acted_ms > now_ms)
        return w->acted_ms;
    return again > soon ? again : soon;
}
