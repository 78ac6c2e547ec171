/* vmhost/guest_disk.h: files on the EFI system partition of a guest disk, by mtools, and disks copied. */
#pragma once
#include "vmhost/image.h"

#define GUEST_DISK_GRUB_CONFIG "/EFI/debian/grub.cfg"
#define GUEST_DISK_KERNEL      "/vmlinuz"

/* Between the disk's partition and a file of the host, which is replaced. */
MUST_CHECK bool guest_disk_get(const struct host_parts *parts, const char *disk, const char *path, const char *to_file, struct err *err);
MUST_CHECK bool guest_disk_put(const struct host_parts *parts, const char *disk, const char *from_file, const char *path, struct err *err);

/* guest_disk_set_cmdline edits grub.cfg in place; get reads it. `scratch` is a folder for temporary files. */
MUST_CHECK bool guest_disk_get_cmdline(const struct host_parts *parts, const char *disk, const char *scratch, struct arena *a,
                                       const char **ret, struct err *err);
MUST_CHECK bool guest_disk_set_cmdline(const struct host_parts *parts, const char *disk, const char *scratch, const char *cmdline,
                                       struct err *err);
/* guest_disk_modify_kernel changes one letter of a message that Linux's 16-bit setup code would print (arch/x86/boot/header.S): never
 * executed when UEFI starts the kernel, but covered by its signature and by every digest of the file. */
MUST_CHECK bool guest_disk_modify_kernel(const struct host_parts *parts, const char *disk, const char *scratch, struct err *err);
/* The pure part: at most one change, in place. */
MUST_CHECK bool guest_disk_modify_kernel_bytes(uint8_t *kernel, size_t len, struct err *err);

/* guest_disk_copy makes `to` (0600) a sparse copy; it replaces `to` only when complete. */
MUST_CHECK bool guest_disk_copy(const char *from, const char *to, struct err *err);
