/* vmhost/host.h: which programs and files this host has for running VMs, and whether KVM really works. */
#pragma once
#include "vmhost/vm_host.h"

/*     field         program               Debian package    needed for */
#define HOST_PROGRAMS(X)                                                                 \
    X(qemu, "qemu-system-x86_64", "qemu-system-x86", "running VMs")                      \
    X(swtpm, "swtpm", "swtpm", "the virtual TPM")                                        \
    X(swtpm_setup, "swtpm_setup", "swtpm-tools", "making virtual TPMs")                  \
    X(swtpm_localca, "swtpm_localca", "swtpm-tools", "signing endorsement certificates") \
    X(sfdisk, "sfdisk", "fdisk", "building the guest disk")                              \
    X(mkfs_vfat, "mkfs.vfat", "dosfstools", "building the guest disk")                   \
    X(mcopy, "mcopy", "mtools", "building the guest disk")                               \
    X(zstd, "zstd", "zstd", "packing the initramfs")                                     \
    X(busybox, "busybox", "busybox-static", "the guest's shell")                         \
    X(ldd, "ldd", "libc-bin", "finding the agent's libraries")

struct host_parts {
#define X(field, program, package, purpose) const char *field;
    HOST_PROGRAMS(X)
#undef X
    const char *ovmf_code, *ovmf_vars; /* firmware with Secure Boot and SMM; variable store with Microsoft's keys enrolled */
    const char *shim, *mok_manager, *grub, *kernel, *modules; /* signed boot chain; folder "kernel" of its modules */
    const char *kernel_version;                               /* "6.1.0-56-cloud-amd64" */
};

struct host_missing {
    const char *what;     /* "qemu-system-x86_64" */
    const char *sentence; /* what is missing and the remedy */
};

/* host_look fills what it finds, leaves the rest NULL and lists everything missing (n may be 0). False only without memory. */
MUST_CHECK bool host_look(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct host_missing **ret_missing,
                          size_t *ret_n, struct err *err);

/* host_need is host_look that fails with ERR_NOT_FOUND and one sentence, the first missing thing and how many more. */
MUST_CHECK bool host_need(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct err *err);

enum host_kvm { HOST_KVM_NONE, HOST_KVM_BROKEN, HOST_KVM_WORKS };

/* host_probe_kvm runs such a VM under KVM for a few seconds and believes only output of its firmware (/dev/kvm existing proves
 * nothing: nested KVM often cannot do SMM). The answer is kept in DATA/kvm-probe until the host or QEMU changes.
 * *ret_why is a sentence. TRUEBOOT_KVM=off skips the probe and says NONE. */
MUST_CHECK bool host_probe_kvm(const struct vm_host *host, const struct host_parts *parts, struct arena *a, enum host_kvm *ret,
                               const char **ret_why, struct err *err);
