/* Devices, deadlines, repetition and transports, mostly without a TPM. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "support/test.h"
#include "unit/agent/faulty.h"

static struct faulty *open_faulty(struct faulty *f, bool exclusive, struct tpm_device **ret)
{
    struct failure why;

    faulty_init(f, NULL);
    f->transport.exclusive = exclusive;
    CHECK(tpm_device_open_over(&f->transport, ret, &why));
    f->seen = 0;
    return f;
}

TEST(busy_answers_are_repeated_five_times_and_then_given_up)
{
    static const struct {
        uint32_t rc;
        unsigned commands;
        const char *failure;
    } cases[] = {
        { 0x922, 6, "TPM_REFUSED" }, { 0x100, 6, "TPM_UNUSABLE" }, { 0x902, 6, "TPM_MEMORY" },  { 0x101, 1, "TPM_UNUSABLE" },
        { 0x921, 1, "TPM_LOCKOUT" }, { 0x185, 1, "EH_DISABLED" },  { 0x120, 1, "EH_DISABLED" }, { 0x2d5, 1, "TPM_REFUSED" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct faulty f;
        struct failure why = FAILURE_INIT;

        faulty_add(open_faulty(&f, false, &tpm), (struct fault){ .kind = FAULT_RC, .rc = cases[i].rc });
        CHECK(!tpm_call(tpm, request_read_clock(tpm_out(tpm)), "asking the time", NULL, &why));
        CHECK_STRING(failure_name(why.id), cases[i].failure);
        CHECK_INT(why.tpm_rc, cases[i].rc);
        CHECK(strstr(why.text, "asking the time: the TPM answers 0x") == why.text);
        CHECK_INT(f.seen, cases[i].commands);
    }
}

TEST(a_busy_tpm_that_recovers_is_not_noticed)
{
    static const uint32_t busy[] = { 0x922, 0x908, 0x90a, 0x920, 0x923, 0x100, 0x902, 0x903, 0x904, 0x905, 0x906, 0xb0902 };

    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct faulty f;
        struct failure why = FAILURE_INIT;

        faulty_add(open_faulty(&f, false, &tpm), (struct fault){ .kind = FAULT_RC, .rc = busy[i], .times = 2 });
        CHECK(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "asking the time", NULL, &why));
        CHECK_INT(f.seen, 3);
        CHECK_INT(f.codes[2], TPM_CC_ReadClock);
    }
}

/* 9.4 MIGRATED: exchanges fail while the hypervisor moves the VM. */
TEST(exchanges_that_fail_are_repeated_but_not_those_that_last_too_long_or_have_no_device)
{
    static const struct {
        enum fault_kind kind;
        unsigned commands;
        bool done;
    } cases[] = {
        { FAULT_IO, 4, true }, { FAULT_LOST, 4, true }, { FAULT_TIMEOUT, 1, false }, { FAULT_GONE, 1, false }, { FAULT_CUT, 1, false }
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct faulty f;
        struct failure why = FAILURE_INIT;

        faulty_add(open_faulty(&f, false, &tpm), (struct fault){ .kind = cases[i].kind, .times = 3 });
        CHECK_INT(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "asking the time", NULL, &why), cases[i].done);
        CHECK_INT(f.seen, cases[i].commands);
        CHECK_STRING(failure_name(why.id), cases[i].done ? "NONE" : "TPM_UNUSABLE");
        CHECK(cases[i].done || strstr(why.text, "TPM2_ReadClock"));
    }
}

/* Whoever cleans up after a TPM that went away must not wait as long for each handle as its last command did. */
TEST(what_was_given_up_is_not_waited_for_again_until_it_answers)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct faulty f;
    struct failure why = FAILURE_INIT;
    uint32_t first = 0x80000000, second = 0x80000001;

    faulty_add(open_faulty(&f, false, &tpm), (struct fault){ .kind = FAULT_IO });
    tpm_flush(tpm, &first);
    CHECK(f.seen >= 2 && f.seen <= 6); /* 50 ms to 800 ms, and 1.6 s more would be too long for a flush */
    f.seen = 0;
    tpm_flush(tpm, &second);
    CHECK(!tpm_call(tpm, request_read_clock(tpm_out(tpm)), "", NULL, &why));
    CHECK_STRING(failure_name(why.id), "TPM_UNUSABLE");
    CHECK_INT(f.seen, 2);
    CHECK(f.last_deadline_ms <= 1000);
    f.n_faults = 0;
    CHECK(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "", NULL, &why));
    CHECK(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "", NULL, &why));
    CHECK(f.last_deadline_ms > 9000);
}

TEST(a_command_has_ten_seconds_and_one_that_makes_a_key_two_minutes)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct faulty f;
    struct failure why = FAILURE_INIT;

    open_faulty(&f, false, &tpm);
    REQUIRE(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "", NULL, &why));
    CHECK(f.last_deadline_ms > 9000 && f.last_deadline_ms <= 10000);
    REQUIRE(tpm_call(tpm, request_self_test(tpm_out(tpm), true), "", NULL, &why));
    CHECK(f.last_deadline_ms > 119000 && f.last_deadline_ms <= 120000);
    CHECK(tpm_command_find(TPM_CC_CreatePrimary)->slow && !tpm_command_find(TPM_CC_Quote)->slow);
}

TEST(only_an_exclusive_device_is_cleared_of_leftovers)
{
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct faulty f;
        struct failure why = FAILURE_INIT;

        faulty_init(&f, NULL);
        f.transport.exclusive = exclusive;
        REQUIRE(tpm_device_open_over(&f.transport, &tpm, &why));
        CHECK_INT(f.seen, exclusive ? 2 : 0); /* one question for objects, one for sessions */
        f.seen = 0;
        faulty_add(&f, (struct fault){ .kind = FAULT_RC, .command = TPM_CC_ReadClock, .rc = TPM_RC_OBJECT_MEMORY, .times = 1 });
        REQUIRE(tpm_call(tpm, request_read_clock(tpm_out(tpm)), "", NULL, &why));
        CHECK_INT(f.seen, exclusive ? 4 : 2);
        CHECK_INT(f.codes[f.seen - 1], TPM_CC_ReadClock);
    }
}

TEST(a_device_that_does_not_answer_at_all_does_not_open)
{
    struct tpm_device *tpm = NULL;
    struct faulty f;
    struct failure why = FAILURE_INIT;

    faulty_init(&f, NULL);
    f.transport.exclusive = true;
    faulty_add(&f, (struct fault){ .kind = FAULT_TIMEOUT });
    CHECK(!tpm_device_open_over(&f.transport, &tpm, &why));
    CHECK_STRING(failure_name(why.id), "TPM_UNUSABLE");
    CHECK(tpm == NULL && f.closed);
}

TEST(loaded_handles_are_counted_and_flushed_once)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct faulty f;
    struct failure why = FAILURE_INIT;
    uint32_t session = 0;

    open_faulty(&f, false, &tpm);
    REQUIRE(tpm_start_policy(tpm, DIGEST_SHA256, &session, &why));
    CHECK_INT(session, 0x03000000);
    CHECK_INT(tpm_device_usage(tpm).sessions, 1);
    tpm_flush(tpm, &session);
    CHECK_INT(session, 0);
    CHECK_INT(tpm_device_usage(tpm).sessions, 0);
    tpm_flush(tpm, &session);
    CHECK_INT(f.seen, 2);
    CHECK_INT(tpm_device_usage(tpm).most_sessions, 1);
}

/* Choosing a device. */

struct root {
    char dir[48];
};

static void root_remove(struct root *r)
{
    char line[80];

    snprintf(line, sizeof line, "rm -rf '%s'", r->dir);
    CHECK_INT(system(line), 0);
}

static bool root_make(struct root *r, const char *commands)
{
    char line[600];

    snprintf(r->dir, sizeof r->dir, P_tmpdir "/trueboot-root.XXXXXX");
    if (!mkdtemp(r->dir))
        return false;
    snprintf(line, sizeof line, "cd '%s' && mkdir -p dev sys/class/tpm/tpm0 sys/firmware/acpi/tables && %s", r->dir, commands);
    return system(line) == 0;
}

TEST(the_resource_manager_comes_first_and_its_absence_is_explained)
{
    static const struct {
        const char *commands, *failure, *says; /* says: in the name, or in the sentence */
    } cases[] = {
        { "touch dev/tpm0 dev/tpmrm0; echo 2 >sys/class/tpm/tpm0/tpm_version_major", "NONE", "/dev/tpmrm0" },
        { "touch dev/tpm0; echo 2 >sys/class/tpm/tpm0/tpm_version_major", "NONE", "/dev/tpm0" },
        { "touch dev/tpm0; echo 1 >sys/class/tpm/tpm0/tpm_version_major", "TPM12", "1.2" },
        { "touch dev/tpmrm0", "NONE", "/dev/tpmrm0" },
        { "rmdir sys/class/tpm/tpm0", "NO_TPM", "enable the vTPM" },
        { "rmdir sys/class/tpm/tpm0; touch sys/firmware/acpi/tables/TPM2", "NO_TPM", "load tpm_crb or tpm_tis" },
        { "true", "NO_TPM", "pass the device into the container" },
        { "touch sys/firmware/acpi/tables/TPM2; echo 2 >sys/class/tpm/tpm0/tpm_version_major", "NO_TPM", "pass the device" },
        { "echo 1 >sys/class/tpm/tpm0/tpm_version_major", "TPM12", "1.2" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct root r CLEANUP(root_remove) = { 0 };
        char name[TPM_TRANSPORT_NAME_LEN] = "";
        struct failure why = FAILURE_INIT;

        REQUIRE(root_make(&r, cases[i].commands));
        CHECK_INT(tpm_transport_find(r.dir, name, &why), strcmp(cases[i].failure, "NONE") == 0);
        CHECK_STRING(failure_name(why.id), cases[i].failure);
        CHECK(strstr(why.id ? why.text : name, cases[i].says) != NULL);
    }
}

/* Runs in a child of its own: from here on openat() fails with `error`. */
static bool make_open_fail(unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_LEN(filter), .filter = filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(a_tpm_of_another_number_or_version_is_named_and_not_taken)
{
    static const struct {
        const char *commands, *failure, *text;
    } rows[] = {
        { "mkdir -p sys/class/tpm/tpm1 && touch dev/tpm1 dev/tpmrm1 && rmdir sys/class/tpm/tpm0", "NO_TPM",
          "tpm.tcti = device:/dev/tpmrm1" },
        { "touch dev/tpmrm0 && echo 1 >sys/class/tpm/tpm0/tpm_version_major", "TPM12", "version 1.2" },
        { "touch dev/tpmrm0 && echo 3 >sys/class/tpm/tpm0/tpm_version_major", "TPM12", "2.0 is needed" },
        { "touch dev/tpmrm0 && echo 2 >sys/class/tpm/tpm0/tpm_version_major", "NONE", "" },
        { "touch dev/tpmrm0 dev/tpmrm1 && mkdir sys/class/tpm/tpm1", "NONE", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct root root CLEANUP(root_remove) = { 0 };
        char name[TPM_TRANSPORT_NAME_LEN];
        struct failure why = FAILURE_INIT;

        REQUIRE(root_make(&root, rows[i].commands));
        CHECK_INT(tpm_transport_find(root.dir, name, &why), strcmp(rows[i].failure, "NONE") == 0);
        CHECK_STRING(failure_name(why.id), rows[i].failure);
        CHECK(strstr(why.text, rows[i].text) != NULL);
        CHECK(why.id || strstr(name, "/dev/tpmrm0"));
    }
}

TEST(a_device_that_may_not_be_opened_says_why)
{
    static const struct {
        int error;
        enum failure_id failure;
    } cases[] = {
        { EACCES, FAILURE_TPM_PERM },     { EPERM, FAILURE_TPM_PERM },   { EBUSY, FAILURE_TPM_BUSY },
        { ENODEV, FAILURE_TPM_UNUSABLE }, { EIO, FAILURE_TPM_UNUSABLE }, { ENOENT, FAILURE_NO_TPM },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pid_t child = fork();
        int status = 0;

        if (child == 0) {
            struct tpm_device *tpm = NULL;
            struct failure why = FAILURE_INIT;

            if (!make_open_fail((unsigned)cases[i].error))
                _exit(99);
            _exit(tpm_device_open("device:/dev/tpm0", &tpm, &why) || !strstr(why.text, "/dev/tpm0") ? 98 : (int)why.id);
        }
        REQUIRE(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
        if (WEXITSTATUS(status) == 99)
            SKIP("seccomp filters cannot be set here");
        CHECK_STRING(failure_name((enum failure_id)WEXITSTATUS(status)), failure_name(cases[i].failure));
    }
}

/* A character device that answers: a pseudo terminal. What the kernel's driver does differently, tests/system shows. */

static const uint8_t canned[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb };

static void *answer_once(void *context)
{
    int master = *(int *)context;
    uint8_t command[64];

    if (read(master, command, sizeof command) == 12)
        (void)!write(master, canned, sizeof canned);
    return NULL;
}

static int raw_terminal(char *name, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
    struct termios raw;

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, name, size) != 0)
        return -1;
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || tcgetattr(slave, &raw) != 0)
        return -1;
    cfmakeraw(&raw);
    return tcsetattr(slave, TCSANOW, &raw) == 0 ? master : -1; /* the slave stays open: closing it would reset the terminal */
}

TEST(a_character_device_is_written_read_and_waited_for)
{
    char path[64], name[80];
    int master = raw_terminal(path, sizeof path);
    struct tpm_transport *t = NULL;
    struct writer w CLEANUP(writer_done) = { 0 };
    uint8_t response[64];
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    pthread_t answering;
    size_t len = 0;

    if (master < 0)
        SKIP("no pseudo terminals here");
    snprintf(name, sizeof name, "device:%s", path);
    REQUIRE(tpm_transport_open(name, &t, &why));
    CHECK(t->exclusive);
    CHECK_STRING(t->name, name);
    REQUIRE(request_get_random(&w, 2));
    REQUIRE(pthread_create(&answering, NULL, answer_once, &master) == 0);
    REQUIRE_OK(t->transmit(t, writer_bytes(&w), INT64_MAX, response, sizeof response, &len, &err), err);
    pthread_join(answering, NULL);
    CHECK_BYTES(((struct bytes){ response, len }), BYTES_OF(canned));
    CHECK(!t->transmit(t, writer_bytes(&w), 0, response, sizeof response, &len, &err)); /* nobody answers; the deadline is long past */
    CHECK_INT(err.code, ERR_UNREACHABLE);
    t->close(t);
    close(master);
}
