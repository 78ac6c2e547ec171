#include "bootchain/cmdline.h"

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static struct bytes unquoted(struct bytes b)
{
    if (b.len >= 2 && b.data[0] == '"' && b.data[b.len - 1] == '"')
        return bytes_slice(b, 1, b.len - 2);
    return b;
}

bool cmdline_next(struct bytes *rest, struct bytes *ret_word, struct bytes *ret_name, struct bytes *ret_value)
{
    size_t n = 0, equals = SIZE_MAX;
    bool quoted = false;

    while (rest->len && is_blank(rest->data[0]))
        *rest = bytes_slice(*rest, 1, rest->len);
    if (!rest->len)
        return false;
    for (; n < rest->len && (quoted || !is_blank(rest->data[n])); n++) {
        if (rest->data[n] == '"')
            quoted = !quoted;
        if (rest->data[n] == '=' && equals == SIZE_MAX)
            equals = n;
    }
    *ret_word = bytes_slice(*rest, 0, n);
    *rest = bytes_slice(*rest, n, rest->len);
    *ret_name = *ret_word;
    *ret_value = BYTES_NONE;
    if (equals != SIZE_MAX) {
        /* "name=value with blanks" may be quoted as a whole. */
        struct bytes word = unquoted(*ret_word);
        size_t at = bytes_find(word, BYTES_LIT("="));
        *ret_name = bytes_slice(word, 0, at);
        *ret_value = unquoted(bytes_slice(word, at + 1, word.len));
    }
    return true;
}

static bool same_name(struct bytes name, const char *want)
{
    size_t i;

    for (i = 0; i < name.len && want[i]; i++) {
        uint8_t c = name.data[i] == '-' && i ? '_' : name.data[i];
        uint8_t k = want[i] == '-' && i ? '_' : (uint8_t)want[i];
        if (c != k)
            return false;
    }
    return i == name.len && !want[i];
}

bool cmdline_has(struct bytes text, const char *name)
{
    struct bytes word, got, value;

    while (cmdline_next(&text, &word, &got, &value))
        if (same_name(got, name))
            return true;
    return false;
}

static bool is_off(struct bytes value)
{
    static const char *const off[] = { "0", "n", "N", "no", "off", "of", "false", "disable", "disabled" };

    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        if (bytes_equal_string(value, off[i]))
            return true;
    return false;
}

static bool is_any(struct bytes value)
{
    (void)value;
    return true;
}

static bool is_on(struct bytes value) { return !is_off(value); }

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

    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (bytes_equal_string(value, usual[i]))
            return false;
    if (bytes_starts_with(value, BYTES_LIT("/nix/store/")) && bytes_ends_with(value, BYTES_LIT("/init")))
        return bytes_find(value, BYTES_LIT("/../")) != SIZE_MAX;
    return true;
}

static bool is_not_enforcing(struct bytes value)
{
    return is_off(value) || bytes_equal_string(value, "log") || bytes_equal_string(value, "fix");
}

static bool is_none(struct bytes value) { return is_off(value) || bytes_equal_string(value, "none"); }

static bool is_rescue(struct bytes value)
{
    return bytes_starts_with(value, BYTES_LIT("rescue")) || bytes_starts_with(value, BYTES_LIT("emergency")) ||
           bytes_starts_with(value, BYTES_LIT("debug-shell"));
}

struct option_row {
    const char *name;
    bool (*bad)(struct bytes value);
    enum severity severity;
    const char *what;
};

/* High: another first program, a shell without a password, or the end of what signatures protect. Low: a protection against holes is off,
 * which people do on purpose; a baseline says whether it is new. */
static const struct option_row options[] = {
    { "init", is_foreign_init, SEVERITY_HIGH, "another first program is started" },
    { "rdinit", is_foreign_init, SEVERITY_HIGH, "another first program is started" },
    { "rd.init", is_foreign_init, SEVERITY_HIGH, "another first program is started" },
    { "ima_appraise", is_not_enforcing, SEVERITY_HIGH, "IMA does not enforce file signatures" },
    { "ima", is_off, SEVERITY_HIGH, "IMA is switched off" },
    { "evm", is_not_enforcing, SEVERITY_HIGH, "EVM does not protect file attributes" },
    { "module.sig_enforce", is_off, SEVERITY_HIGH, "unsigned kernel modules may be loaded" },
    { "lockdown", is_none, SEVERITY_HIGH, "kernel lockdown is switched off" },
    { "integrity_audit", is_off, SEVERITY_LOW, "integrity violations are not recorded" },
    { "acpi_rsdp", is_any, SEVERITY_HIGH, "other ACPI tables are used" },
    { "kgdbwait", is_any, SEVERITY_HIGH, "the kernel debugger waits at boot" },
    { "kgdboc", is_any, SEVERITY_MEDIUM, "the kernel debugger is reachable" },
    { "systemd.run", is_any, SEVERITY_HIGH, "a command is run as root at boot" },
    { "systemd.debug_shell", is_on, SEVERITY_HIGH, "a root shell without a password is open" },
    { "rd.systemd.debug_shell", is_on, SEVERITY_HIGH, "a root shell without a password is open" },
    { "systemd.wants", is_rescue, SEVERITY_HIGH, "a root shell without a password is open" },
    { "systemd.unit", is_rescue, SEVERITY_MEDIUM, "the system starts in rescue mode" },
    { "rd.break", is_any, SEVERITY_HIGH, "the initramfs stops in a root shell" },
    { "break", is_any, SEVERITY_HIGH, "the initramfs stops in a root shell" },
    { "single", is_any, SEVERITY_MEDIUM, "the system starts in rescue mode" },
    { "rescue", is_any, SEVERITY_MEDIUM, "the system starts in rescue mode" },
    { "emergency", is_any, SEVERITY_MEDIUM, "the system starts in rescue mode" },
    { "selinux", is_off, SEVERITY_LOW, "SELinux is switched off" },
    { "enforcing", is_off, SEVERITY_LOW, "SELinux does not enforce" },
    { "apparmor", is_off, SEVERITY_LOW, "AppArmor is switched off" },
    { "audit", is_off, SEVERITY_LOW, "audit is switched off" },
    { "mitigations", is_off, SEVERITY_LOW, "processor mitigations are switched off" },
    { "nokaslr", is_any, SEVERITY_LOW, "address randomisation is switched off" },
};

void cmdline_judge(struct bytes text, int pcr, int64_t event, struct findings *findings)
{
    struct bytes word, name, value;

    while (cmdline_next(&text, &word, &name, &value))
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
            if (same_name(name, options[i].name) && options[i].bad(value)) {
                struct bytes shown = bytes_slice(word, 0, 200);
                struct finding *f = findings_add(findings, FINDING_BOOT_CMDLINE_FORBIDDEN, pcr, event, "The command line has \"%.*s\": %s.",
                                                 BYTES_FMT(shown), options[i].what);
                f->severity = options[i].severity;
            }
}

bool cmdline_is_kernels(struct bytes text) { return text.len && (text.data[0] == '/' || text.data[0] == '('); }
