#include "base/path.h"
#include <limits.h>
#include <unistd.h>

bool path_is_absolute(const char *path) { return *path == '/'; }

char *path_copy(struct arena *a, struct bytes path) { return arena_string(a, path); }

const char *path_of_program(struct arena *a)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);

    return n > 0 && n < (ssize_t)sizeof path ? arena_string(a, (struct bytes){ (const uint8_t *)path, (size_t)n }) : NULL;
}
