#include "diagnose/machine.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/file.h"

struct bytes machine_read(struct diagnosis *d, const struct machine_places *places, size_t limit, const char *fmt, ...)
{
    char path[512];
    struct bytes text = BYTES_NONE;
    struct err ignored;
    size_t used = (size_t)snprintf(path, sizeof path, "%s", places->root);
    va_list args;
    int n;

    if (used >= sizeof path)
        return BYTES_NONE;
    va_start(args, fmt);
    n = vsnprintf(path + used, sizeof path - used, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof path - used || !file_read_in(d->arena, path, limit, &text, &ignored))
        return BYTES_NONE;
    return bytes_trim(text);
}

bool machine_has(struct diagnosis *d, const struct machine_places *places, const char *path)
{
    char *full = arena_printf(d->arena, "%s%s", places->root, path);

    return full && file_exists(full);
}
