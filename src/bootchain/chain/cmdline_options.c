/* Kernel options that make a boot dangerous, whoever reads them. */
#include "bootchain/chain/cmdline.h"

/* '-' and '_' are the same to the kernel and to systemd; sysctl names may be written with '/'. */
static uint8_t folded(uint8_t c) { return c == '-' ? '_' : c == '/' ? '.' : c; }

static bool same_name(struct bytes name, const char *want)
{
    size_t i;

    for (i = 0; i < name.len && want[i]; i++)
        if (folded(name.data[i]) != (uint8_t)want[i])
            return false;
    return i == name.len && !want[i];
}

static bool begins(struct bytes value, const char *text) { return bytes_starts_with(value, bytes_of_string(text)); }

static bool is_one_of(struct bytes value, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_string(value, words[i]))
            return true;
    return false;
}

/* A protection is off: the kernel looks at the first letters only (kstrtobool, strncmp), and reads 0x0 and 00 as a number. */
static bool is_off(struct bytes value)
{
    if (!value.len)
        return false;
    return strchr("0nNfF", value.data[0]) != NULL || begins(value, "of") || begins(value, "OF") || begins(value, "oF") ||
           begins(value, "Of") || begins(value, "disable");
}

/* A danger is on unless the value says off and nothing else; systemd.debug_shell may name a terminal. */
static bool is_on(struct bytes value)
{
    static const char *const off[] = { "0", "n", "N", "no", "off", "false", "f" };

    return !is_one_of(value, off, ARRAY_LEN(off));
}

static bool is_any(struct bytes value)
{
    (void)value;
    return true;
}

/* First programs that distributions themselves pass: systemd's and init's usual places, and stores in which the path names its content. */
static bool is_foreign_init(struct bytes value)
{
    static const char *const usual[] = { "/sbin/init",
                                         "/usr/sbin/init",
                                         "/bin/init",
                                         "/etc/init",
                                         "/init",
                                         "/lib/systemd/systemd",
                                         "/usr/lib/systemd/systemd",
                                         "/bin/systemd",
                                         "/usr/bin/init",
                                         "/sbin/openrc-init",
                                         "/usr/lib/systemd/systemd-shutdown",
                                         "/sbin/runit-init" };

    if (is_one_of(value, usual, ARRAY_LEN(usual)))
        return false;
    if (begins(value, "/nix/store/") && bytes_ends_with(value, BYTES_LIT("/init")))
        return bytes_find(value, BYTES_LIT("/../")) != SIZE_MAX;
    return true;
}

static bool is_not_enforcing(struct bytes value) { return is_off(value) || begins(value, "log") || begins(value, "fix"); }

/* Words after commas, of which "force" and "fullflush" are no "false". */
static bool has_off(struct bytes value)
{
    while (value.len) {
        size_t comma = bytes_find(value, BYTES_LIT(","));
        if (bytes_equal_string(bytes_slice(value, 0, comma == SIZE_MAX ? value.len : comma), "off"))
            return true;
        value = comma == SIZE_MAX ? BYTES_NONE : bytes_slice(value, comma + 1, value.len);
    }
    return false;
}

static bool is_off_not_full(struct bytes value) { return is_off(value) && !begins(value, "full"); }

static bool is_none(struct bytes value) { return is_off(value) || begins(value, "none"); }

static bool is_rescue(struct bytes value) { return begins(value, "rescue") || begins(value, "emergency") || begins(value, "debug-shell"); }

static bool is_pipe(struct bytes value) { return begins(value, "|"); }

static bool is_loader_variable(struct bytes value) { return begins(value, "LD_"); }

/* cloud-init: "nocloud;s=https://…" fetches what root then runs. */
static bool is_fetched(struct bytes value) { return bytes_find(value, BYTES_LIT("http")) != SIZE_MAX; }

static bool is_relaxed(struct bytes value) { return begins(value, "relaxed"); }

/* Functions that the kernel calls at its start and that make its checks of code and of integrity work. Others are left out for the sake of
 * drivers. */
static bool is_protecting_call(struct bytes value)
{
    static const char *const parts[] = { "init_ima",       "ima_",       "init_evm", "evm_",       "integrity",
                                         "lockdown",       "loadpin",    "keyring",  "uefi_certs", "certificate_list",
                                         "blacklist_init", "module_sig", "verity",   "selinux",    "apparmor" };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (bytes_find(value, bytes_of_string(parts[i])) != SIZE_MAX)
            return true;
    return false;
}

struct option_row {
    const char *name; /* with '_' for '-' */
    bool (*bad)(struct bytes value);
    enum severity severity;
    const char *what;
};

static const char other_init[] = "another first program is started", open_shell[] = "a root shell without a password is open",
                  rescue[] = "the system starts in rescue mode", initramfs_shell[] = "the initramfs stops in a root shell",
                  loads_code[] = "the first program loads other code", from_network[] = "settings that root carries out are fetched",
                  no_mitigation[] = "a processor's protection is switched off", no_iommu[] = "devices may reach all memory",
                  debugger[] = "the kernel debugger is reachable", verity[] = "the file system's content is not checked";

/* High: another first program, code from elsewhere, a shell without a password, or the end of what signatures protect. Low: a protection
 * against holes is off, which people do on purpose; a baseline says whether it is new. */
static const struct option_row options[] = {
    { "init", is_foreign_init, SEVERITY_HIGH, other_init },
    { "rdinit", is_foreign_init, SEVERITY_HIGH, other_init },
    { "rd.init", is_foreign_init, SEVERITY_HIGH, other_init },
    { "ima_appraise", is_not_enforcing, SEVERITY_HIGH, "IMA does not enforce file signatures" },
    { "ima", is_off, SEVERITY_HIGH, "IMA is switched off" },
    { "evm", is_not_enforcing, SEVERITY_HIGH, "EVM does not protect file attributes" },
    { "module.sig_enforce", is_off, SEVERITY_HIGH, "unsigned kernel modules may be loaded" },
    { "initcall_blacklist", is_protecting_call, SEVERITY_HIGH, "what checks code or integrity is not started" },
    { "lockdown", is_none, SEVERITY_HIGH, "kernel lockdown is switched off" },
    { "ipe.enforce", is_off, SEVERITY_HIGH, "IPE does not enforce which files may run" },
    { "loadpin.enforce", is_off, SEVERITY_MEDIUM, "kernel files may come from another file system" },
    { "dm_verity.require_signatures", is_off, SEVERITY_MEDIUM, verity },
    { "systemd.verity", is_off, SEVERITY_MEDIUM, verity },
    { "rd.systemd.verity", is_off, SEVERITY_MEDIUM, verity },
    { "integrity_audit", is_off, SEVERITY_LOW, "integrity violations are not recorded" },
    { "acpi_rsdp", is_any, SEVERITY_HIGH, "other ACPI tables are used" },
    { "initrdmem", is_any, SEVERITY_HIGH, "the initial RAM disk is taken from memory" },
    { "bootconfig", is_on, SEVERITY_MEDIUM, "more options come from the end of the initial RAM disk" },
    { "firmware_class.path", is_any, SEVERITY_MEDIUM, "devices get their firmware from another folder" },
    { "sysctl.kernel.modprobe", is_any, SEVERITY_HIGH, "another program loads kernel modules" },
    { "sysctl.kernel.core_pattern", is_pipe, SEVERITY_HIGH, "a program is run as root on every crash" },
    { "kgdbwait", is_any, SEVERITY_HIGH, "the kernel debugger waits at boot" },
    { "kgdboc", is_any, SEVERITY_MEDIUM, debugger },
    { "ekgdboc", is_any, SEVERITY_MEDIUM, debugger },
    { "kgdbdbgp", is_any, SEVERITY_MEDIUM, debugger },
    { "LD_PRELOAD", is_any, SEVERITY_HIGH, loads_code },
    { "LD_AUDIT", is_any, SEVERITY_HIGH, loads_code },
    { "LD_LIBRARY_PATH", is_any, SEVERITY_HIGH, loads_code },
    { "SYSTEMD_UNIT_PATH", is_any, SEVERITY_HIGH, "systemd takes its units from another folder" },
    { "SYSTEMD_PROC_CMDLINE", is_any, SEVERITY_HIGH, "systemd is given another command line" },
    { "systemd.setenv", is_loader_variable, SEVERITY_HIGH, "services load other code" },
    { "systemd.run", is_any, SEVERITY_HIGH, "a command is run as root at boot" },
    { "systemd.set_credential", is_any, SEVERITY_MEDIUM, "a credential is given that services obey" },
    { "systemd.set_credential_binary", is_any, SEVERITY_MEDIUM, "a credential is given that services obey" },
    { "systemd.debug_shell", is_on, SEVERITY_HIGH, open_shell },
    { "rd.systemd.debug_shell", is_on, SEVERITY_HIGH, open_shell },
    { "SYSTEMD_SULOGIN_FORCE", is_on, SEVERITY_MEDIUM, "rescue mode asks for no password" },
    { "systemd.crash_shell", is_on, SEVERITY_LOW, "a crash of the first program opens a root shell" },
    { "systemd.wants", is_rescue, SEVERITY_HIGH, open_shell },
    { "rd.systemd.wants", is_rescue, SEVERITY_HIGH, open_shell },
    { "systemd.unit", is_rescue, SEVERITY_MEDIUM, rescue },
    { "rd.systemd.unit", is_rescue, SEVERITY_MEDIUM, rescue },
    { "systemd.mask", is_any, SEVERITY_LOW, "a service is kept from starting" },
    { "rd.systemd.mask", is_any, SEVERITY_LOW, "a service is kept from starting" },
    { "cloud_config_url", is_any, SEVERITY_HIGH, from_network },
    { "ds", is_fetched, SEVERITY_HIGH, from_network },
    { "ignition.config.url", is_any, SEVERITY_HIGH, from_network },
    { "rd.break", is_any, SEVERITY_HIGH, initramfs_shell },
    { "rdbreak", is_any, SEVERITY_HIGH, initramfs_shell },
    { "break", is_any, SEVERITY_HIGH, initramfs_shell },
    { "single", is_any, SEVERITY_MEDIUM, rescue },
    { "s", is_any, SEVERITY_MEDIUM, rescue },
    { "S", is_any, SEVERITY_MEDIUM, rescue },
    { "_s", is_any, SEVERITY_MEDIUM, rescue },
    { "_b", is_any, SEVERITY_MEDIUM, rescue },
    { "1", is_any, SEVERITY_MEDIUM, rescue },
    { "rescue", is_any, SEVERITY_MEDIUM, rescue },
    { "emergency", is_any, SEVERITY_MEDIUM, rescue },
    { "rd.rescue", is_any, SEVERITY_MEDIUM, rescue },
    { "rd.emergency", is_any, SEVERITY_MEDIUM, rescue },
    { "recovery", is_any, SEVERITY_MEDIUM, rescue },
    { "selinux", is_off, SEVERITY_LOW, "SELinux is switched off" },
    { "enforcing", is_off, SEVERITY_LOW, "SELinux does not enforce" },
    { "apparmor", is_off, SEVERITY_LOW, "AppArmor is switched off" },
    { "lsm", is_any, SEVERITY_LOW, "which security modules run is chosen here" },
    { "security", is_any, SEVERITY_LOW, "which security module runs is chosen here" },
    { "audit", is_off, SEVERITY_LOW, "audit is switched off" },
    { "mitigations", is_off, SEVERITY_LOW, "processor mitigations are switched off" },
    { "nopti", is_any, SEVERITY_LOW, no_mitigation },
    { "pti", is_off, SEVERITY_LOW, no_mitigation },
    { "nosmep", is_any, SEVERITY_LOW, no_mitigation },
    { "nosmap", is_any, SEVERITY_LOW, no_mitigation },
    { "nokaslr", is_any, SEVERITY_LOW, "address randomisation is switched off" },
    { "norandmaps", is_any, SEVERITY_LOW, "address randomisation is switched off" },
    { "rodata", is_off_not_full, SEVERITY_LOW, "the kernel's code can be written" },
    { "iomem", is_relaxed, SEVERITY_LOW, "programs may write to device memory" },
    { "iommu", has_off, SEVERITY_LOW, no_iommu },
    { "intel_iommu", has_off, SEVERITY_LOW, no_iommu },
    { "amd_iommu", has_off, SEVERITY_LOW, no_iommu },
};

void cmdline_judge(struct bytes text, int pcr, int64_t event, struct findings *findings)
{
    bool said[ARRAY_LEN(options)] = { false };
    struct cmdline_word word;

    for (enum cmdline_reader reader = 0; reader < CMDLINE_READERS; reader++) {
        struct bytes rest = text;
        while (cmdline_word_next(reader, &rest, &word))
            for (size_t i = 0; i < ARRAY_LEN(options); i++)
                if (!said[i] && same_name(word.name, options[i].name) && options[i].bad(word.value)) {
                    struct bytes shown = bytes_slice(word.whole, 0, 200);
                    struct finding *f = findings_add(findings, FINDING_BOOT_CMDLINE_FORBIDDEN, pcr, event,
                                                     "The command line has \"%.*s\": %s.", BYTES_FMT(shown), options[i].what);
                    f->severity = options[i].severity;
                    said[i] = true;
                }
    }
}
