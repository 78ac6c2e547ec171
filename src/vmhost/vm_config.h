/* vmhost/vm_config.h: what a VM should be, in memory and as DATA/vms/NAME/vm.json:
 *
 *     { "version": 1, "name": "web1", "uuid": "…", "created": "2026-11-21T21:44:05Z", "security_type": "TrustedLaunch",
 *       "secure_boot": true, "vtpm": true, "integrity_monitoring": true, "memory_mib": 512, "cmdline": "console=ttyS0,115200 …",
 *       "endpoint": "https://10.0.2.2:8443", "ca_pem": "-----BEGIN CERTIFICATE-----…", "image": "SHA-256 in hexadecimal" } */
#pragma once
#include "base/uuid.h"
#include "vmhost/vm_host.h"

enum {
    VM_NAME_MAX = 63,
    VM_MEMORY_MIN_MIB = 384, /* with 256 the guest dies without a word */
    VM_MEMORY_MAX_MIB = 65536,
    VM_MEMORY_DEFAULT_MIB = 512,
    VM_CMDLINE_MAX = 1024,
    VM_JSON_MAX = 128 * 1024,
};

enum vm_security_type { VM_STANDARD, VM_TRUSTED_LAUNCH }; /* "Standard", "TrustedLaunch" */

/* Strings are borrowed, or in the arena they were read into. vm_create fills in what is zero or NULL: uuid, memory_mib, cmdline. */
struct vm_config {
    const char *name;
    char uuid[UUID_TEXT_LEN]; /* lower case */
    int64_t created_ms;
    enum vm_security_type security_type;
    bool secure_boot, vtpm;
    bool integrity_monitoring; /* the agent runs in the guest */
    unsigned memory_mib;
    const char *cmdline;  /* of the kernel */
    const char *endpoint; /* where the agent finds the server, seen from the guest; "" for none */
    const char *ca_pem;   /* certificates that the agent trusts for it; "" for none */
    const char *image;    /* id (image.h) of the disk that the VM was made from */
};

/* [a-z0-9][a-z0-9-]{0,62}: ERR_MALFORMED with the rule in words. */
MUST_CHECK bool vm_name_check(const char *name, struct err *err);
/* Printable ASCII that GRUB takes as it stands, no quotes, $, ;, &, |, <, >, {, }, # or backslash; at most VM_CMDLINE_MAX. */
MUST_CHECK bool vm_cmdline_check(const char *cmdline, struct err *err);
/* Everything, and that the members fit each other: Standard has neither Secure Boot nor vTPM. */
MUST_CHECK bool vm_config_check(const struct vm_config *config, struct err *err);

/* Both directions of vm.json. Reading is strict: unknown version, missing or misshapen members are ERR_MALFORMED, naming the member. */
MUST_CHECK bool vm_config_read(struct arena *a, struct bytes json, struct vm_config *ret, struct err *err);
MUST_CHECK char *vm_config_write(struct arena *a, const struct vm_config *config); /* NULL: no memory */

/* What fw_cfg item opt/org.trueboot/agent holds: {"version":1,"vm":UUID,"name":NAME,"endpoint":URL,"ca_pem":PEM,
 * "integrity_monitoring":BOOL}; without monitoring the guest does not start its agent. NULL: no memory.
 * Nothing measures it: the agent may take from it the way to the server and nothing else. */
MUST_CHECK char *vm_config_agent_item(struct arena *a, const struct vm_config *config);
