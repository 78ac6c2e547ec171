/* vmhost/vm.h: one virtual machine: make, start, look, stop, tamper with, delete.
 *
 * Everything about a VM lies in DATA/vms/NAME (0700):
 *
 *     vm.json       vm_config.h; what was asked for
 *     disk.raw      its own copy of the guest disk         vars.fd     UEFI variables
 *     tpm/          state of the virtual TPM               agent.json  what fw_cfg item opt/org.trueboot/agent hands to the agent
 *     serial.log    the guest's console, since last start  qemu.log, swtpm.log   what the programs said, since last start
 *     qemu.pid, swtpm.pid   "PID STARTTIME BOOTID": a process is only ever touched when all three still agree
 *     qmp.sock, tpm.sock    while it runs
 *
 * Functions that change a VM hold a lock on its folder: a second one meanwhile gets ERR_CONFLICT. Codes: ERR_NOT_FOUND no such VM,
 * ERR_CONFLICT exists already or is in the wrong state, ERR_IO a program or the system refused. */
#pragma once
#include "vmhost/vm_config.h"

enum vm_state { VM_OFF, VM_RUNNING, VM_PAUSED, VM_STOPPING /* the process lives but does not answer */ };

/* vm_create makes the folder, a copy of the guest disk, the variable store and the virtual TPM; a failure leaves nothing behind.
 * config->created_ms and ->image are filled in. It does not start the VM. */
MUST_CHECK bool vm_create(const struct vm_host *host, struct vm_config *config, struct arena *a, struct err *err);

/* vm_start returns when QEMU runs and answers; the guest boots on its own. */
MUST_CHECK bool vm_start(const struct vm_host *host, const char *name, struct err *err);

/* vm_stop presses the power button, waits grace_ms for the guest to halt, then switches the machine off. Off already is success. */
MUST_CHECK bool vm_stop(const struct vm_host *host, const char *name, int grace_ms, struct err *err);

/* vm_reset presses the reset button of a running VM. */
MUST_CHECK bool vm_reset(const struct vm_host *host, const char *name, struct err *err);

MUST_CHECK bool vm_get_state(const struct vm_host *host, const char *name, enum vm_state *ret, struct err *err);

/* vm_delete removes a stopped VM and everything of it. */
MUST_CHECK bool vm_delete(const struct vm_host *host, const char *name, struct err *err);

/* vm_get reads one VM's configuration, vm_list all of them in order of name (n may be 0). A folder whose vm.json is unreadable is listed
 * with its name and an empty uuid. */
MUST_CHECK bool vm_get(const struct vm_host *host, struct arena *a, const char *name, struct vm_config *ret, struct err *err);
MUST_CHECK bool vm_list(const struct vm_host *host, struct arena *a, struct vm_config **ret, size_t *ret_n, struct err *err);

/* vm_path names a file of a VM ("serial.log"); the file need not exist. NULL: no memory. */
MUST_CHECK char *vm_path(const struct vm_host *host, struct arena *a, const char *name, const char *file);

/* vm_set_link pulls the network cable of a running VM, or plugs it in. */
MUST_CHECK bool vm_set_link(const struct vm_host *host, const char *name, bool up, struct err *err);

/* The rest needs a stopped VM, ERR_CONFLICT otherwise. vm_set_agent changes what the agent is told (endpoint and CA). */
MUST_CHECK bool vm_set_agent(const struct vm_host *host, const char *name, const char *endpoint, const char *ca_pem, struct err *err);
MUST_CHECK bool vm_set_secure_boot(const struct vm_host *host, const char *name, bool on, struct err *err);
MUST_CHECK bool vm_set_cmdline(const struct vm_host *host, const char *name, const char *cmdline, struct err *err);
/* vm_replace_kernel puts the file `kernel` in the place of the guest's; vm_modify_kernel changes one byte of a message in the
 * guest's kernel: it boots as before, but it is no longer the vendor's. */
MUST_CHECK bool vm_replace_kernel(const struct vm_host *host, const char *name, const char *kernel, struct err *err);
MUST_CHECK bool vm_modify_kernel(const struct vm_host *host, const char *name, struct err *err);
/* vm_restore_disk takes a fresh copy of the guest disk, with the default kernel command line. */
MUST_CHECK bool vm_restore_disk(const struct vm_host *host, const char *name, struct err *err);
