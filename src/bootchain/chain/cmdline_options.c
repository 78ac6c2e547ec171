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

static bool is_any(struct bytes value UNUSED) { return true; }

/* A word by itself: with "=" behind it nobody obeys it, or it means another thing (dracut's rd.emergency=reboot). */
static bool is_flag(struct bytes value) { return value.data == NULL; }

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

/* One of the words between commas. */
static bool has_word(struct bytes value, const char *word)
{
    while (value.len) {
        size_t comma = bytes_find(value, BYTES_LIT(","));
        if (bytes_equal_string(bytes_slice(value, 0, comma == SIZE_MAX ? value.len : comma), word))
            return true;
        value = comma == SIZE_MAX ? BYTES_NONE : bytes_slice(value, comma + 1, value.len);
    }
    return false;
}

/* "force" and "fullflush" are no "false". */
static bool has_off(struct bytes value) { return has_word(value, "off"); }

static bool is_off_not_full(struct bytes value) { return is_off(value) && !begins(value, "full"); }

/* "off", "force-off"; a boolean; "never". Not "force", "full" or "flush". */
static bool is_unguarded(struct bytes value)
{
    static const char *const words[] = { "0", "n", "N", "no", "never", "false", "force-off" };

    return has_off(value) || is_one_of(value, words, ARRAY_LEN(words));
}

static const char *const access_control[] = { "apparmor", "selinux", "smack", "tomoyo" };

static bool is_without_access_control(struct bytes value) { return !is_one_of(value, access_control, ARRAY_LEN(access_control)); }

/* A list of security modules that lacks one that others rely on. */
static bool is_incomplete(struct bytes value)
{
    for (size_t i = 0; i < ARRAY_LEN(access_control); i++)
        if (has_word(value, access_control[i]))
            return !has_word(value, "lockdown");
    return true;
}

static bool is_always(struct bytes value) { return bytes_equal_string(value, "always"); }

static bool is_complaining(struct bytes value) { return begins(value, "complain") || begins(value, "unconfined"); }

static bool is_none(struct bytes value) { return is_off(value) || begins(value, "none"); }

static bool is_rescue(struct bytes value)
{
    return begins(value, "rescue") || begins(value, "emergency") || begins(value, "debug-shell") || begins(value, "runlevel1.");
}

static bool is_pipe(struct bytes value) { return begins(value, "|"); }

/* Variables that make a program of the system run other code. */
static bool is_loader_variable(struct bytes value)
{
    static const char *const names[] = { "LD_", "GCONV_PATH=", "BASH_ENV=", "PERL5LIB=", "PERL5OPT=", "PYTHONPATH=", "PYTHONSTARTUP=" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (begins(value, names[i]))
            return true;
    return false;
}

/* An address in the network, wherever it stands. cloud-init: "nocloud;s=https://…" fetches what root then runs. */
static bool is_fetched(struct bytes value)
{
    return bytes_find(value, BYTES_LIT("http:")) != SIZE_MAX || bytes_find(value, BYTES_LIT("https:")) != SIZE_MAX ||
           bytes_find(value, BYTES_LIT("ftp:")) != SIZE_MAX;
}

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
    const char *name; /* with '_' for '-' and '.' for '/'; "systemd.…" is "rd.systemd.…", too */
    bool (*bad)(struct bytes value);
    enum severity severity;
    const char *what;
};

static const char other_init[] = "another first program is started", open_shell[] = "a root shell without a password is open",
                  rescue[] = "the system starts in rescue mode", initramfs_shell[] = "the initramfs stops in a root shell",
                  loads_code[] = "the first program loads other code", from_network[] = "settings that root carries out are fetched",
                  files_from_network[] = "the system's files are fetched", ran_as_root[] = "another program is run as root",
                  credential[] = "a credential is given that services obey", no_mitigation[] = "a processor's protection is switched off",
                  no_iommu[] = "devices may reach all memory", debugger[] = "the kernel debugger is reachable",
                  verity[] = "the file system's content is not checked", other_modules[] = "which security modules run is chosen here",
                  no_randomness[] = "address randomisation is switched off", shows_addresses[] = "addresses of the kernel are shown",
                  not_cleared[] = "memory is handed on with its content", no_apparmor[] = "AppArmor is switched off";

/* High: another first program, code from elsewhere, a shell without a password, or the end of what signatures protect. Low: a protection
 * against holes is off, which people do on purpose; a baseline says whether it is new. */
static const struct option_row options[] = {
    /* who runs first, and what it runs */
    { "init", is_foreign_init, SEVERITY_HIGH, other_init },
    { "rdinit", is_foreign_init, SEVERITY_HIGH, other_init },
    { "rd.init", is_foreign_init, SEVERITY_HIGH, other_init },
    { "LD_PRELOAD", is_any, SEVERITY_HIGH, loads_code },
    { "LD_AUDIT", is_any, SEVERITY_HIGH, loads_code },
    { "LD_LIBRARY_PATH", is_any, SEVERITY_HIGH, loads_code },
    { "SYSTEMD_UNIT_PATH", is_any, SEVERITY_HIGH, "systemd takes its units from another folder" },
    { "SYSTEMD_PROC_CMDLINE", is_any, SEVERITY_HIGH, "systemd is given another command line" },
    { "systemd.setenv", is_loader_variable, SEVERITY_HIGH, "services load other code" },
    { "systemd.run", is_any, SEVERITY_HIGH, "a command is run as root at boot" },
    { "systemd.set_credential", is_any, SEVERITY_MEDIUM, credential },
    { "systemd.set_credential_binary", is_any, SEVERITY_MEDIUM, credential },
    { "sysctl.kernel.modprobe", is_any, SEVERITY_HIGH, "another program loads kernel modules" },
    { "sysctl.kernel.hotplug", is_any, SEVERITY_HIGH, ran_as_root },
    { "sysctl.kernel.poweroff_cmd", is_any, SEVERITY_HIGH, ran_as_root },
    { "sysctl.kernel.core_pattern", is_pipe, SEVERITY_HIGH, "a program is run as root on every crash" },
    /* from elsewhere */
    { "acpi_rsdp", is_any, SEVERITY_HIGH, "other ACPI tables are used" },
    { "efivar_ssdt", is_any, SEVERITY_HIGH, "an ACPI table is loaded from a firmware variable" },
    { "initrdmem", is_any, SEVERITY_HIGH, "the initial RAM disk is taken from memory" },
    { "bootconfig", is_on, SEVERITY_MEDIUM, "more options come from the end of the initial RAM disk" },
    { "firmware_class.path", is_any, SEVERITY_MEDIUM, "devices get their firmware from another folder" },
    { "cloud_config_url", is_any, SEVERITY_HIGH, from_network },
    { "ds", is_fetched, SEVERITY_HIGH, from_network },
    { "ignition.config.url", is_any, SEVERITY_HIGH, from_network },
    { "coreos.inst.ignition_url", is_any, SEVERITY_HIGH, from_network },
    { "inst.ks", is_fetched, SEVERITY_HIGH, from_network },
    { "ks", is_fetched, SEVERITY_HIGH, from_network },
    { "autoyast", is_fetched, SEVERITY_HIGH, from_network },
    { "preseed.url", is_any, SEVERITY_HIGH, from_network },
    { "url", is_fetched, SEVERITY_HIGH, from_network },
    { "systemd.pull", is_any, SEVERITY_HIGH, "an image is fetched and started" },
    { "root", is_fetched, SEVERITY_MEDIUM, files_from_network },
    { "netroot", is_fetched, SEVERITY_MEDIUM, files_from_network },
    { "fetch", is_fetched, SEVERITY_MEDIUM, files_from_network },
    { "httpfs", is_fetched, SEVERITY_MEDIUM, files_from_network },
    { "ftpfs", is_fetched, SEVERITY_MEDIUM, files_from_network },
    { "coreos.live.rootfs_url", is_any, SEVERITY_MEDIUM, files_from_network },
    /* what signatures protect */
    { "ima_appraise", is_not_enforcing, SEVERITY_HIGH, "IMA does not enforce file signatures" },
    { "ima", is_off, SEVERITY_HIGH, "IMA is switched off" },
    { "evm", is_not_enforcing, SEVERITY_HIGH, "EVM does not protect file attributes" },
    { "integrity_audit", is_off, SEVERITY_LOW, "integrity violations are not recorded" },
    { "module.sig_enforce", is_off, SEVERITY_HIGH, "unsigned kernel modules may be loaded" },
    { "initcall_blacklist", is_protecting_call, SEVERITY_HIGH, "what checks code or integrity is not started" },
    { "lockdown", is_none, SEVERITY_HIGH, "kernel lockdown is switched off" },
    { "ipe.enforce", is_off, SEVERITY_HIGH, "IPE does not enforce which files may run" },
    { "loadpin.enforce", is_off, SEVERITY_MEDIUM, "kernel files may come from another file system" },
    { "loadpin.enabled", is_off, SEVERITY_MEDIUM, "kernel files may come from another file system" },
    { "dm_verity.require_signatures", is_off, SEVERITY_MEDIUM, verity },
    { "systemd.verity", is_off, SEVERITY_MEDIUM, verity },
    /* shells */
    { "systemd.debug_shell", is_on, SEVERITY_HIGH, open_shell },
    { "systemd.wants", is_rescue, SEVERITY_HIGH, open_shell },
    { "systemd.unit", is_rescue, SEVERITY_MEDIUM, rescue },
    { "SYSTEMD_SULOGIN_FORCE", is_on, SEVERITY_MEDIUM, "rescue mode asks for no password" },
    { "systemd.crash_shell", is_on, SEVERITY_LOW, "a crash of the first program opens a root shell" },
    { "systemd.mask", is_any, SEVERITY_LOW, "a service is kept from starting" },
    { "rd.break", is_any, SEVERITY_HIGH, initramfs_shell },
    { "rdbreak", is_any, SEVERITY_HIGH, initramfs_shell },
    { "break", is_any, SEVERITY_HIGH, initramfs_shell },
    { "single", is_flag, SEVERITY_MEDIUM, rescue },
    { "s", is_flag, SEVERITY_MEDIUM, rescue },
    { "S", is_flag, SEVERITY_MEDIUM, rescue },
    { "_s", is_flag, SEVERITY_MEDIUM, rescue },
    { "_b", is_flag, SEVERITY_MEDIUM, rescue },
    { "1", is_flag, SEVERITY_MEDIUM, rescue },
    { "rescue", is_flag, SEVERITY_MEDIUM, rescue },
    { "emergency", is_flag, SEVERITY_MEDIUM, rescue },
    { "rd.rescue", is_flag, SEVERITY_MEDIUM, rescue },
    { "rd.emergency", is_flag, SEVERITY_MEDIUM, rescue },
    { "recovery", is_flag, SEVERITY_MEDIUM, rescue },
    /* debuggers */
    { "kgdbwait", is_any, SEVERITY_HIGH, "the kernel debugger waits at boot" },
    { "kgdboc", is_any, SEVERITY_MEDIUM, debugger },
    { "ekgdboc", is_any, SEVERITY_MEDIUM, debugger },
    { "kgdbdbgp", is_any, SEVERITY_MEDIUM, debugger },
    /* security modules and audit */
    { "selinux", is_off, SEVERITY_LOW, "SELinux is switched off" },
    { "enforcing", is_off, SEVERITY_LOW, "SELinux does not enforce" },
    { "apparmor", is_off, SEVERITY_LOW, no_apparmor },
    { "apparmor.enabled", is_off, SEVERITY_LOW, no_apparmor },
    { "apparmor.mode", is_complaining, SEVERITY_LOW, "AppArmor does not enforce" },
    { "lsm", is_incomplete, SEVERITY_LOW, other_modules },
    { "security", is_without_access_control, SEVERITY_LOW, other_modules },
    { "audit", is_off, SEVERITY_LOW, "audit is switched off" },
    /* the processor's holes (Documentation/admin-guide/hw-vuln) */
    { "mitigations", is_off, SEVERITY_LOW, "processor mitigations are switched off" },
    { "nopti", is_any, SEVERITY_LOW, no_mitigation },
    { "pti", is_off, SEVERITY_LOW, no_mitigation },
    { "kpti", is_off, SEVERITY_LOW, no_mitigation },
    { "nospectre_v1", is_any, SEVERITY_LOW, no_mitigation },
    { "nospectre_v2", is_any, SEVERITY_LOW, no_mitigation },
    { "nospectre_bhb", is_any, SEVERITY_LOW, no_mitigation },
    { "nospec_store_bypass_disable", is_any, SEVERITY_LOW, no_mitigation },
    { "spectre_v2", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "spectre_v2_user", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "spectre_bhi", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "spec_store_bypass_disable", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "ssbd", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "spec_rstack_overflow", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "l1tf", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "mds", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "tsx_async_abort", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "mmio_stale_data", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "reg_file_data_sampling", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "gather_data_sampling", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "srbds", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "retbleed", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "indirect_target_selection", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "tsa", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "vmscape", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "kvm.nx_huge_pages", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "dis_ucode_ldr", is_any, SEVERITY_LOW, "the processor's updates are not loaded" },
    { "nosmep", is_any, SEVERITY_LOW, no_mitigation },
    { "nosmap", is_any, SEVERITY_LOW, no_mitigation },
    { "ibt", is_unguarded, SEVERITY_LOW, no_mitigation },
    { "nousershstk", is_any, SEVERITY_LOW, no_mitigation },
    /* memory */
    { "nokaslr", is_any, SEVERITY_LOW, no_randomness },
    { "norandmaps", is_any, SEVERITY_LOW, no_randomness },
    { "sysctl.kernel.randomize_va_space", is_off, SEVERITY_LOW, no_randomness },
    { "randomize_kstack_offset", is_off, SEVERITY_LOW, no_randomness },
    { "no_hash_pointers", is_any, SEVERITY_LOW, shows_addresses },
    { "hash_pointers", is_unguarded, SEVERITY_LOW, shows_addresses },
    { "init_on_alloc", is_off, SEVERITY_LOW, not_cleared },
    { "hardened_usercopy", is_off, SEVERITY_LOW, "copies between kernel and programs are not checked" },
    { "proc_mem.force_override", is_always, SEVERITY_LOW, "programs may write to read-only memory of others" },
    { "mem_encrypt", is_unguarded, SEVERITY_LOW, "memory is not encrypted" },
    { "noexec", is_off, SEVERITY_LOW, "data can be executed" },
    { "rodata", is_off_not_full, SEVERITY_LOW, "the kernel's code can be written" },
    { "iomem", is_relaxed, SEVERITY_LOW, "programs may write to device memory" },
    { "iommu", has_off, SEVERITY_LOW, no_iommu },
    { "intel_iommu", has_off, SEVERITY_LOW, no_iommu },
    { "amd_iommu", has_off, SEVERITY_LOW, no_iommu },
};

/* In an initial RAM disk systemd takes its options with "rd." in front, too (proc-cmdline.c, PROC_CMDLINE_STRIP_RD_PREFIX). */
static bool names(struct bytes name, const char *want)
{
    static const char initial[] = "rd.systemd.";

    if (same_name(name, want))
        return true;
    return strncmp(want, initial + 3, strlen(initial + 3)) == 0 && name.len > 3 && begins(name, initial) &&
           same_name(bytes_slice(name, 3, name.len), want);
}

void cmdline_judge(struct bytes text, int pcr, int64_t event, struct findings *findings)
{
    bool said[ARRAY_LEN(options)] = { false };
    struct cmdline_word word;

    for (enum cmdline_reader reader = 0; reader < CMDLINE_READERS; reader++) {
        struct bytes rest = text;
        while (cmdline_word_next(reader, &rest, &word))
            for (size_t i = 0; i < ARRAY_LEN(options); i++)
                if (!said[i] && names(word.name, options[i].name) && options[i].bad(word.value)) {
                    struct bytes shown = bytes_slice(word.whole, 0, 200);
                    struct finding *f = findings_add(findings, FINDING_BOOT_CMDLINE_FORBIDDEN, pcr, event,
                                                     "The command line has \"%.*s\": %s.", BYTES_FMT(shown), options[i].what);
                    f->severity = options[i].severity;
                    said[i] = true;
                }
    }
}
