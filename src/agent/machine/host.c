#include "agent/machine/host.h"
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include "agent/machine/collect.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

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

static void learn_machine_id(struct host *ret)
{
    enum { DIGITS = 32 };
    struct bytes text CLEANUP(file_free) = BYTES_NONE, id;
    struct digest digest;
    struct err err;

    if (!file_read("/etc/machine-id", 256, &text, &err))
        return;
    id = bytes_trim(text);
    for (size_t i = 0; i < id.len; i++)
        if (!memchr("0123456789abcdef", id.data[i], 16))
            return;
    if (id.len != DIGITS)
        return;
    digest_compute_parts(DIGEST_SHA256, (const struct bytes[]){ BYTES_LIT("trueboot-machine-id-1\0"), id }, 2, &digest);
    hex_encode(digest_bytes(&digest), ret->machine_id_sha256);
}

void host_learn(struct host *ret, const char *run_dir)
{
    struct timespec up = { 0 };
    struct utsname name;

    *ret = (struct host){ 0 };
    read_uuid("/proc/sys/kernel/random/boot_id", ret->boot_id);
    learn_uuid(ret, run_dir);
    learn_machine_id(ret);
    if (uname(&name) == 0) {
        snprintf(ret->hostname, sizeof ret->hostname, "%s", name.nodename);
        snprintf(ret->kernel, sizeof ret->kernel, "%s", name.release);
    }
    clock_gettime(CLOCK_BOOTTIME, &up);
    ret->boot_time_ms = clock_now_ms() - ((int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000);
}
