/* vmhost/initramfs.h: the guest's root, packed in memory as a cpio archive (newc; Documentation/driver-api/early-userspace of Linux). */
#pragma once
#include "base/writer.h"
#include "vmhost/host.h"

enum { INITRAMFS_MAX = 256 * 1024 * 1024, INITRAMFS_FILE_MAX = 64 * 1024 * 1024 };

/* initramfs_build writes /init, busybox, the agent with every library that it needs (ldd), the kernel modules that guest/modules lists
 * (kernel_modules.h), and guest/init. Times and owners are zero. */
MUST_CHECK bool initramfs_build(const struct vm_host *host, const struct host_parts *parts, struct writer *out, struct err *err);

/* One library of ldd's output: "name => /path (0x…)" or "/path (0x…)". *ret_missing: the line says "not found", and ret is the name. False when
 * the line names no file (linux-vdso, "statically linked"). */
MUST_CHECK bool initramfs_ldd_line(struct bytes line, struct bytes *ret, bool *ret_missing);

/* The archive's parts, for initramfs_build and its test. Folders of a path come first. */
void initramfs_put_folder(struct writer *w, const char *path);
void initramfs_put_file(struct writer *w, const char *path, unsigned mode, struct bytes content);
void initramfs_put_link(struct writer *w, const char *path, const char *target);
void initramfs_put_end(struct writer *w);
