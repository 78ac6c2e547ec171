#define _GNU_SOURCE
#include "vmhost/host.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "vmhost/process.h"

struct firmware {
    const char *code, *vars;
};

/* Builds with Secure Boot and SMM, beside variable stores with Microsoft's keys enrolled (Debian's shim is signed by them). */
static const struct firmware firmwares[] = {
    { "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd" },              /* Debian, Ubuntu */
    { "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd" },                   /* Debian, other releases */
    { "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd" },     /* Fedora, RHEL */
    { "/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin" }, /* openSUSE */
};

enum { MISSING_MAX = 24, KVM_PROBE_MS = 10000 };

struct look {
    struct arena *arena;
    struct host_missing *missing;
    size_t n;
    bool bad; /* no memory */
};

static void add_missing(struct look *l, const char *what, const char *sentence)
{
    if (!sentence || l->n == MISSING_MAX)
        l->bad = true;
    else
        l->missing[l->n++] = (struct host_missing){ what, sentence };
}

/* In PATH, and in the folders of administration that ordinary users often do not have in it. */
static const char *find_program(struct arena *a, const char *program)
{
    const char *path = getenv("PATH");
    const char *all = arena_printf(a, "%s:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "");

    for (const char *from = all; from && *from;) {
        size_t len = strcspn(from, ":");
        if (len && from[0] == '/') {
            const char *candidate = arena_printf(a, "%.*s/%s", (int)len, from, program);
            if (candidate && access(candidate, X_OK) == 0)
                return candidate;
        }
        from += len + (from[len] == ':');
    }
    return NULL;
}

static void look_for_programs(struct look *l, struct host_parts *parts)
{
#define X(field, program, package, purpose)                                                                                           \
    parts->field = find_program(l->arena, program);                                                                                   \
    if (!parts->field)                                                                                                                \
        add_missing(l, program,                                                                                                       \
                    program " is missing, which is needed for " purpose ": install the package " package " (apt-get install " package \
                            ")");
    HOST_PROGRAMS(X)
#undef X
}

static void look_for_firmware(struct look *l, struct host_parts *parts)
{
    for (size_t i = 0; i < ARRAY_LEN(firmwares); i++)
        if (file_exists(firmwares[i].code) && file_exists(firmwares[i].vars)) {
            parts->ovmf_code = firmwares[i].code;
            parts->ovmf_vars = firmwares[i].vars;
            return;
        }
    add_missing(l, "OVMF", "OVMF, the UEFI firmware with Secure Boot, is missing: install the package ovmf (apt-get install ovmf)");
}

/* The newest kernel in PARTS/boot, by version. */
static const char *kernel_version(struct arena *a, const char *parts_dir)
{
    const char *boot = arena_printf(a, "%s/boot", parts_dir), *best = NULL;
    DIR *d = boot ? opendir(boot) : NULL;

    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, "vmlinuz-", 8) == 0 && (!best || strverscmp(best, e->d_name + 8) < 0))
            best = arena_string(a, bytes_of_string(e->d_name + 8));
    if (d)
        closedir(d);
    return best;
}

static void look_for_boot_chain(struct look *l, const struct vm_host *host, struct host_parts *parts)
{
    const char *version = kernel_version(l->arena, host->parts_dir), *named = version ? version : "VERSION";
    const char *usr_modules = arena_printf(l->arena, "%s/usr/lib/modules/%s/kernel", host->parts_dir, named);
    struct {
        const char **field;
        const char *path;
    } files[] = {
        { &parts->shim, arena_printf(l->arena, "%s/usr/lib/shim/shimx64.efi.signed", host->parts_dir) },
        { &parts->mok_manager, arena_printf(l->arena, "%s/usr/lib/shim/mmx64.efi.signed", host->parts_dir) },
        { &parts->grub, arena_printf(l->arena, "%s/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", host->parts_dir) },
        { &parts->kernel, arena_printf(l->arena, "%s/boot/vmlinuz-%s", host->parts_dir, named) },
        { &parts->modules, usr_modules && file_exists(usr_modules) /* packages of a merged /usr */
                               ? usr_modules
                               : arena_printf(l->arena, "%s/lib/modules/%s/kernel", host->parts_dir, named) },
    };
    bool complete = version != NULL;

    parts->kernel_version = version;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i].path && file_exists(files[i].path))
            *files[i].field = files[i].path;
        else
            complete = false;
    }
    if (!complete)
        add_missing(l, "boot chain",
                    arena_printf(l->arena,
                                 "Debian's signed boot chain is missing in %s: run %s/fetch_guest_parts %s (it needs the network)",
                                 host->parts_dir, host->guest_dir, host->parts_dir));
}

static void look_for_guest(struct look *l, const struct vm_host *host)
{
    const char *init = arena_printf(l->arena, "%s/init", host->guest_dir), *modules = arena_printf(l->arena, "%s/modules", host->guest_dir);

    if (access(host->agent, X_OK) != 0)
        add_missing(
            l, "trueboot-agent",
            arena_printf(l->arena, "the agent for the guest is missing at %s: build it (make) or name it in TRUEBOOT_AGENT", host->agent));
    if (!init || !modules || !file_exists(init) || !file_exists(modules))
        add_missing(l, "guest files",
                    arena_printf(l->arena, "the guest's files init and modules are missing in %s: name their folder in TRUEBOOT_GUEST_DIR",
                                 host->guest_dir));
}

bool host_look(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct host_missing **ret_missing, size_t *ret_n,
               struct err *err)
{
    struct look l = { .arena = a, .missing = ARENA_ARRAY(a, MISSING_MAX, struct host_missing) };
    struct host_parts parts = { 0 };

    if (l.missing) {
        look_for_programs(&l, &parts);
        look_for_firmware(&l, &parts);
        look_for_boot_chain(&l, host, &parts);
        look_for_guest(&l, host);
    }
    if (!l.missing || l.bad)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    *ret = parts;
    *ret_missing = l.missing;
    *ret_n = l.n;
    return true;
}

bool host_need(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct err *err)
{
    struct host_missing *missing;
    struct host_parts parts;
    size_t n;

    if (!host_look(host, a, &parts, &missing, &n, err))
        return false;
    if (n == 1)
        return err_set(err, ERR_NOT_FOUND, "%s", missing[0].sentence);
    if (n > 1)
        return err_set(err, ERR_NOT_FOUND, "%s; %zu more things are missing, next %s", missing[0].sentence, n - 1, missing[1].what);
    *ret = parts;
    return true;
}

/* What the probe's answer depends on: this start of the host, and this QEMU. */
static const char *probe_key(struct arena *a, const struct host_parts *parts)
{
    struct err err = ERR_INIT;
    struct bytes boot;
    struct stat st;

    if (!file_read_in(a, "/proc/sys/kernel/random/boot_id", 64, &boot, &err) || stat(parts->qemu, &st) != 0)
        return NULL;
    boot = bytes_trim(boot);
    return arena_printf(a, "%.*s %s %lld %lld %u", BYTES_FMT(boot), parts->qemu, (long long)st.st_mtime, (long long)st.st_size,
                        (unsigned)geteuid());
}

/* The file: first line the key, second "works" or "broken", third why. */
static bool probe_remembered(struct arena *a, const char *path, const char *key, enum host_kvm *ret, const char **ret_why)
{
    struct err err = ERR_INIT;
    struct bytes text;

    if (!file_read_in(a, path, 4096, &text, &err))
        return false;
    struct bytes prefix = bytes_of_string(key);
    if (!bytes_starts_with(text, prefix))
        return false;
    text = bytes_slice(text, prefix.len, SIZE_MAX);
    bool works = bytes_starts_with(text, BYTES_LIT("\nworks\n"));
    if (!works && !bytes_starts_with(text, BYTES_LIT("\nbroken\n")))
        return false;
    *ret = works ? HOST_KVM_WORKS : HOST_KVM_BROKEN;
    *ret_why = process_last_line(a, text);
    return *ret_why != NULL;
}

/* Waits until the firmware has written to its console, the process is gone, or the time is over. */
static bool firmware_speaks(const char *serial, const struct process_id *qemu, bool *ret_died)
{
    int64_t deadline = clock_monotonic_ms() + KVM_PROBE_MS;

    for (struct stat st; clock_monotonic_ms() < deadline;) {
        *ret_died = !process_is_alive(qemu);
        if (stat(serial, &st) == 0 && st.st_size > 0)
            return true;
        if (*ret_died)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
    }
    return false;
}

static bool run_probe(const struct host_parts *parts, const char *dir, struct arena *a, enum host_kvm *ret, const char **ret_why,
                      struct err *err)
{
    const char *code = arena_printf(a, "if=pflash,unit=0,format=raw,readonly=on,file=%s", parts->ovmf_code);
    const char *vars = arena_printf(a, "if=pflash,unit=1,format=raw,snapshot=on,file=%s", parts->ovmf_vars);
    const char *serial = arena_printf(a, "%s/serial", dir), *log = arena_printf(a, "%s/log", dir);
    if (!code || !vars || !serial || !log)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    const char *argv[] = { parts->qemu,
                           "-machine",
                           "q35,smm=on",
                           "-accel",
                           "kvm",
                           "-cpu",
                           "host",
                           "-m",
                           "256",
                           "-nodefaults",
                           "-no-user-config",
                           "-display",
                           "none",
                           "-serial",
                           "file:serial",
                           "-global",
                           "driver=cfi.pflash01,property=secure,value=on",
                           "-drive",
                           code,
                           "-drive",
                           vars,
                           NULL };
    struct process_id qemu;
    struct bytes said = BYTES_NONE;
    bool died = false;

    if (!process_start(argv, dir, "log", &qemu, err)) {
        *ret = HOST_KVM_BROKEN; /* it can end before its start time was read */
        died = true;
    } else {
        *ret = firmware_speaks(serial, &qemu, &died) ? HOST_KVM_WORKS : HOST_KVM_BROKEN;
        process_signal(&qemu, SIGKILL);
        (void)!process_wait(&qemu, 2000);
    }
    if (*ret == HOST_KVM_WORKS)
        *ret_why = "KVM runs Secure Boot firmware on this host";
    else if (died && file_read_in(a, log, PROCESS_OUTPUT_MAX, &said, err))
        *ret_why = arena_printf(a, "KVM cannot run Secure Boot firmware here: %s", process_last_line(a, said));
    else
        *ret_why = "KVM cannot run Secure Boot firmware here: it did not get anywhere";
    *err = ERR_INIT;
    return true;
}

static void remove_probe(const char *dir)
{
    const char *const files[] = { "serial", "log" };
    char path[4096];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (snprintf(path, sizeof path, "%s/%s", dir, files[i]) < (int)sizeof path)
            unlink(path);
    rmdir(dir);
}

bool host_probe_kvm(const struct vm_host *host, const struct host_parts *parts, struct arena *a, enum host_kvm *ret, const char **ret_why,
                    struct err *err)
{
    const char *asked = getenv("TRUEBOOT_KVM"), *key = probe_key(a, parts), *path = arena_printf(a, "%s/kvm-probe", host->data_dir);
    char *dir = arena_printf(a, "%s/kvm-probe.XXXXXX", host->data_dir);
    enum host_kvm answer;

    *ret = HOST_KVM_NONE;
    *ret_why = "KVM was switched off (TRUEBOOT_KVM=off)";
    if (asked && strcmp(asked, "off") == 0)
        return true;
    *ret_why = "there is no KVM that this user may open: using software emulation";
    if (access("/dev/kvm", R_OK | W_OK) != 0)
        return true;
    if (!key || !path || !dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (probe_remembered(a, path, key, ret, ret_why))
        return true;
    if (!file_make_dirs(host->data_dir, 0700, err))
        return false;
    if (!mkdtemp(dir))
        return err_set(err, ERR_IO, "no folder can be made in %s: %m", host->data_dir);
    vm_host_say(host, "Trying whether KVM really runs such a VM");
    bool done = run_probe(parts, dir, a, &answer, ret_why, err);
    remove_probe(dir);
    if (!done)
        return false;
    *ret = answer;
    const char *text = arena_printf(a, "%s\n%s\n%s\n", key, answer == HOST_KVM_WORKS ? "works" : "broken", *ret_why);
    return text ? file_write(path, bytes_of_string(text), 0600, err) : err_set(err, ERR_NO_MEMORY, "no memory");
}
