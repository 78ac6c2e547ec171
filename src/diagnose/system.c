#include <grp.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "diagnose/machine.h"

#define GLOBAL_VARIABLE "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM_VARIABLE   "605dab50-e046-4300-abb6-3dd810dd8b23"

/* "KEY=value" of an os-release, quotes taken off. */
static struct bytes release_value(struct bytes text, const char *key)
{
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n")), n = strlen(key);
        struct bytes line = bytes_slice(text, 0, end);

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (!bytes_starts_with(line, bytes_of_string(key)) || line.len <= n || line.data[n] != '=')
            continue;
        line = bytes_slice(line, n + 1, line.len);
        if (line.len > 1 && line.data[0] == '"')
            line = bytes_slice(line, 1, line.len - 2);
        return line;
    }
    return BYTES_NONE;
}

static void check_os(struct diagnosis *d, const struct machine_places *places)
{
    struct bytes name = release_value(machine_read(d, places, 16384, "/etc/os-release"), "PRETTY_NAME");
    struct utsname u = { 0 };

    uname(&u);
    diagnosis_add(d, CHECK_OS, RESULT_PASS, "%.*s, Linux %s, %s", name.len ? (int)bytes_slice(name, 0, 100).len : 12,
                  name.len ? (const char *)name.data : "unknown name", u.release, u.machine);
}

static bool in_group(const char *name)
{
    struct group *group = getgrnam(name);
    gid_t own[64];
    int n = getgroups((int)ARRAY_LEN(own), own);

    for (int i = 0; group && i < n; i++)
        if (own[i] == group->gr_gid)
            return true;
    return group && getegid() == group->gr_gid;
}

static void check_privilege(struct diagnosis *d)
{
    struct checked *c;

    if (geteuid() == 0) {
        diagnosis_add(d, CHECK_PRIVILEGE, RESULT_PASS, "root");
        return;
    }
    c = diagnosis_add(d, CHECK_PRIVILEGE, RESULT_WARN, "user %u, %s group tss", (unsigned)geteuid(), in_group("tss") ? "in" : "not in");
    checked_remedy(d, c, "run it as root: not everything can be seen otherwise");
}

static void check_virtual(struct diagnosis *d, const struct machine_places *places)
{
    struct bytes vendor = machine_read(d, places, 256, "/sys/class/dmi/id/sys_vendor");
    struct bytes product = machine_read(d, places, 256, "/sys/class/dmi/id/product_name");
    struct bytes cpu = machine_read(d, places, 1 << 20, "/proc/cpuinfo");
    struct bytes container = machine_read(d, places, 64, "/run/systemd/container");
    bool guest = bytes_find(cpu, BYTES_LIT(" hypervisor")) != SIZE_MAX;

    if (container.len) {
        struct checked *c = diagnosis_add(d, CHECK_VIRTUAL, RESULT_WARN, "in a container (%.*s)", BYTES_FMT(container));
        checked_remedy(d, c, "a container has no boot of its own: run the agent on the VM");
        return;
    }
    diagnosis_add(d, CHECK_VIRTUAL, RESULT_PASS, "%s%s%.*s%s%.*s", guest ? "virtual machine" : "no hypervisor seen",
                  vendor.len || product.len ? ": " : "", BYTES_FMT(vendor), vendor.len && product.len ? " " : "", BYTES_FMT(product));
}

/* One byte of an EFI variable: four bytes of attributes come first. */
static bool efi_byte(struct diagnosis *d, const struct machine_places *places, const char *name, const char *guid, uint8_t *ret)
{
    struct bytes content = BYTES_NONE;
    char path[128];

    snprintf(path, sizeof path, "/sys/firmware/efi/efivars/%s-%s", name, guid);
    content = machine_read(d, places, 4096, "%s", path);
    if (content.len < 5) /* trimming may have eaten a last byte that is white space; 0 and 1 are not */
        return false;
    *ret = content.data[4];
    return true;
}

static void check_firmware(struct diagnosis *d, const struct machine_places *places)
{
    uint8_t on = 0, setup = 0, shim = 0;
    struct checked *c;

    if (!machine_has(d, places, "/sys/firmware/efi")) {
        c = diagnosis_add(d, CHECK_UEFI, RESULT_FAIL, "no /sys/firmware/efi: BIOS firmware, or started by kexec without it");
        checked_remedy(d, c, "give the VM UEFI firmware with Secure Boot (Trusted Launch)");
        diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_SKIP, "no UEFI");
        diagnosis_add(d, CHECK_MOK, RESULT_SKIP, "no UEFI");
        return;
    }
    diagnosis_add(d, CHECK_UEFI, RESULT_PASS, "yes");
    if (!efi_byte(d, places, "SecureBoot", GLOBAL_VARIABLE, &on)) {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_WARN, "the variable SecureBoot cannot be read");
        checked_remedy(d, c, "mount efivarfs at /sys/firmware/efi/efivars, or run as root");
    } else if (efi_byte(d, places, "SetupMode", GLOBAL_VARIABLE, &setup) && setup) {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_FAIL, "SetupMode: no platform key is enrolled, nothing is enforced");
        checked_remedy(d, c, "enrol the platform's keys (for a new VM: use its Secure Boot variable store)");
    } else if (!on) {
        c = diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_FAIL, "off: attestation will be Unhealthy by definition");
        checked_remedy(d, c, "switch Secure Boot on in the VM's definition and start it again");
    } else {
        diagnosis_add(d, CHECK_SECURE_BOOT, RESULT_PASS, "on, user mode");
    }
    if (!efi_byte(d, places, "MokSBStateRT", SHIM_VARIABLE, &shim)) {
        diagnosis_add(d, CHECK_MOK, RESULT_PASS, "shim validates (MokSBStateRT is not set)");
    } else if (shim) {
        c = diagnosis_add(d, CHECK_MOK, RESULT_FAIL, "validation was disabled through the MOK manager");
        checked_remedy(d, c, "mokutil --enable-validation, then start again");
    } else {
        diagnosis_add(d, CHECK_MOK, RESULT_PASS, "shim validates");
    }
}

static void check_lockdown(struct diagnosis *d, const struct machine_places *places)
{
    struct bytes text = machine_read(d, places, 256, "/sys/kernel/security/lockdown");
    size_t begin = bytes_find(text, BYTES_LIT("[")), end = bytes_find(text, BYTES_LIT("]"));
    struct bytes mode;
    struct checked *c;

    if (begin == SIZE_MAX || end == SIZE_MAX || end < begin) {
        diagnosis_add(d, CHECK_LOCKDOWN, RESULT_SKIP, "/sys/kernel/security/lockdown is not there or not for us");
        return;
    }
    mode = bytes_slice(text, begin + 1, end - begin - 1);
    c = diagnosis_add(d, CHECK_LOCKDOWN, bytes_equal_string(mode, "none") ? RESULT_WARN : RESULT_PASS, "%.*s", BYTES_FMT(mode));
    if (c->result == RESULT_WARN)
        checked_remedy(d, c, "distributions switch it on with Secure Boot; lockdown=integrity on the command line does it by hand");
}

static void check_clock(struct diagnosis *d)
{
    struct timex t = { 0 };
    int state = adjtimex(&t);
    struct checked *c;

    if (state < 0) {
        diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_SKIP, "the kernel does not say");
        return;
    }
    if (!(t.status & STA_UNSYNC) && state != TIME_ERROR) {
        diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_PASS, "yes, estimated error %ld ms", t.esterror / 1000);
        return;
    }
    c = diagnosis_add(d, CHECK_CLOCK_SYNC, RESULT_WARN, "no: no time service has set it");
    checked_remedy(d, c, "timedatectl set-ntp true (or install chrony)");
}

static void check_space(struct diagnosis *d, const char *folder, const char *root)
{
    enum { ENOUGH_MIB = 32 };
    struct statvfs fs;
    char path[512];
    size_t len;
    struct checked *c;
    unsigned long long mib;

    snprintf(path, sizeof path, "%s%s", root, folder);
    while (statvfs(path, &fs) != 0 && (len = strlen(path)) > 1) { /* the nearest folder that exists */
        char *slash = strrchr(path, '/');

        if (!slash || slash == path)
            snprintf(path, sizeof path, "/");
        else
            *slash = 0;
    }
    if (statvfs(path, &fs) != 0)
        return;
    mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
    c = diagnosis_add(d, CHECK_SPACE,
                      mib < 1            ? RESULT_FAIL
                      : mib < ENOUGH_MIB ? RESULT_WARN
                                         : RESULT_PASS,
                      "%llu MiB%s", mib, fs.f_flag & ST_RDONLY ? ", read-only" : "");
    c->subject = arena_printf(d->arena, "of %s", folder);
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "make room: the agent goes on from memory, but forgets at every start");
}

/* The records of AppArmor and of SELinux; a refusal by the system call filter (UNIT.03) names us, too, and is neither. */
static bool is_lsm_denial_of_us(const char *line)
{
    return (strstr(line, "apparmor=\"DENIED\"") || strstr(line, "avc:  denied")) && strstr(line, "trueboot-agent");
}

static void check_lsm(struct diagnosis *d, const struct machine_places *places)
{
    struct bytes selinux = machine_read(d, places, 16, "/sys/fs/selinux/enforce");
    struct bytes apparmor = machine_read(d, places, 16, "/sys/module/apparmor/parameters/enabled");
    bool readable;
    const char *denial = machine_last_kernel_line(d, places, is_lsm_denial_of_us, &readable), *mode;
    struct checked *c;

    mode = bytes_equal_string(selinux, "1")    ? "SELinux enforces"
           : bytes_equal_string(apparmor, "Y") ? "AppArmor is on"
                                               : "neither enforces";
    if (denial) {
        c = diagnosis_add(d, CHECK_LSM, RESULT_FAIL, "%s, and refused us: %s", mode, denial);
        checked_remedy(d, c, "allow what the line names in the policy of trueboot-agent");
    } else {
        diagnosis_add(d, CHECK_LSM, RESULT_PASS, "%s%s", mode,
                      readable ? ", no refusal in the kernel's log" : "; the kernel's log is not for us");
    }
}

void machine_check_system(struct diagnosis *d, const struct machine_places *places)
{
    check_os(d, places);
    check_privilege(d);
    check_virtual(d, places);
    check_firmware(d, places);
    check_lockdown(d, places);
    check_clock(d);
    check_space(d, places->state_dir, places->root);
    check_space(d, places->log_dir, places->root);
    check_lsm(d, places);
}
