#include "agent/machine/host.h"
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include "agent/machine/collect.h"
#include "base/clock.h"
#include "base/file.h"

static void read_uuid(const char *path, char out[static UUID_TEXT_LEN])
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    struct err err;

    out[0] = 0;
    if (!file_read(path, 256, &text, &err) || !uuid_canonical(bytes_trim(text), out))
        out[0] = 0;
}

/* Root reads it itself; the daemon's user finds it where root has put it. */
static void learn_uuid(struct host *ret, const char *run_dir)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct collected collected;

    read_uuid("/sys/class/dmi/id/product_uuid", ret->vm_uuid);
    if (!ret->vm_uuid[0] && collect_find(&a, run_dir, ret->boot_id, &collected))
        memcpy(ret->vm_uuid, collected.product_uuid, sizeof ret->vm_uuid);
}

void host_learn(struct host *ret, const char *run_dir)
{
    struct timespec up = { 0 };
    struct utsname name;

    *ret = (struct host){ 0 };
    read_uuid("/proc/sys/kernel/random/boot_id", ret->boot_id);
    learn_uuid(ret, run_dir);
    if (uname(&name) == 0) {
        snprintf(ret->hostname, sizeof ret->hostname, "%s", name.nodename);
        snprintf(ret->kernel, sizeof ret->kernel, "%s", name.release);
    }
    clock_gettime(CLOCK_BOOTTIME, &up);
    ret->boot_time_ms = clock_now_ms() - ((int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000);
}
