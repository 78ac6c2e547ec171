/* Nobody collects on Windows: a service may read the boot's log itself. */
#include "agent/collect.h"

bool collect_again(const char *run_dir UNUSED) { return false; }

void collect_refresh(const char *run_dir UNUSED, const char *path UNUSED) {}

bool collect_find(struct arena *a UNUSED, const char *run_dir UNUSED, const char *boot_id UNUSED, struct collected *ret UNUSED)
{
    return false;
}
