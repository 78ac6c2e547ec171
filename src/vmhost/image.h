/* vmhost/image.h: the guest's disk: GPT with one FAT32 EFI system partition that holds Debian's signed shim and GRUB, its
 * cloud kernel, and our initramfs (busybox, trueboot-agent with its libraries, a few modules, guest/init).
 *
 * The same inputs give the same bytes: fixed GUIDs, volume id and times. A disk is made once and named by the SHA-256 of
 * what is in it. */
#pragma once
#include "vmhost/host.h"

/* The last word: without it an emulated machine on a busy host may find its timer too late, and hang. */
#define IMAGE_DEFAULT_CMDLINE "console=ttyS0,115200 loglevel=4 panic=5 no_timer_check"

enum {
    IMAGE_ID_LEN = 65,              /* SHA-256 in hexadecimal and a NUL */
    IMAGE_ESP_OFFSET = 1024 * 1024, /* of the partition, in bytes */
};

struct image {
    char id[IMAGE_ID_LEN];
    const char *disk; /* path of disk.raw, sparse, 0444 */
};

/* image_build makes the disk, or finds it made already. */
MUST_CHECK bool image_build(const struct vm_host *host, const struct host_parts *parts, struct arena *a, struct image *ret,
                            struct err *err);

/* image_find names an existing image; ERR_NOT_FOUND with the remedy. */
MUST_CHECK bool image_find(const struct vm_host *host, struct arena *a, const char *id, struct image *ret, struct err *err);
