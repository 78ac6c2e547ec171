/* vm_run.c: the running side of vm.h: start, stop, reset, link. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/writer.h"
#include "vmhost/host.h"
#include "vmhost/qmp.h"
#include "vmhost/vm_folder.h"

enum {
    TPM_START_MS = 10000,
    QEMU_START_MS = 30000,
    TPM_END_MS = 5000,
    QUIT_MS = 10000,
    KILL_MS = 5000,
    MAX_ARGUMENTS = 64,
};

struct arguments {
    const char *v[MAX_ARGUMENTS];
    size_t n;
    bool bad; /* no memory */
};

/* Up to two words. */
static void add(struct arguments *args, const char *a, const char *b)
{
    const char *words[] = { a, b };

    for (size_t i = 0; i < ARRAY_LEN(words) && words[i]; i++) {
        if (args->n + 1 < MAX_ARGUMENTS)
            args->v[args->n++] = words[i];
        else
            args->bad = true;
    }
}

static void add_made(struct arguments *args, const char *option, const char *made)
{
    if (made)
        add(args, option, made);
    else
        args->bad = true;
}

/* A comma inside a value of QEMU's is written twice. */
static char *with_commas(struct arena *a, const char *path)
{
    CLEANUP(writer_done) struct writer w = { 0 };

    for (; *path; path++) {
        write_u8(&w, (uint8_t)*path);
        if (*path == ',')
            write_u8(&w, ',');
    }
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

/* Files are named as seen from the VM's folder, where QEMU runs. The machine's shape is measured (PCR 0, 1, 2): what is added here changes the
 * baseline of every VM. No option ROM on the network card: it would be measured as third-party firmware. */
static void qemu_arguments(struct arguments *args, struct vm_folder *f, const struct host_parts *parts, bool kvm)
{
    struct arena *a = &f->arena;

    add(args, parts->qemu, NULL);
    add_made(args, "-name", arena_printf(a, "%s", f->config.name));
    add(args, "-machine", "q35,smm=on");
    add(args, "-accel", kvm ? "kvm" : "tcg,thread=multi");
    add(args, "-cpu", kvm ? "host" : "max");
    add(args, "-smp", "1");
    add_made(args, "-m", arena_printf(a, "%u", f->config.memory_mib));
    add(args, "-nodefaults", "-no-user-config");
    add(args, "-display", "none");
    add(args, "-uuid", f->config.uuid);
    add_made(args, "-smbios",
             arena_printf(a, "type=1,manufacturer=trueboot,product=virtual machine,serial=%s,uuid=%s", f->config.name, f->config.uuid));
    add(args, "-serial", "file:serial.log");
    add(args, "-qmp", "unix:qmp.sock,server=on,wait=off");
    add(args, "-global", "driver=cfi.pflash01,property=secure,value=on");
    add_made(args, "-drive", arena_printf(a, "if=pflash,unit=0,format=raw,readonly=on,file=%s", with_commas(a, parts->ovmf_code)));
    add(args, "-drive", "if=pflash,unit=1,format=raw,file=vars.fd");
    add(args, "-drive", "if=none,id=boot,format=raw,file=disk.raw");
    add(args, "-device", "virtio-blk-pci,drive=boot,bootindex=1");
    add(args, "-netdev", "user,id=n0");
    add(args, "-device", "virtio-net-pci,id=net0,netdev=n0,romfile=");
    add(args, "-fw_cfg", "name=opt/org.trueboot/agent,file=agent.json");
    if (f->config.vtpm) {
        add(args, "-chardev", "socket,id=tpm,path=tpm.sock");
        add(args, "-tpmdev", "emulator,id=tpm0,chardev=tpm");
        add(args, "-device", "tpm-crb,tpmdev=tpm0");
    }
}

static bool need(const char *what, const char *program, struct err *err)
{
    return program ? true
                   : err_set(err, ERR_NOT_FOUND, "%s is missing: install the package %s", what, strcmp(what, "OVMF") == 0 ? "ovmf" : what);
}

/* Only what running needs: the parts a disk is built from may be gone. */
static bool running_parts(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct err *err)
{
    struct host_missing *missing;
    size_t n;

    return host_look(host, a, ret, &missing, &n, err) && need("qemu-system-x86", ret->qemu, err) && need("swtpm", ret->swtpm, err) &&
           need("OVMF", ret->ovmf_code, err);
}

static bool forget_last_run(struct vm_folder *f, struct err *err)
{
    static const char *const files[] = { "serial.log", "qemu.log", "swtpm.log", "qmp.sock", "tpm.sock", "qemu.pid", "swtpm.pid" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = vm_folder_path(f, files[i]);
        if (!path || (unlink(path) != 0 && errno != ENOENT))
            return err_set(err, ERR_IO, "cannot remove the last run's %s in %s", files[i], f->dir);
    }
    return true;
}

/* What the program said last, as the reason why it is not there. */
static bool died(struct vm_folder *f, const char *program, const char *log, struct err *err)
{
    const char *path = vm_folder_path(f, log), *last = "";
    struct err ignored = ERR_INIT;
    struct bytes said;

    if (path && file_read_in(&f->arena, path, PROCESS_OUTPUT_MAX, &said, &ignored))
        last = process_last_line(&f->arena, said);
    return err_set(err, ERR_IO, "%s ended before VM %s ran: %s", program, f->config.name, last && *last ? last : "it said nothing");
}

static bool start_process(struct vm_folder *f, const char *const argv[], const char *log, const char *record, struct process_id *ret,
                          struct err *err)
{
    const char *path = vm_folder_path(f, record);

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return process_start(argv, f->dir, log, ret, err) && process_save(path, ret, err);
}

static void pause_a_little(void) { nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000L }, NULL); }

static bool start_tpm(struct vm_folder *f, const struct host_parts *parts, struct process_id *ret, struct err *err)
{
    const char *const argv[] = {
        parts->swtpm, "socket", "--tpm2", "--tpmstate", "dir=tpm", "--ctrl", "type=unixio,path=tpm.sock,mode=0600", "--terminate", NULL
    };
    int64_t deadline = clock_monotonic_ms() + TPM_START_MS;
    const char *socket = vm_folder_path(f, "tpm.sock");
    struct process_id old;

    /* The last run's swtpm ends by itself when its QEMU is gone; the state has one user at a time, and is whole between any two commands. swtpm 0.10 may
     * turn in circles after SIGTERM. */
    if (vm_folder_process(f, "swtpm.pid", &old) && !process_wait(&old, TPM_END_MS)) {
        process_signal(&old, SIGTERM);
        if (!process_wait(&old, KILL_MS))
            process_signal(&old, SIGKILL);
        if (!process_wait(&old, KILL_MS))
            return err_set(err, ERR_CONFLICT, "the virtual TPM of %s is still in use by process %ld", f->config.name, (long)old.pid);
    }
    if (!socket)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!forget_last_run(f, err) || !start_process(f, argv, "swtpm.log", "swtpm.pid", ret, err))
        return false;
    while (!file_exists(socket) || !process_listens(ret)) {
        if (!process_is_alive(ret))
            return died(f, "swtpm", "swtpm.log", err);
        if (clock_monotonic_ms() >= deadline)
            return err_set(err, ERR_IO, "swtpm does not get ready; see %s/swtpm.log", f->dir);
        pause_a_little();
    }
    return true;
}

static bool wait_until_it_answers(struct vm_folder *f, const struct process_id *qemu, struct err *err)
{
    int64_t deadline = clock_monotonic_ms() + QEMU_START_MS;

    for (;;) {
        CLEANUP(qmp_done) struct qmp q = QMP_INIT;
        struct err not_yet = ERR_INIT;
        if (qmp_open(&q, f->dir, &not_yet))
            return true;
        if (!process_is_alive(qemu))
            return died(f, "QEMU", "qemu.log", err);
        if (clock_monotonic_ms() >= deadline)
            return err_set(err, ERR_IO, "QEMU runs but does not answer: %s", not_yet.text);
        pause_a_little();
    }
}

static bool start_qemu(const struct vm_host *host, struct vm_folder *f, const struct host_parts *parts, struct process_id *ret,
                       struct err *err)
{
    const char *path = vm_folder_path(f, "agent.json"), *item = vm_config_agent_item(&f->arena, &f->config), *why;
    struct arguments args = { 0 };
    enum host_kvm kvm;

    if (!path || !item)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_write(path, bytes_of_string(item), 0600, err) || !host_probe_kvm(host, parts, &f->arena, &kvm, &why, err))
        return false;
    qemu_arguments(&args, f, parts, kvm == HOST_KVM_WORKS);
    if (args.bad)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return start_process(f, args.v, "qemu.log", "qemu.pid", ret, err) && wait_until_it_answers(f, ret, err);
}

static void end_at_once(const struct process_id *id)
{
    if (process_signal(id, SIGKILL))
        (void)!process_wait(id, KILL_MS);
}

bool vm_start(const struct vm_host *host, const char *name, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct process_id tpm = { 0 }, qemu = { 0 };
    struct host_parts parts;

    if (!vm_folder_open(&f, host, name, err))
        return false;
    if (vm_folder_process(&f, "qemu.pid", &qemu))
        return err_set(err, ERR_CONFLICT, "VM %s is running already", name);
    if (!running_parts(host, &f.arena, &parts, err))
        return false;
    vm_host_say(host, "Starting %s", name);
    if (f.config.vtpm ? start_tpm(&f, &parts, &tpm, err) : forget_last_run(&f, err))
        if (start_qemu(host, &f, &parts, &qemu, err))
            return true;
    end_at_once(&qemu);
    end_at_once(&tpm);
    return false;
}

static bool press(struct vm_folder *f, const char *command, const char *arguments, struct err *err)
{
    CLEANUP(qmp_done) struct qmp q = QMP_INIT;

    return qmp_open(&q, f->dir, err) && qmp_command(&q, command, arguments, NULL, err);
}

bool vm_stop(const struct vm_host *host, const char *name, int grace_ms, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct process_id qemu, tpm;
    struct err ignored = ERR_INIT;

    if (!vm_folder_lock(&f, host, name, err))
        return false;
    bool gone = !vm_folder_process(&f, "qemu.pid", &qemu);
    if (!gone && grace_ms > 0 && press(&f, "system_powerdown", NULL, &ignored))
        gone = process_wait(&qemu, grace_ms);
    if (!gone && press(&f, "quit", NULL, &ignored))
        gone = process_wait(&qemu, QUIT_MS);
    if (!gone)
        end_at_once(&qemu);
    if (!gone && process_is_alive(&qemu))
        return err_set(err, ERR_IO, "QEMU of VM %s (process %ld) cannot be ended", name, (long)qemu.pid);
    /* swtpm writes its state when QEMU has gone, then ends. */
    if (vm_folder_process(&f, "swtpm.pid", &tpm) && !process_wait(&tpm, TPM_END_MS))
        end_at_once(&tpm);
    return true;
}

static bool press_running(const struct vm_host *host, const char *name, const char *command, const char *arguments, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct process_id qemu;

    if (!vm_folder_open(&f, host, name, err))
        return false;
    if (!vm_folder_process(&f, "qemu.pid", &qemu))
        return err_set(err, ERR_CONFLICT, "VM %s is off: start it first (trueboot vm start %s)", name, name);
    return press(&f, command, arguments, err) || err_within(err, "VM %s", name);
}

bool vm_reset(const struct vm_host *host, const char *name, struct err *err)
{
    return press_running(host, name, "system_reset", NULL, err);
}

bool vm_set_link(const struct vm_host *host, const char *name, bool up, struct err *err)
{
    return press_running(host, name, "set_link", up ? "{\"name\":\"net0\",\"up\":true}" : "{\"name\":\"net0\",\"up\":false}", err);
}
