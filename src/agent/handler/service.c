#include "agent/handler/service.h"
#include <stdlib.h>

bool service_choose(struct service_control *ret, const char *manager, const struct places *places, struct err *err)
{
    if (!manager)
        manager = getenv("TRUEBOOT_AGENT_SERVICES");
    if (!manager || strcmp(manager, "auto") == 0)
        manager = *places->root ? "none" : service_usual_manager();
    for (const struct service_manager *m = service_managers; m->name; m++) {
        if (strcmp(m->name, manager) == 0) {
            *ret = (struct service_control){ .name = m->name, .ops = m->ops, .places = places };
            return true;
        }
    }
    return err_set(err, ERR_MALFORMED, "%s is expected", service_manager_names);
}

/* Another root, an image: what starts there is for the image's own boot. */

static bool none_do(struct service_control *c UNUSED, struct err *err UNUSED) { return true; }

static bool none_is_active(struct service_control *c UNUSED) { return false; }

const struct service_ops service_none_ops = { none_do, none_do, none_do, none_do, none_do, none_is_active };
