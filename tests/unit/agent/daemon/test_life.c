/* The daemon's life: sleep, restoring, a wrong clock, a second agent, being told to stop. Clocks and the kernel's events are this program's own:
 * no test machine can be put to sleep. */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "agent/daemon/run.h"
#include "agent/daemon/telemetry.h"
#include "agent/diagnose/diagnose.h"
#include "agent/files/folder.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "diagnose/net.h"
#include "support/test.h"
#include "unit/agent/guest.h"

static struct {
    int64_t asleep_s, wall_s; /* how long the machine slept; how far off the wall clock is */
    int64_t ran_s;            /* how much longer than in truth it ran */
    const char *event;        /* the kernel's next one, its fields ended by NUL and the last by two; NULL: none */
} world;

/* Take the place of libc's in this program. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, id, ret);

    ret->tv_sec += (id == CLOCK_BOOTTIME ? world.asleep_s : id == CLOCK_REALTIME ? world.wall_s : 0) + world.ran_s;
    return result;
}

ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_len)
{
    struct sockaddr_nl own = { 0 };
    socklen_t len = sizeof own;
    size_t n = 0;

    if (!world.event || getsockname(fd, (struct sockaddr *)&own, &len) || own.nl_family != AF_NETLINK || own.nl_groups != 1)
        return syscall(SYS_recvfrom, fd, buffer, size, flags, from, from_len);
    while (world.event[n] || world.event[n + 1])
        n++;
    memcpy(buffer, world.event, n + 1);
    memset(from, 0, sizeof own); /* the kernel's own port */
    world.event = NULL;
    return (ssize_t)n + 1;
}

/* What was logged, one line after the other. */
static char logged[60000];

static struct {
    char path[200];
    unsigned seen;
    bool was_there;
} watched;

static void keep(enum log_level level UNUSED, int64_t time_ms UNUSED, struct bytes line)
{
    size_t used = strlen(logged);

    snprintf(logged + used, sizeof logged - used, "%.*s\n", BYTES_FMT(line));
}

struct moment {
    struct guest *g;
    void (*happens)(struct guest *g); /* once, after the first report */
};

static void look(void *context)
{
    struct moment *m = context;

    if (m->g->stub.reports && m->happens) {
        m->happens(m->g);
        m->happens = NULL;
    }
}

static int run_with(struct guest *g, void (*happens)(struct guest *g), unsigned cycles)
{
    struct moment m = { g, happens };
    const struct run_options options = { .no_start_delay = true, .cycles = cycles, .published = look, .context = &m };
    int code;

    memset(&world, 0, sizeof world);
    logged[0] = 0;
    log_set_sink(keep);
    code = run_daemon(&g->config, &options);
    log_set_sink(NULL);
    memset(&world, 0, sizeof world);
    return code;
}

static void sleeps(struct guest *g UNUSED) { world.asleep_s = 1000; /* a heartbeat is due, an attestation is not */ }

TEST(a_machine_that_slept_attests_at_once_and_says_so)
{
    WITH_GUEST(g);
    CHECK_INT(run_with(&g, sleeps, 2), RUN_EXIT_OK);
    CHECK_INT(g.stub.reports, 2);
    CHECK(g.stub.last_report && strstr(g.stub.last_report, "\"RESUME\""));
    CHECK(!strstr(g.stub.last_report, "\"RESTART_SEEN\""));
    CHECK(strstr(logged, "resumed: attesting"));
    CHECK_STRING(g.stub.problem, "");
}

static void suspends(struct guest *g)
{
    vtpm_resume(&g->vtpm);
    world.asleep_s = 1000;
}

TEST(a_resume_of_machine_and_tpm_is_one_resume_and_no_restart)
{
    WITH_GUEST(g);
    CHECK_INT(run_with(&g, suspends, 2), RUN_EXIT_OK);
    CHECK(g.stub.last_report && strstr(g.stub.last_report, "\"RESUME\"") && !strstr(g.stub.last_report, "\"RESTART_SEEN\""));
    CHECK(g.stub.last_report && strstr(g.stub.last_report, "\"restartCount\":1"));
}

static void is_restored(struct guest *g UNUSED)
{
    world.event = "change@/devices/LNXSYSTM:00/VMGENCTR:00\0ACTION=change\0NEW_VMGENID=1\0SEQNUM=7\0";
    world.asleep_s = 4; /* less than a sleep; the heartbeat is due */
}

TEST(a_machine_that_was_restored_or_copied_attests_at_once_and_says_so)
{
    WITH_GUEST(g);
    g.stub.next_heartbeat_seconds = 3;
    CHECK_INT(run_with(&g, is_restored, 2), RUN_EXIT_OK);
    CHECK_INT(g.stub.reports, 2);
    CHECK(g.stub.last_report && strstr(g.stub.last_report, "\"VMGENID\"") && !strstr(g.stub.last_report, "\"RESUME\""));
    CHECK_INT(g.stub.nonces, 2); /* the nonce of before the copy is not used by both */
    CHECK_STRING(g.stub.problem, "");
}

static void is_told_to_stop(struct guest *g UNUSED) { raise(SIGTERM); }

TEST(who_is_told_to_stop_says_so_and_leaves_nothing_in_the_tpm)
{
    WITH_GUEST(g);
    CHECK_INT(run_with(&g, is_told_to_stop, 0), RUN_EXIT_OK);
    alarm(0);
    CHECK(strstr(logged, "CANCELLED"));
    CHECK(vtpm_run(&g.vtpm, "test -z \"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)\""));
}

TEST(a_second_agent_is_a_duplicate_and_names_the_first)
{
    char lock[120], first[40];
    struct err err = ERR_INIT;

    WITH_GUEST(g);
    snprintf(lock, sizeof lock, "%s/lock", g.run_dir);
    REQUIRE_OK(file_make_dirs(g.run_dir, 0755, &err), err);
    REQUIRE(vtpm_run(&g.vtpm, "cd run && (flock -x 9; echo '4711 9.9' >&9; echo held >held; sleep 5) 9>lock & for i in $(seq 50); do "
                              "[ -e run/held ] && break; sleep 0.1; done"));
    CHECK_INT(run_with(&g, NULL, 1), RUN_EXIT_LOCKED);
    snprintf(first, sizeof first, "holder=\"4711 9.9\"");
    CHECK(strstr(logged, "DUPLICATE") && strstr(logged, first));
    CHECK_INT(g.stub.begins, 0);
}

TEST(a_clock_that_is_off_is_told_and_stops_nobody)
{
    static const struct {
        int64_t wall_s;
        const char *says; /* NULL: nothing */
    } cases[] = { { 0, NULL }, { 100, NULL }, { -200, "behind the" }, { 200, "ahead of" }, { 4000, "6408" } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session s CLEANUP(session_done) = { 0 };
        struct report_answer answer;
        struct failure why = FAILURE_INIT;
        struct notes notes;
        const struct note *note;

        WITH_GUEST(g);
        world.wall_s = cases[i].wall_s;
        session_init(&s, &g.config);
        CHECK(session_cycle(&s, &answer, &why));
        session_notes(&s, &notes);
        note = notes_find(&notes, FAILURE_CLOCK_SKEW);
        CHECK_INT(note != NULL, cases[i].says != NULL);
        CHECK(!cases[i].says || (note && strstr(note->text, cases[i].says)));
        CHECK(!cases[i].says || (g.stub.last_report && strstr(g.stub.last_report, "\"CLOCK_SKEW\"")));
        if (note)
            test_note("%s", note->text);
        world.wall_s = 0;
    }
}

TEST(a_request_of_another_time_is_refused_once_and_made_anew_in_the_servers_time)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    world.wall_s = 4000;
    for (int start = 0; start < 2; start++) {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g.config);
        if (start == 1) { /* the certificate is there: the first request is a signed one */
            CHECK(!session_cycle(&s, &answer, &why));
            CHECK_STRING(failure_name(why.id), "CLOCK_SKEW");
            CHECK_INT(failure_retry(why.id), RETRY_AGAIN);
        }
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        /* The counter is the server's time, too: it would still be the highest after this state is gone. */
        CHECK(s.state.counter / 1000 < (uint64_t)time(NULL) + 120);
    }
    world.wall_s = 0;
}

TEST(memory_that_runs_out_is_a_failure_of_its_own)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct arena tight CLEANUP(arena_done);
    struct attest_result result;
    struct failure why = FAILURE_INIT;
    bool done = false;

    WITH_GUEST(g);
    session_init(&s, &g.config);
    REQUIRE_DONE(session_enrol(&s, false, &why), why);
    g.stub.any_nonce = true;
    for (size_t budget = 1; budget < 1 << 20 && !done; budget *= 2) {
        arena_init(&tight, budget);
        done = session_attest(&s, &tight, &result, &why);
        if (!done && why.id != FAILURE_BAD_ANSWER) /* an answer that did not fit */
            CHECK_STRING(failure_name(why.id), "NO_MEMORY");
        CHECK(done || budget < 1 << 19);
        arena_done(&tight);
    }
    CHECK(done);
    arena_init(&tight, 1);
}

/* What a hypervisor does to the TPM behind the guest's back; the boot is another one each time but for resume (above). */

static const char make_anew[] = "rm -rf state/* && swtpm_setup --tpm2 --tpmstate state --pcr-banks sha256 --overwrite";

/* Two cycles, and `tools` in between; what the second one is called. */
static void live_on(struct guest *g, const char *before, const char *while_off, bool other_boot, const char *firmware_uuid,
                    struct failure *ret_why)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    for (int life = 0; life < 2; life++) {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g->config);
        if (life == 1 && other_boot && s.watch.before.boot_id[0])
            s.watch.before.boot_id[0] ^= 1;
        if (life == 1 && firmware_uuid)
            snprintf(s.host.vm_uuid, sizeof s.host.vm_uuid, "%s", firmware_uuid);
        why = FAILURE_INIT;
        if (!session_cycle(&s, &answer, &why) && life == 0)
            REQUIRE_DONE(false, why);
        if (life == 0) {
            CHECK(!before || vtpm_run(&g->vtpm, before));
            CHECK(!while_off || vtpm_while_off(&g->vtpm, while_off));
        }
    }
    *ret_why = why;
}

TEST(what_happens_to_a_tpm_is_told_by_its_marker)
{
    static const struct {
        const char *what, *before, *while_off;
        bool other_boot;
        const char *uuid; /* the firmware's; NULL: as it is */
        const char *code, *marker, *counters;
    } cases[] = {
        { "a power cycle", "tpm2_shutdown -c", "true", true, NULL, "NONE", NULL, "\"restartCount\":0" },
        { "hibernation: the state is saved, the start is a new one", "tpm2_shutdown", "true", true, NULL, "NONE", NULL,
          "\"restartCount\":1" },
        { "kexec: another boot, and the TPM knows nothing of it", NULL, NULL, true, NULL, "NONE", "\"KEXEC\"", NULL },
        { "a clone: the same TPM under another machine", "tpm2_shutdown -c", "true", true, "7d1c3a34-6f0b-4f33-9c0e-61a1b2c3d4e5", "NONE",
          "\"IDENTITY_MISMATCH\"", NULL },
        { "a TPM that was made anew", NULL, make_anew, true, NULL, "SEED_CHANGED", NULL, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool before = test_failed();
        struct failure why = FAILURE_INIT;

        WITH_GUEST(g);
        live_on(&g, cases[i].before, cases[i].while_off, cases[i].other_boot, cases[i].uuid, &why);
        CHECK_STRING(failure_name(why.id), cases[i].code);
        CHECK(!cases[i].marker || (g.stub.last_report && strstr(g.stub.last_report, cases[i].marker)));
        CHECK(!cases[i].counters || (g.stub.last_report && strstr(g.stub.last_report, cases[i].counters)));
        if (!cases[i].marker)
            for (size_t m = 0; m < 5; m++) {
                static const char *const markers[] = { "\"KEXEC\"", "\"STATE_ROLLBACK\"", "\"TPM_CLEARED\"", "\"RESTART_SEEN\"",
                                                       "\"IDENTITY_MISMATCH\"" };

                CHECK(!g.stub.last_report || !strstr(g.stub.last_report, markers[m]));
            }
        if (!before && test_failed())
            test_note("%s: %s %s", cases[i].what, failure_name(why.id), g.stub.last_report ? g.stub.last_report : "");
    }
}

TEST(a_snapshot_that_is_restored_is_seen_by_its_counters)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (int boot = 0; boot < 4; boot++) {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g.config);
        if (boot && s.watch.before.boot_id[0])
            s.watch.before.boot_id[0] ^= 1;
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        CHECK_INT(strstr(g.stub.last_report, "\"STATE_ROLLBACK\"") != NULL, boot == 3);
        CHECK(vtpm_run(&g.vtpm, "tpm2_shutdown -c"));
        /* the first boot's state is kept, and comes back before the last one */
        CHECK(vtpm_while_off(&g.vtpm, boot == 0 ? "cp -r state saved" : boot == 2 ? "rm -rf state && cp -r saved state" : "true"));
    }
    CHECK_INT(g.stub.begins, 1);
}

TEST(a_clock_that_is_set_back_makes_no_new_event_an_old_one)
{
    static const int jumps[] = { 0, -7200, -7200, 3600 };
    struct arena a CLEANUP(arena_done) = { 0 };
    const char **names, *before = "";
    struct err err = ERR_INIT;
    char line[200];
    int fd = -1;
    size_t n;

    WITH_GUEST(g);
    snprintf(line, sizeof line, "mkdir -p '%s/out/events'", g.config.run_dir);
    REQUIRE(system(line) == 0);
    snprintf(line, sizeof line, "%s/out", g.config.run_dir);
    REQUIRE_OK(folder_open(arena_printf(&a, "%s/events", line), &fd, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct telemetry t = { .out_dir = line, .operation = "boot" }; /* the agent starts anew, too */

        world.wall_s = jumps[i];
        telemetry_event(&t, "Warning", "Attest", "something");
        REQUIRE(folder_list(fd, &a, 100, &names, &n, &err));
        CHECK_INT(n, i + 1);
        CHECK(n && strcmp(names[n - 1], before) > 0);
        before = n ? names[n - 1] : before;
    }
    world.wall_s = 0;
    close(fd);
}

/* A kernel that kexec started stays unmeasured for as long as it runs: no report of its boot may leave that out (9.4). */
TEST(what_a_boot_is_marked_with_is_told_until_the_next_boot)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (int life = 0; life < 4; life++) {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g.config);
        if (life == 1)
            s.watch.before.boot_id[0] ^= 1;
        if (life == 3) { /* the next boot, whose agent finds another id in the state */
            CHECK(vtpm_run(&g.vtpm, "tpm2_shutdown -c") && vtpm_while_off(&g.vtpm, "true"));
            s.watch.boot = (struct notes){ 0 };
            s.watch.before.boot_id[0] ^= 1;
        }
        for (int cycle = 0; cycle < 2; cycle++) {
            REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
            CHECK_INT(strstr(g.stub.last_report, "\"KEXEC\"") != NULL, life == 1 || life == 2);
        }
    }
}

TEST(marks_of_another_boot_are_not_taken_over)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct session s CLEANUP(session_done) = { 0 };
    struct agent_state other;

    WITH_GUEST(g);
    state_load(&other, g.config.state_dir);
    snprintf(other.boot_id, sizeof other.boot_id, "11111111-6f0b-4f33-9c0e-61a1b2c3d4e5");
    notes_add(&other.boot_notes, FAILURE_KEXEC, "another kernel");
    state_save_progress(&other);
    state_done(&other);
    session_init(&s, &g.config);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK(!strstr(g.stub.last_report, "\"KEXEC\""));
}

static void expect(const struct diagnosis *d, enum check check, enum result result, const char *says)
{
    const struct checked *c = diagnosis_find(d, check, NULL);

    CHECK(c && c->result == result && strstr(c->measured, says) && (result == RESULT_PASS || c->remedy));
    if (test_failed())
        test_note("%s: %s: %s", check_row(check)->id, c ? result_name(c->result) : "not run", c ? c->measured : "");
}

static void look_at_the_way(struct guest *g, struct diagnosis *d)
{
    struct server_config config = server_config_of(&g->config, g->stub.endpoint);
    const struct net_endpoint endpoint = { "attest.endpoint", g->stub.endpoint, true };
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    struct net_plan plan = { .endpoints = &endpoint, .n = 1, .root = "" };
    struct failure why = FAILURE_INIT;

    REQUIRE_DONE(server_http_client(&config, &client, &why), why);
    plan.client = client;
    diagnosis_init(d, &g->arena, "test", 60);
    net_check(d, &plan);
}

TEST(diagnose_tells_a_wrong_clock_and_a_server_that_lets_nobody_in)
{
    struct diagnosis d;
    char *cause;

    WITH_GUEST(g);
    look_at_the_way(&g, &d);
    expect(&d, CHECK_TIME, RESULT_PASS, "");
    expect(&d, CHECK_ADMITTED, RESULT_PASS, "400");
    world.wall_s = -200;
    look_at_the_way(&g, &d);
    expect(&d, CHECK_TIME, RESULT_WARN, "");
    world.wall_s = 4000;
    look_at_the_way(&g, &d);
    expect(&d, CHECK_TIME, RESULT_FAIL, "");
    world.wall_s = 0;
    g.stub.fail_requests = 99;
    g.stub.fail_status = 403;
    look_at_the_way(&g, &d);
    expect(&d, CHECK_ADMITTED, RESULT_FAIL, "403");
    cause = diagnosis_cause(&d, &g.arena);
    CHECK(cause && strstr(cause, "Most probable cause: the verifier refuses"));
}

/* ---- a TPM that was made anew, where that is meant ------------------------------------------------------------------------- */

/* The machine's own local CA is of the first TPM, in another folder. */
static const char made_anew_with_a_certificate[] =
    "rm -rf state/* localca && mkdir -p localca && "
    "printf 'statedir = %s/localca\\nsigningkey = %s/localca/signkey.pem\\nissuercert = %s/localca/issuercert.pem\\ncertserial = "
    "%s/localca/certserial\\n' \"$PWD\" \"$PWD\" \"$PWD\" \"$PWD\" >localca.conf && "
    "printf -- '--platform-manufacturer trueboot\\n--platform-version 1\\n--platform-model test\\n' >localca.options && "
    "printf 'create_certs_tool = %s\\ncreate_certs_tool_config = %s/localca.conf\\ncreate_certs_tool_options = %s/localca.options\\n' "
    "\"$(command -v swtpm_localca || echo /usr/bin/swtpm_localca)\" \"$PWD\" \"$PWD\" >setup.conf && "
    "swtpm_setup --tpm2 --tpmstate state --create-ek-cert --config setup.conf --vmid web1:" VTPM_UUID " --pcr-banks sha256 --overwrite";

static int count_aside(const char *dir)
{
    char line[200];
    FILE *f;
    int n = -1;

    snprintf(line, sizeof line, "ls -d '%s'/state.2*/ak.json 2>/dev/null | wc -l", dir);
    f = popen(line, "r");
    if (f && fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        pclose(f);
    return n;
}

TEST(a_tpm_that_was_made_anew_is_a_new_machine_where_that_is_meant)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    uint64_t counter;
    char name[2 * TPM_NAME_MAX_LEN + 1];

    WITH_GUEST(g);
    {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g.config);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        snprintf(name, sizeof name, "%s", s.ak_name);
        counter = s.state.counter;
    }
    CHECK(vtpm_while_off(&g.vtpm, made_anew_with_a_certificate));
    for (int meant = 0; meant < 2; meant++) {
        struct session s CLEANUP(session_done) = { 0 };

        g.config.new_tpm = meant;
        session_init(&s, &g.config);
        why = FAILURE_INIT;
        CHECK_INT(session_cycle(&s, &answer, &why), meant);
        CHECK_STRING(failure_name(why.id), meant ? "NONE" : "SEED_CHANGED");
        CHECK_INT(count_aside(g.config.state_dir), meant);
        CHECK(!meant || strcmp(s.ak_name, name) != 0);
        CHECK(s.state.counter >= counter);
    }
    CHECK_INT(g.stub.begins, 2);
    CHECK(g.stub.last_report && strstr(g.stub.last_report, "\"SEED_CHANGED\""));
    REQUIRE_OK(state_erase(g.config.state_dir, &err), err);
    CHECK_INT(count_aside(g.config.state_dir), 0);
}

TEST(a_counter_of_heartbeats_outlives_the_process)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    uint64_t counter = 0;

    WITH_GUEST(g);
    for (int life = 0; life < 2; life++) {
        struct session s CLEANUP(session_done) = { 0 };

        session_init(&s, &g.config);
        if (life == 0) {
            REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
            s.state.counter += UINT64_C(3600000000); /* as if the clock were set back from there, so that only what is kept can say it */
            REQUIRE_DONE(session_heartbeat(&s, "idle", NULL, &answer, &why), why);
            counter = s.state.counter;
        } else {
            CHECK(s.state.counter == counter);
            REQUIRE_DONE(session_heartbeat(&s, "idle", NULL, &answer, &why), why);
            CHECK(s.state.counter == counter + 1);
        }
    }
    CHECK_INT(g.stub.heartbeats, 2);
}

TEST(a_certificate_that_is_to_be_renewed_before_the_next_time_brings_it_forward)
{
    const struct run_options once = { .no_start_delay = true, .cycles = 1 };
    const int64_t hour = 3600 * 1000, day = 24 * hour, renewed_at = 365 * day / 3 * 2;
    struct agent_state s;

    WITH_GUEST(g);
    g.stub.next_report_seconds = 6 * 86400;
    g.stub.certificate_age_ms = renewed_at - 30 * hour;
    CHECK_INT(run_daemon(&g.config, &once), RUN_EXIT_OK);
    state_look(&s, g.config.state_dir);
    CHECK(s.due_ms > clock_now_ms() + 29 * hour && s.due_ms <= clock_now_ms() + 31 * hour);
    state_done(&s);
    world.wall_s = 31 * 3600; /* then */
    g.stub.certificate_age_ms = 0;
    CHECK_INT(run_daemon(&g.config, &once), RUN_EXIT_OK);
    world.wall_s = 0;
    CHECK_INT(g.stub.begins, 2);
    state_look(&s, g.config.state_dir);
    CHECK(s.due_ms > clock_now_ms() + 5 * day); /* the new one is far from it */
    state_done(&s);
}

/* Somebody else's link where the lock is to lie: what is written goes nowhere else, and the lock is one all the same. */
TEST(a_lock_behind_a_link_is_taken_and_the_links_aim_is_left_alone)
{
    static const char *const planted[] = { "ln -s ../precious lock", "ln -s /nowhere/at/all lock", "mkfifo lock", "mkdir lock",
                                           "ln ../precious lock" };
    const struct run_options once = { .no_start_delay = true, .cycles = 1 };
    struct err err = ERR_INIT;

    WITH_GUEST(g);
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        struct bytes precious CLEANUP(file_free) = BYTES_NONE;
        char *command = arena_printf(&g.arena, "rm -rf run; mkdir -p run && printf 'not yours' >precious && cd run && %s", planted[i]);
        char *path = arena_printf(&g.arena, "%s/precious", g.vtpm.dir);

        CHECK(vtpm_run(&g.vtpm, command));
        CHECK_INT(run_daemon(&g.config, &once), RUN_EXIT_OK);
        REQUIRE_OK(file_read(path, 100, &precious, &err), err);
        CHECK_BYTES(precious, BYTES_LIT("not yours"));
        if (test_failed())
            test_note("%s", planted[i]);
    }
}

static void minutes_later(void *context UNUSED) { world.ran_s += 300; }

static unsigned count_of(const char *text)
{
    unsigned n = 0;

    for (const char *at = logged; (at = strstr(at, text)); at += strlen(text))
        n++;
    return n;
}

/* guest-agent.md 8.4; the wall clock is set meanwhile, which makes no outage longer. */
TEST(an_outage_is_warned_of_after_one_eight_and_twenty_four_hours)
{
    const struct run_options days = { .no_start_delay = true, .cycles = 80, .published = minutes_later };

    WITH_GUEST(g);
    setenv("WATCHDOG_USEC", "30000", 1); /* so that it wakes up often */
    g.config.endpoint = "https://127.0.0.1:1";
    logged[0] = 0;
    world.wall_s = -86400;
    log_set_sink(keep);
    CHECK_INT(run_daemon(&g.config, &days), RUN_EXIT_OK);
    log_set_sink(NULL);
    unsetenv("WATCHDOG_USEC");
    CHECK(world.ran_s > 30 * 3600);
    memset(&world, 0, sizeof world);
    CHECK_INT(count_of("nothing could be reported for long"), 3);
    CHECK(count_of("hours=\"1\"") == 1 && count_of("hours=\"8\"") == 1 && count_of("hours=\"24\"") == 1);
}

/* The wall clock decides: the token's own words are in its time. Before the daemon attests again. */
static void look_for_token(enum log_level level, int64_t time_ms, struct bytes line)
{
    if (bytes_find(line, BYTES_LIT("attesting")) != SIZE_MAX && !watched.seen++)
        watched.was_there = file_exists(watched.path);
    keep(level, time_ms, line);
}

TEST(a_token_is_deleted_when_it_expires_and_the_next_attestation_is_written_down)
{
    const struct run_options once = { .no_start_delay = true, .cycles = 1 };
    struct agent_state s;

    WITH_GUEST(g);
    snprintf(watched.path, sizeof watched.path, "%s/token.jwt", g.config.state_dir);
    for (int later = 0; later < 3; later++) {
        world.wall_s = later == 2 ? 10 * 86400 : 0;
        watched.seen = 0;
        watched.was_there = false;
        log_set_sink(look_for_token);
        CHECK_INT(run_daemon(&g.config, &once), RUN_EXIT_OK);
        log_set_sink(NULL);
        CHECK_INT(watched.was_there, later == 1); /* before the first one there is none, and ten days later it is gone */
        if (later < 2)
            CHECK(file_exists(watched.path));
        state_look(&s, g.config.state_dir);
        CHECK(later == 2 ||
              (s.due_boot_clock_ms > 3000000 && s.due_ms > clock_now_ms() + 3000000 && !s.backoff[0])); /* an hour, says the stub */
        state_done(&s);
    }
    world.wall_s = 0;
}

/* 7.3: a server may shorten the period, down to five minutes. */
TEST(no_server_but_a_demo_takes_all_of_our_time)
{
    static const struct {
        unsigned says, is, heartbeat_says, heartbeat_is;
        bool demo;
    } cases[] = {
        { 3600, 3600, 900, 900, false }, { 300, 300, 60, 60, false }, { 299, 300, 59, 60, false },
        { 1, 300, 1, 60, false },        { 0, 0, 0, 0, false },       { 1, 1, 2, 2, true },
    };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session s CLEANUP(session_done) = { 0 };

        g.stub.next_report_seconds = cases[i].says;
        g.stub.next_heartbeat_seconds = cases[i].heartbeat_says;
        g.stub.is_demo = cases[i].demo;
        session_init(&s, &g.config);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        CHECK_INT(answer.next_report_seconds, cases[i].is);
        CHECK_INT(answer.next_heartbeat_seconds, cases[i].heartbeat_is);
    }
}
