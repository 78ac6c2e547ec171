/* Nobody collects on Windows: a service may read the boot's log itself. */
#include "agent/machine/collect.h"

bool collect_again(const char *run_dir UNUSED, uint64_t from UNUSED, size_t most UNUSED) { return false; }

bool collect_ima_part(const char *run_dir UNUSED, uint64_t *ret_from UNUSED, bool *ret_more UNUSED) { return false; }

void collect_refresh(const char *run_dir UNUSED, const char *path UNUSED) {}

bool collect_find(struct arena *a UNUSED, const char *run_dir UNUSED, const char *boot_id UNUSED, struct collected *ret UNUSED)
{
    return false;
}

void collect_sources_of(struct arena *a UNUSED, const char *root UNUSED, const char *run_dir UNUSED, const char *boot_id UNUSED,
                        struct collected *ret)
{
    *ret = (struct collected){ 0 };
}
