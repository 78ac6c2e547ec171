/* A real VM, booted twice: as made, then with its command line, kernel and Secure Boot changed. A small script stands in for the agent: it
 * tells on the console what the guest sees. Needs QEMU, swtpm, OVMF and the guest's packages (guest/fetch_guest_parts); skipped without. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "support/test.h"
#include "vmhost/ca.h"
#include "vmhost/guest_disk.h"
#include "vmhost/process.h"
#include "vmhost/tree.h"
#include "vmhost/vars.h"
#include "vmhost/vm.h"

enum { BOOT_LIMIT_MS = 150000, SERIAL_MAX = 1024 * 1024 };

static const char script[] = "#!/bin/sh\n"
                             "b=/bin/busybox\n"
                             "echo \"stand-in agent: $*\"\n"
                             "echo \"cmdline: $($b cat /proc/cmdline)\"\n"
                             "echo \"item: $($b cat /sys/firmware/qemu_fw_cfg/by_name/opt/org.trueboot/agent/raw)\"\n"
                             "echo \"secure boot: $($b od -An -tx1 /sys/firmware/efi/efivars/SecureBoot-*)\"\n"
                             "echo \"log: $($b wc -c < /sys/kernel/security/tpm0/binary_bios_measurements)\"\n"
                             "[ -c /dev/tpmrm0 ] && echo tpm: yes\n"
                             "echo \"uuid: $($b cat /sys/class/dmi/id/product_uuid)\"\n"
                             "echo stand-in agent: done\n"
                             "while :; do\n"
                             "    $b ping -c1 -W1 10.0.2.2 >/dev/null 2>&1 && echo net: up || echo net: down\n"
                             "    $b sleep 1\n"
                             "done\n";

static void say(UNUSED void *context, const char *sentence) { test_note("%s", sentence); }

/* A data folder of its own, with a VM named `test` once made. */
struct lab {
    struct arena arena;
    struct vm_host host;
    struct host_parts parts;
    char dir[64];
    const char *missing; /* why there can be no test */
};

static void lab_done(struct lab *l)
{
    struct err err = ERR_INIT;

    if (l->host.data_dir && vm_stop(&l->host, "test", 0, &err))
        err = ERR_INIT;
    if (l->dir[0] && !tree_remove(l->dir, &err))
        test_note("%s", err.text);
    arena_done(&l->arena);
}

static bool lab_init(struct lab *l, struct err *err)
{
    struct host_missing *missing;
    size_t n;

    strcpy(l->dir, "/tmp/trueboot-vmhost.XXXXXX");
    if (!mkdtemp(l->dir))
        return err_set(err, ERR_IO, "no scratch folder");
    const char *agent = arena_printf(&l->arena, "%s/agent", l->dir);
    l->host = (struct vm_host){
        .data_dir = arena_printf(&l->arena, "%s/data", l->dir), .guest_dir = SOURCE_ROOT "/guest", .agent = agent, .progress = say
    };
    if (!agent || !l->host.data_dir || !file_write(agent, bytes_of_string(script), 0755, err) || !vm_host_find(&l->host, &l->arena, err) ||
        !host_look(&l->host, &l->arena, &l->parts, &missing, &n, err))
        return false;
    l->missing = n ? missing[0].sentence : NULL;
    return true;
}

static bool make_vm(struct lab *l, struct vm_config *config, struct err *err)
{
    *config = (struct vm_config){ .name = "test",
                                  .security_type = VM_TRUSTED_LAUNCH,
                                  .secure_boot = true,
                                  .vtpm = true,
                                  .integrity_monitoring = true,
                                  .endpoint = "https://10.0.2.2:8443",
                                  .ca_pem = "PEM" };
    return vm_create(&l->host, config, &l->arena, err);
}

static bool serial_has(struct lab *l, const char *text)
{
    const char *path = vm_path(&l->host, &l->arena, "test", "serial.log");
    struct err err = ERR_INIT;
    CLEANUP(file_free) struct bytes log = BYTES_NONE;

    return path && file_read(path, SERIAL_MAX, &log, &err) && bytes_find(log, bytes_of_string(text)) != SIZE_MAX;
}

static bool wait_for(struct lab *l, const char *text, int timeout_ms)
{
    int64_t start = clock_monotonic_ms();

    while (!serial_has(l, text)) {
        if (clock_monotonic_ms() - start > timeout_ms)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000000L }, NULL);
    }
    test_note("\"%s\" after %lld ms", text, (long long)(clock_monotonic_ms() - start));
    return true;
}

static bool state_is(struct lab *l, enum vm_state want)
{
    struct err err = ERR_INIT;
    enum vm_state state;

    return vm_get_state(&l->host, "test", &state, &err) && state == want;
}

static void check_refusals_while_running(struct lab *l, struct vm_config *config)
{
    struct err err = ERR_INIT;

    CHECK(!vm_start(&l->host, "test", &err) && err.code == ERR_CONFLICT);
    CHECK(!vm_delete(&l->host, "test", &err) && err.code == ERR_CONFLICT);
    CHECK(!vm_set_cmdline(&l->host, "test", "x", &err) && err.code == ERR_CONFLICT && strstr(err.text, "stop it first"));
    CHECK(!make_vm(l, config, &err) && err.code == ERR_CONFLICT && strstr(err.text, "exists already"));
}

/* The guest as it was made: Secure Boot on, a log, a TPM, our item, a network that can be cut, a power button that works. */
static void check_clean_boot(struct lab *l, struct vm_config *config)
{
    struct err err = ERR_INIT;
    const char *uuid = arena_printf(&l->arena, "uuid: %s", config->uuid);

    REQUIRE_OK(vm_start(&l->host, "test", &err), err);
    CHECK(state_is(l, VM_RUNNING));
    check_refusals_while_running(l, config);
    REQUIRE(wait_for(l, "stand-in agent: done", BOOT_LIMIT_MS));
    CHECK(serial_has(l, "stand-in agent: run --no-start-delay"));
    CHECK(serial_has(l, "secure boot:  06 00 00 00 01"));
    CHECK(serial_has(l, "cmdline: BOOT_IMAGE=/vmlinuz console=ttyS0,115200"));
    CHECK(serial_has(l, "tpm: yes"));
    CHECK(serial_has(l, "log: ") && !serial_has(l, "log: 0"));
    CHECK(serial_has(l, "\"endpoint\":\"https://10.0.2.2:8443\""));
    CHECK(uuid && serial_has(l, uuid));
    CHECK(wait_for(l, "net: up", 30000));
    CHECK(vm_set_link(&l->host, "test", false, &err));
    CHECK(wait_for(l, "net: down", 30000));
    CHECK(vm_set_link(&l->host, "test", true, &err));
    REQUIRE_OK(vm_stop(&l->host, "test", 30000, &err), err);
    CHECK(serial_has(l, "trueboot guest: halting"));
    CHECK(state_is(l, VM_OFF));
}

static void check_tampered_boot(struct lab *l)
{
    struct err err = ERR_INIT;

    REQUIRE_OK(vm_set_cmdline(&l->host, "test", "console=ttyS0,115200 loglevel=4 panic=5 lab.debug", &err), err);
    REQUIRE_OK(vm_modify_kernel(&l->host, "test", &err), err);
    REQUIRE_OK(vm_set_secure_boot(&l->host, "test", false, &err), err);
    REQUIRE_OK(vm_start(&l->host, "test", &err), err);
    REQUIRE(wait_for(l, "stand-in agent: done", BOOT_LIMIT_MS));
    CHECK(serial_has(l, "secure boot:  06 00 00 00 00"));
    CHECK(serial_has(l, "panic=5 lab.debug"));
    CHECK(serial_has(l, "log: ") && !serial_has(l, "log: 0"));
    REQUIRE_OK(vm_stop(&l->host, "test", 0, &err), err);
}

static void check_restored(struct lab *l)
{
    const char *disk = vm_path(&l->host, &l->arena, "test", "disk.raw"), *vars = vm_path(&l->host, &l->arena, "test", "vars.fd"), *cmdline;
    struct err err = ERR_INIT;
    struct vm_config config;
    bool on = false;

    REQUIRE(disk && vars);
    REQUIRE_OK(vm_restore_disk(&l->host, "test", &err) && vm_set_secure_boot(&l->host, "test", true, &err), err);
    REQUIRE_OK(guest_disk_get_cmdline(&l->parts, disk, l->dir, &l->arena, &cmdline, &err), err);
    CHECK_STRING(cmdline, IMAGE_DEFAULT_CMDLINE);
    CHECK(vars_file_get_secure_boot(vars, &on, &err) && on);
    REQUIRE_OK(vm_modify_kernel(&l->host, "test", &err), err); /* it was the vendor's again */
    CHECK(!vm_modify_kernel(&l->host, "test", &err) && err.code == ERR_CONFLICT);
    REQUIRE_OK(vm_get(&l->host, &l->arena, "test", &config, &err), err);
    CHECK(config.secure_boot);
    CHECK_STRING(config.cmdline, IMAGE_DEFAULT_CMDLINE);
}

TEST(a_vm_boots_with_secure_boot_and_a_vtpm_and_can_be_tampered_with)
{
    CLEANUP(lab_done) struct lab l = { 0 };
    struct err err = ERR_INIT;
    struct vm_config config, *all;
    struct bytes chain;
    size_t n = 0;

    REQUIRE_OK(lab_init(&l, &err), err);
    if (l.missing)
        SKIP("%s", l.missing);
    REQUIRE_OK(make_vm(&l, &config, &err), err);
    CHECK(vm_list(&l.host, &l.arena, &all, &n, &err) && n == 1 && strcmp(all[0].name, "test") == 0);
    CHECK(state_is(&l, VM_OFF));
    REQUIRE_OK(ca_ensure(&l.host, &l.parts, &l.arena, &chain, NULL, &err), err);
    CHECK(bytes_find(chain, BYTES_LIT("-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----")) != SIZE_MAX);
    check_clean_boot(&l, &config);
    if (!test_failed())
        check_tampered_boot(&l);
    if (!test_failed())
        check_restored(&l);
    CHECK(vm_delete(&l.host, "test", &err));
    CHECK(!vm_get(&l.host, &l.arena, "test", &config, &err) && err.code == ERR_NOT_FOUND);
}

TEST(the_same_parts_give_the_same_guest_disk)
{
    CLEANUP(lab_done) struct lab l = { 0 };
    CLEANUP(lab_done) struct lab m = { 0 };
    struct err err = ERR_INIT;
    struct image one, two;
    struct stat st;

    REQUIRE_OK(lab_init(&l, &err) && lab_init(&m, &err), err);
    if (l.missing)
        SKIP("%s", l.missing);
    REQUIRE_OK(image_build(&l.host, &l.parts, &l.arena, &one, &err) && image_build(&m.host, &m.parts, &m.arena, &two, &err), err);
    CHECK_STRING(one.id, two.id);
    CHECK(stat(one.disk, &st) == 0 && (st.st_mode & 0222) == 0);
    CHECK(st.st_blocks * 512 < 100 * 1024 * 1024);
    const char *const argv[] = { "/usr/bin/cmp", one.disk, two.disk, NULL };
    CHECK(process_run(&(struct process_job){ .argv = argv, .timeout_ms = 120000 }, &l.arena, NULL, &err));
    REQUIRE_OK(image_build(&l.host, &l.parts, &l.arena, &two, &err), err);
    CHECK_STRING(two.disk, one.disk);
}
