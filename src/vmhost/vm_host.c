#include "vmhost/vm_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"

#ifndef TRUEBOOT_PREFIX
#define TRUEBOOT_PREFIX "/usr"
#endif

void vm_host_say(const struct vm_host *host, const char *fmt, ...)
{
    char sentence[512];
    va_list args;

    if (!host->progress)
        return;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    host->progress(host->context, sentence);
}

/* The folder of the running program; "" if it cannot be told. */
static void own_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);

    out[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

/* The first of: the environment, a place that exists, the last place named. */
static bool choose(struct arena *a, const char *variable, const char *const places[], size_t n, const char **ret)
{
    const char *from_environment = getenv(variable);

    if (*ret)
        return true;
    if (from_environment && *from_environment) {
        *ret = arena_string(a, bytes_of_string(from_environment));
        return *ret != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!places[i])
            return false;
        *ret = places[i];
        if (file_exists(places[i]))
            break;
    }
    return true;
}

bool vm_host_find(struct vm_host *host, struct arena *a, struct err *err)
{
    char folder[4096];

    own_folder(folder, sizeof folder);
    /* A build folder lies inside the source tree, and holds programs at its top (build/trueboot) and where Meson makes them
     * (build/src/cli/trueboot, build/src/agent/trueboot-agent); the guest's files are in guest/. */
    const char *agents[] = { arena_printf(a, "%s/trueboot-agent", folder), arena_printf(a, "%s/../agent/trueboot-agent", folder),
                             TRUEBOOT_PREFIX "/lib/trueboot/trueboot-agent", TRUEBOOT_PREFIX "/bin/trueboot-agent" };
    const char *guests[] = { arena_printf(a, "%s/../guest", folder), arena_printf(a, "%s/../../../guest", folder),
                             TRUEBOOT_PREFIX "/share/trueboot/guest" };
    const char *parts[] = { arena_printf(a, "%s/guest-parts", folder), arena_printf(a, "%s/../../guest-parts", folder),
                            "/var/lib/trueboot/guest-parts", arena_printf(a, "%s/guest-parts", host->data_dir) };

    if (!choose(a, "TRUEBOOT_AGENT", agents, ARRAY_LEN(agents), &host->agent) ||
        !choose(a, "TRUEBOOT_GUEST_DIR", guests, ARRAY_LEN(guests), &host->guest_dir) ||
        !choose(a, "TRUEBOOT_GUEST_PARTS", parts, ARRAY_LEN(parts), &host->parts_dir))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return true;
}
