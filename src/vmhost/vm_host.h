/* vmhost/vm_host.h: the machine that runs the VMs, as the rest of this folder sees it: places, programs, progress.
 *
 * This folder makes Trusted Launch VMs: QEMU, OVMF with Secure Boot keys enrolled, a swtpm whose endorsement certificate
 * names the VM, Debian's signed shim, GRUB and kernel, and an initramfs with our agent. It prints nothing.
 *
 *     DATA/images/ID/disk.raw      guest disks, made once, named by their content
 *     DATA/host-ca/                the CA that signs endorsement certificates (ca.h)
 *     DATA/vms/NAME/               one VM (vm.h)
 *     DATA/kvm-probe               what the KVM probe found since the host started (host.h)
 *
 * No step needs root, loop devices or mounts. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct vm_host {
    const char *data_dir;                                  /* DATA; an absolute path */
    const char *parts_dir;                                 /* unpacked Debian packages, as guest/fetch_guest_parts leaves them */
    const char *guest_dir;                                 /* our own part of the guest: the files `init` and `modules` */
    const char *agent;                                     /* the trueboot-agent program that goes into the guest */
    void (*progress)(void *context, const char *sentence); /* told before each step that takes time; may be NULL */
    void *context;
};

/* vm_host_find fills parts_dir, guest_dir and agent, each unless already set: from TRUEBOOT_GUEST_PARTS, TRUEBOOT_GUEST_DIR and
 * TRUEBOOT_AGENT, else beside the running program (a build tree), else where an installation puts them. parts_dir falls
 * back to DATA/guest-parts. Only places are chosen here; whether the files are there, host_look says. */
MUST_CHECK bool vm_host_find(struct vm_host *host, struct arena *a, struct err *err);

void vm_host_say(const struct vm_host *host, const char *fmt, ...) PRINTF_LIKE(2, 3);
