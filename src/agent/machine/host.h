/* agent/machine/host.h: what the guest says about itself, unsigned: hints, never proofs. */
#pragma once
#include "base/uuid.h"

struct host {
    char boot_id[UUID_TEXT_LEN]; /* /proc/sys/kernel/random/boot_id; "" when unreadable */
    char vm_uuid[UUID_TEXT_LEN]; /* DMI product_uuid; "" when absent or unreadable */
    char machine_id_sha256
        [65]; /* hex, of "trueboot-machine-id-1" || 00 || the 32 digits of /etc/machine-id, which systemd asks not to give away; "": none */
    char hostname[65];
    char kernel[65]; /* uname release */
    int64_t boot_time_ms;
};

/* `run_dir`: where collect-logs put what only root may read (collect.h). */
void host_learn(struct host *ret, const char *run_dir);
