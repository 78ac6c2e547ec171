#include <stdlib.h>
#include "agent/files/usual.h"
#include "base/path.h"

/* A variable that names a folder, with slashes. */
static const char *folder_of(struct arena *a, const char *root, const char *variable, const char *otherwise)
{
    const char *given = *root ? root : getenv(variable);

    return path_copy(a, bytes_of_string(given && *given ? given : otherwise));
}

bool usual_places(struct usual_places *ret, struct arena *a, const char *root, struct err *err)
{
    const char *data = folder_of(a, root, "ProgramData", "C:/ProgramData");
    const char *programs = folder_of(a, root, "ProgramFiles", "C:/Program Files");
    struct usual_places p = { .host_item = "" };

    if (!data || !programs)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    p.etc = arena_printf(a, "%s/trueboot-agent", data);
    p.state = arena_printf(a, "%s/trueboot-agent/state", data);
    p.run = arena_printf(a, "%s/trueboot-agent/run", data);
    p.publish = arena_printf(a, "%s/trueboot-agent/publish", data);
    p.log = arena_printf(a, "%s/trueboot-agent/logs", data);
    p.program = arena_printf(a, *root ? "%s/program/trueboot-agent" : "%s/trueboot-agent", programs);
    if (!p.etc || !p.state || !p.run || !p.publish || !p.log || !p.program)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = p;
    return true;
}
