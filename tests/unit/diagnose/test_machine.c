#include <sys/timex.h>
#include <sys/wait.h>
#include "fake_root.h"

#define EFI          "/sys/firmware/efi/efivars/"
#define SECURE_BOOT  EFI "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SETUP_MODE   EFI "SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM_SETTING EFI "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
#define HANDLER      "/var/lib/waagent/X.Guest-1.0"

/* Takes the place of libc's in this program: what the kernel says of its clock. */
static int clock_status;

int adjtimex(struct timex *t)
{
    t->status = clock_status;
    return clock_status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

static void check_result(const struct fake_root *f, enum check check, enum result want)
{
    const struct checked *c = diagnosis_find(&f->d, check, NULL);

    REQUIRE(c);
    CHECK_INT(c->result, want);
    CHECK(c->result == RESULT_PASS || c->result == RESULT_SKIP || c->remedy); /* what is wrong comes with what to do */
    if (test_failed())
        test_note("%s: %s", check_row(check)->id, c->measured);
}

/* The settings are read by others: tests/unit/agent/diagnose/test_diagnose_settings.c. */
static void leave_settings(struct diagnosis *d, const struct machine_places *places UNUSED, const char *config_folder UNUSED,
                           const char *status_file)
{
    diagnosis_add(d, CHECK_HANDLER_SET, RESULT_PASS, "%s", status_file);
    diagnosis_add(d, CHECK_HANDLER_SECRET, RESULT_PASS, "not looked at");
}

TEST(secure_boot_is_read_from_the_variables)
{
    static const struct {
        const char *secure_boot, *setup_mode, *shim; /* the value byte as text; NULL: no such variable */
        enum result secure, mok;
    } cases[] = {
        { "\x06\x01\x01\x01\x01", "\x06\x01\x01\x01", NULL, RESULT_PASS, RESULT_PASS },
        { "\x06\x01\x01\x01\x01", "\x06\x01\x01\x01\x01", NULL, RESULT_FAIL, RESULT_PASS },
        { "\x06\x01\x01\x01\x01", NULL, "\x06\x01\x01\x01\x01", RESULT_PASS, RESULT_FAIL },
        { NULL, NULL, NULL, RESULT_WARN, RESULT_PASS },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_ROOT(f);

        REQUIRE(fake_put_text(&f, EFI "x", "x"));
        CHECK(!cases[i].secure_boot || fake_put_text(&f, SECURE_BOOT, cases[i].secure_boot));
        CHECK(!cases[i].setup_mode || fake_put_text(&f, SETUP_MODE, cases[i].setup_mode));
        CHECK(!cases[i].shim || fake_put_text(&f, SHIM_SETTING, cases[i].shim));
        machine_check_system(&f.d, &f.places);
        check_result(&f, CHECK_UEFI, RESULT_PASS);
        check_result(&f, CHECK_SECURE_BOOT, cases[i].secure);
        check_result(&f, CHECK_MOK, cases[i].mok);
    }
}

TEST(secure_boot_that_is_off_is_a_failure)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put(&f, SECURE_BOOT, BYTES_OF("\x06\0\0\0")));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_SECURE_BOOT, RESULT_FAIL);
}

TEST(a_machine_without_uefi_and_a_container_are_told)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put_text(&f, "/run/systemd/container", "lxc"));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_UEFI, RESULT_FAIL);
    check_result(&f, CHECK_SECURE_BOOT, RESULT_SKIP);
    check_result(&f, CHECK_VIRTUAL, RESULT_WARN);
}

TEST(lockdown_is_the_word_in_brackets)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put_text(&f, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_LOCKDOWN, RESULT_PASS);
    CHECK_STRING(diagnosis_find(&f.d, CHECK_LOCKDOWN, NULL)->measured, "integrity");
}

TEST(a_machine_without_a_handler_skips_its_checks)
{
    FAKE_ROOT(f);

    machine_check_handler(&f.d, &f.places, leave_settings);
    check_result(&f, CHECK_MODE, RESULT_PASS);
    for (enum check c = CHECK_HANDLER_ENV; c <= CHECK_HANDLER_EVENTS; c++)
        check_result(&f, c, RESULT_SKIP);
}

static bool put_handler(const struct fake_root *f, const char *settings)
{
    return fake_put_text(f, "/etc/trueboot-agent/handler.json",
                         "{\"schema\":1,\"sequence\":7,\"statusFile\":\"" HANDLER "/status/7.status\",\"heartbeatFile\":\"" HANDLER
                         "/status/HeartBeat.Json\",\"eventsFolder\":\"" HANDLER "/events\"}") &&
           fake_put_text(f, HANDLER "/HandlerEnvironment.json",
                         "\xef\xbb\xbf[{\"version\":1.0,\"handlerEnvironment\":{\"logFolder\":\"/x\"}}]") &&
           fake_put_text(f, HANDLER "/config/7.settings", settings) && fake_put_text(f, HANDLER "/status/7.status", "[]") &&
           fake_put_text(f, HANDLER "/status/HeartBeat.Json", "[]") && fake_put_text(f, HANDLER "/events/1.json", "{}");
}

TEST(a_handler_in_order_passes)
{
    FAKE_ROOT(f);

    REQUIRE(put_handler(&f, "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{},\"protectedSettings\":\"MII\","
                            "\"protectedSettingsCertThumbprint\":\"AB12\"}}]}"));
    REQUIRE(fake_put_text(&f, "/var/lib/waagent/AB12.prv", "x"));
    machine_check_handler(&f.d, &f.places, leave_settings);
    for (enum check c = CHECK_MODE; c <= CHECK_HANDLER_EVENTS; c++)
        check_result(&f, c, RESULT_PASS);
}

TEST(what_is_broken_about_a_handler_is_named)
{
    FAKE_ROOT(f);

    REQUIRE(put_handler(&f, "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"MII\","
                            "\"protectedSettingsCertThumbprint\":\"../../etc/passwd\"}}]}"));
    REQUIRE(fake_put_text(&f, HANDLER "/HandlerEnvironment.json", "{"));
    for (int i = 0; i < 120; i++) {
        char path[100];

        snprintf(path, sizeof path, HANDLER "/events/%d.json", i);
        REQUIRE(fake_put_text(&f, path, "{}"));
    }
    machine_check_handler(&f.d, &f.places, leave_settings);
    check_result(&f, CHECK_HANDLER_ENV, RESULT_FAIL);
    check_result(&f, CHECK_HANDLER_EVENTS, RESULT_WARN);
}

TEST(the_agents_own_status_is_read)
{
    static const struct {
        const char *status;
        enum result agent, version;
        bool nobody_runs;
    } cases[] = {
        { NULL, RESULT_WARN, RESULT_SKIP },
        { "not json", RESULT_WARN, RESULT_SKIP },
        { "{\"state\":\"idle\",\"agentVersion\":\"" TRUEBOOT_VERSION "\",\"failure\":null}", RESULT_PASS, RESULT_PASS },
        { "{\"state\":\"backoff\",\"agentVersion\":\"0.0.1\",\"failure\":{\"code\":\"DNS\",\"message\":\"x\"}}", RESULT_FAIL, RESULT_WARN },
        { "{\"state\":\"idle\",\"agentVersion\":\"" TRUEBOOT_VERSION "\",\"failure\":null}", RESULT_WARN, RESULT_PASS,
          .nobody_runs = true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_ROOT(f);

        f.places.nobody_runs = cases[i].nobody_runs;
        CHECK(!cases[i].status || fake_put_text(&f, "/run/trueboot-agent/status.json", cases[i].status));
        machine_check_service(&f.d, &f.places);
        check_result(&f, CHECK_AGENT_STATUS, cases[i].agent);
        check_result(&f, CHECK_UNIT_VERSION, cases[i].version);
        check_result(&f, CHECK_UNIT, RESULT_SKIP);
    }
}

TEST(a_program_that_hangs_or_floods_is_cut_off)
{
    const char *const hangs[] = { "sleep", "30", NULL }, *const floods[] = { "yes", NULL }, *const none[] = { "no-such-program", NULL },
                      *const says[] = { "echo", "hello", NULL };
    FAKE_ROOT(f);

    CHECK_INT(machine_run(&f.d, hangs, 100, 1).len, 0);
    CHECK(machine_run(&f.d, floods, 5000, 20).len <= 5000);
    CHECK_INT(machine_run(&f.d, none, 100, 5).len, 0);
    CHECK_BYTES(machine_run(&f.d, says, 100, 5), BYTES_LIT("hello\n"));
}

/* Each check of the machine in its worst state: what a machine in order gives is above. */

static void low_on_space(struct fake_root *f)
{
    f->places.root = ""; /* no folder of ours is on a full file system; this one has no room at all */
    f->places.state_dir = "/proc/self";
}

static void unlocked(struct fake_root *f)
{
    CHECK(fake_put_text(f, "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n"));
}

static void unsynchronised(struct fake_root *f UNUSED) { clock_status = STA_UNSYNC; }

static void broken_record(struct fake_root *f) { CHECK(fake_put_text(f, "/etc/trueboot-agent/handler.json", "{")); }

static void denied(struct fake_root *f)
{
    CHECK(fake_put_text(
        f, "/dev/kmsg",
        "6,1,2,-;audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"exec\" profile=\"trueboot-agent\"\n SUBSYSTEM=x\n"));
}

static void filtered(struct fake_root *f)
{
    CHECK(fake_put_text(
        f, "/dev/kmsg",
        "6,1,2,-;audit: type=1326 audit(1.2:3): auid=1 comm=\"other\"\n5,2,3,-;audit: type=1326 audit(1.2:4): comm=\"trueboot-agent\" "
        "exe=\"/usr/bin/trueboot-agent\" sig=31 arch=c000003e syscall=101 compat=0\n"));
}

static void avc(struct fake_root *f)
{
    CHECK(fake_put_text(f, "/dev/kmsg",
                        "6,1,2,-;audit: type=1400 audit(1.2:3): avc:  denied  { open } for  pid=7 comm=\"trueboot-agent\" name=\"tpmrm0\"\n"
                        "6,2,3,-;audit: type=1400 audit(1.2:4): avc:  denied  { open } for  pid=8 comm=\"other\" name=\"x\"\n"));
}

#define REFUSED(arch, call, sig) \
    "5,2,3,-;audit: type=1326 audit(1.2:4): comm=\"trueboot-agent\" sig=" sig " arch=" arch " syscall=" call " compat=0 code=0x50000\n"

/* As with SYSTEMD_LOG_SECCOMP=1: what the filter answers with an error, and nobody misses. */
static void gently_filtered(struct fake_root *f)
{
    CHECK(fake_put_text(f, "/dev/kmsg", REFUSED("c000003e", "317", "0") REFUSED("c000003e", "435", "0") REFUSED("c00000b7", "277", "0")));
}

static void filtered_with_an_error(struct fake_root *f)
{
    CHECK(fake_put_text(f, "/dev/kmsg", REFUSED("c000003e", "277", "0") REFUSED("c000003e", "435", "0")));
}

static void killed_by_the_filter(struct fake_root *f) { CHECK(fake_put_text(f, "/dev/kmsg", REFUSED("c000003e", "435", "31"))); }

static void no_status_file(struct fake_root *f)
{
    CHECK(put_handler(f, "{}"));
    CHECK(unlink(arena_printf(&f->arena, "%s" HANDLER "/status/7.status", f->dir)) == 0);
}

static void old_heartbeat(struct fake_root *f)
{
    char command[200];

    CHECK(put_handler(f, "{}"));
    snprintf(command, sizeof command, "touch -d '1 hour ago' %s" HANDLER "/status/HeartBeat.Json", f->dir);
    CHECK_INT(system(command), 0);
}

/* A service manager of words: `systemctl show UNIT` prints what is put here. */
static void systemd_says(struct fake_root *f, const char *main_unit, const char *publisher)
{
    char command[600], path[4096]; /* PATH is as long as its owner likes */

    CHECK(fake_put_text(f, "/run/systemd/system/x", "x"));
    CHECK(fake_put_text(f, "/bin/main", main_unit) && fake_put_text(f, "/bin/publisher", publisher));
    snprintf(command, sizeof command,
             "printf '#!/bin/sh\\nd=$(dirname $0)\\ncase $2 in trueboot-agent.service) cat $d/main;; *publish.service) cat $d/publisher;; "
             "esac\\n' "
             ">%s/bin/systemctl && chmod +x %s/bin/systemctl",
             f->dir, f->dir);
    CHECK_INT(system(command), 0);
    snprintf(path, sizeof path, "%s/bin:%s", f->dir, getenv("PATH"));
    setenv("PATH", path, 1);
    f->places.may_run = true;
}

#define IN_ORDER "LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nResult=success\nWatchdogUSec=3min\n"

static void unit_in_order(struct fake_root *f) { systemd_says(f, IN_ORDER, "LoadState=loaded\nActiveState=inactive\nResult=success\n"); }

static void unit_failed(struct fake_root *f)
{
    systemd_says(f, "LoadState=loaded\nActiveState=failed\nSubState=failed\nNRestarts=5\nResult=start-limit-hit\nWatchdogUSec=3min\n", "");
}

static void unit_absent(struct fake_root *f) { systemd_says(f, "LoadState=not-found\nActiveState=inactive\n", ""); }

static void publisher_failed(struct fake_root *f) { systemd_says(f, IN_ORDER, "LoadState=loaded\nActiveState=failed\nResult=exit-code\n"); }

static void check_all(struct fake_root *f)
{
    machine_check_system(&f->d, &f->places);
    machine_check_handler(&f->d, &f->places, leave_settings);
    machine_check_service(&f->d, &f->places);
}

TEST(each_check_of_the_machine_fails_for_its_own_reason)
{
    static const struct {
        void (*arrange)(struct fake_root *f);
        enum check check;
        enum result result;
        const char *says;
    } cases[] = {
        { low_on_space, CHECK_SPACE, RESULT_FAIL, "0 MiB" },
        { unlocked, CHECK_LOCKDOWN, RESULT_WARN, "none" },
        { unsynchronised, CHECK_CLOCK_SYNC, RESULT_WARN, "no" },
        { denied, CHECK_LSM, RESULT_FAIL, "DENIED" },
        { denied, CHECK_UNIT_DENIALS, RESULT_PASS, "none" },
        { avc, CHECK_LSM, RESULT_FAIL, "tpmrm0" },
        { filtered, CHECK_UNIT_DENIALS, RESULT_FAIL, "syscall=101" },
        { filtered, CHECK_LSM, RESULT_PASS, "no refusal" },
        { gently_filtered, CHECK_UNIT_DENIALS, RESULT_PASS, "none" },
        { filtered_with_an_error, CHECK_UNIT_DENIALS, RESULT_FAIL, "syscall=277" },
        { killed_by_the_filter, CHECK_UNIT_DENIALS, RESULT_FAIL, "sig=31" },
        { broken_record, CHECK_MODE, RESULT_WARN, "is not JSON" },
        { no_status_file, CHECK_HANDLER_STATUS, RESULT_WARN, "status missing" },
        { old_heartbeat, CHECK_HANDLER_STATUS, RESULT_WARN, "heartbeat 36" },
        { unit_in_order, CHECK_UNIT, RESULT_PASS, "active" },
        { unit_in_order, CHECK_UNIT_RESTARTS, RESULT_PASS, "0 restarts, watchdog 3min" },
        { unit_failed, CHECK_UNIT, RESULT_FAIL, "start-limit-hit" },
        { unit_failed, CHECK_UNIT_RESTARTS, RESULT_WARN, "5 restarts" },
        { unit_absent, CHECK_UNIT, RESULT_WARN, "not-found" },
        { publisher_failed, CHECK_UNIT, RESULT_FAIL, "trueboot-agent-publish.service" },
    };
    char path[4096];

    snprintf(path, sizeof path, "%s", getenv("PATH"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool found = false;
        FAKE_ROOT(f);

        cases[i].arrange(&f);
        check_all(&f);
        clock_status = 0;
        setenv("PATH", path, 1);
        for (size_t c = 0; c < f.d.n; c++)
            found |= f.d.items[c].check == cases[i].check && f.d.items[c].result == cases[i].result &&
                     strstr(f.d.items[c].measured, cases[i].says) && (f.d.items[c].remedy || cases[i].result == RESULT_PASS);
        CHECK(found);
        for (size_t c = 0; c < f.d.n && !found; c++)
            if (f.d.items[c].check == cases[i].check)
                test_note("%s: %s: %s", check_row(f.d.items[c].check)->id, result_name(f.d.items[c].result), f.d.items[c].measured);
    }
}

TEST(who_is_not_root_is_told_that_not_everything_can_be_seen)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct fake_root f = { .places = { .root = "", .state_dir = "/", .run_dir = "/run", .log_dir = "/", .handler_record = "/none" } };
        const struct checked *c;

        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        diagnosis_init(&f.d, &f.arena, "test", 30);
        machine_check_system(&f.d, &f.places);
        c = diagnosis_find(&f.d, CHECK_PRIVILEGE, NULL);
        _exit(c && c->result == RESULT_WARN && c->remedy && strstr(c->measured, "not in group tss") ? 0 : 1);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}
