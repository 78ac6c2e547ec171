#include "agent/files/usual.h"

bool usual_places(struct usual_places *ret, struct arena *a, const char *root, struct err *err)
{
    struct usual_places p = { .etc = arena_printf(a, "%s/etc/trueboot-agent", root),
                              .state = arena_printf(a, "%s/var/lib/trueboot-agent", root),
                              .run = arena_printf(a, "%s/run/trueboot-agent", root),
                              .publish = arena_printf(a, "%s/run/trueboot-agent-publish", root),
                              .log = arena_printf(a, "%s/var/log/trueboot-agent", root),
                              .program = arena_printf(a, "%s/usr/local/lib/trueboot-agent", root),
                              .host_item = USUAL_HOST_ITEM };

    if (!p.etc || !p.state || !p.run || !p.publish || !p.log || !p.program)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = p;
    return true;
}
