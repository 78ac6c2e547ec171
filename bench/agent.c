/* The guest agent as a program of its own, against a TPM emulator and a server in this process: processor time and private memory.
 *
 * What is counted: user and system time of all threads of `trueboot-agent run`, from the signal that has it attest until it sleeps again: both
 * status files, the TPM's commands, TLS, the firmware log of a real boot, the state on disk. It starts no program of its own; the publisher is one
 * that the service manager starts (docs/vm-extension.md), and is printed beside it. What is left out is named where it is: the time that a command
 * takes to the emulator and back. RSA-2048 signatures to compare with are made in turns with the attestations. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "bench.h"
#include "openssl_figures.h"
#include "agent_parts.h"
#include "unit/agent/stub.h"
#include "unit/agent/vtpm.h"

enum {
    LATER = 60,
    LATER_COLD = 20,
    LOG_LEN = 1024 * 1024,
    SAMPLE_US = 2000,
    SETTLE_US = 3000,
    HOUR_SECONDS = 3600,
    CLOSED_AFTER_MS = 500,
    PUBLISHED = 20,
};

extern char **environ;

struct agent_run { /* one life of the program */
    double cpu_ms;
    long peak_kib, last_kib; /* private dirty memory; last: between attestations, before the end */
    long resident_kib;
    int code;
};

struct later { /* attestations of a running agent, and signatures made in between */
    struct series agent, signature;
    unsigned long user_ticks, system_ticks; /* of all attestations together, as the kernel's clock saw them */
};

static long private_dirty_kib(pid_t pid, long *ret_resident)
{
    char path[64], line[128];
    long dirty = 0, n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "Private_Dirty: %ld kB", &n) == 1)
            dirty = n;
        if (sscanf(line, "Rss: %ld kB", &n) == 1 && n)
            *ret_resident = n;
    }
    if (f)
        fclose(f);
    return dirty;
}

/* What all threads of the program have used so far, those that ended included. */
static double used_us(pid_t pid)
{
    struct timespec used = { 0 };
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &used);
    return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

static double settled_us(pid_t pid)
{
    double before = used_us(pid), now;

    while (usleep(SETTLE_US), now = used_us(pid), now != before)
        before = now;
    return now;
}

static void ticks_of(pid_t pid, unsigned long *ret_user, unsigned long *ret_system)
{
    char path[64];
    FILE *f;

    *ret_user = *ret_system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", ret_user, ret_system) != 2)
        *ret_user = *ret_system = 0;
    if (f)
        fclose(f);
}

static bool start_agent(const struct bench_guest *g, const char *log, unsigned cycles, pid_t *ret)
{
    char firmware[140], n[16], program[500];
    char *argv[32] = { program,
                       "run",
                       "--fw-cfg",
                       "",
                       "--no-start-delay",
                       "--endpoint",
                       (char *)(uintptr_t)g->stub.endpoint,
                       "--ca-file",
                       (char *)(uintptr_t)g->ca_path,
                       "--state-dir",
                       (char *)(uintptr_t)g->state_dir,
                       "--run-dir",
                       (char *)(uintptr_t)g->run_dir,
                       "--tcti",
                       (char *)(uintptr_t)g->vtpm.tcti,
                       "--set",
                       firmware,
                       "--set",
                       "log.systemd=/nonexistent",
                       cycles ? "--cycles" : NULL,
                       n,
                       NULL };
    posix_spawn_file_actions_t quiet;
    int failed;

    snprintf(program, sizeof program, "%s", build_file("src/agent/trueboot-agent"));
    snprintf(firmware, sizeof firmware, "log.firmware=%s", log);
    snprintf(n, sizeof n, "%u", cycles);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed = posix_spawn(ret, program, &quiet, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    return !failed;
}

static bool ended(pid_t child, struct agent_run *ret)
{
    struct rusage usage;
    int status = 0;

    if (wait4(child, &status, WNOHANG, &usage) == 0)
        return false;
    ret->cpu_ms =
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    ret->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return true;
}

/* A whole life of `cycles` attestations. */
static bool run_agent(const struct bench_guest *g, const char *log, unsigned cycles, struct agent_run *ret)
{
    pid_t child;

    *ret = (struct agent_run){ .code = -1 };
    if (!start_agent(g, log, cycles, &child))
        return false;
    while (!ended(child, ret)) {
        long now = private_dirty_kib(child, &ret->resident_kib);

        if (now > ret->peak_kib)
            ret->peak_kib = now;
        if (now)
            ret->last_kib = now;
        usleep(SAMPLE_US);
    }
    return ret->code == 0;
}

static bool await_report(const struct bench_guest *g, unsigned before, pid_t child, struct err *err)
{
    struct agent_run gone;

    for (int i = 0; g->stub.reports == before; i++) {
        if (ended(child, &gone) || i == 100000)
            return err_set(err, ERR_INTERNAL, "the agent makes no report; %s", g->stub.problem);
        usleep(100);
    }
    return true;
}

/* `n` attestations on request of a running agent, its first one left out. `pause_ms` before each. */
static bool run_later(struct bench_guest *g, int n, unsigned pause_ms, struct openssl_figures *openssl, struct later *ret,
                      struct agent_run *memory, struct err *err)
{
    unsigned long user[2], system[2];
    bool fine;
    pid_t child;

    *ret = (struct later){ 0 };
    if (!start_agent(g, g->log_path, 0, &child))
        return err_set(err, ERR_INTERNAL, "the agent does not start");
    fine = await_report(g, g->stub.reports, child, err);
    settled_us(child);
    ticks_of(child, &user[0], &system[0]);
    for (int i = 0; i < n && fine; i++) {
        unsigned reports = g->stub.reports;
        double before, last;

        usleep(pause_ms * 1000);
        before = settled_us(child);
        kill(child, SIGUSR1);
        fine = await_report(g, reports, child, err);
        series_add(&ret->agent, settled_us(child) - before);
        last = cpu_us();
        fine = fine && (openssl_sign_rs256(openssl) || err_set(err, ERR_INTERNAL, "OpenSSL does not sign"));
        series_lap(&ret->signature, &last);
    }
    ticks_of(child, &user[1], &system[1]);
    ret->user_ticks = user[1] - user[0];
    ret->system_ticks = system[1] - system[0];
    memory->last_kib = private_dirty_kib(child, &memory->resident_kib);
    kill(child, SIGTERM);
    while (!ended(child, memory))
        usleep(SAMPLE_US);
    return fine;
}

static void print_later(const char *what, const struct later *l)
{
    double us = series_median(&l->agent), sign = series_median(&l->signature);
    unsigned long ticks = l->user_ticks + l->system_ticks;

    printf("  %-58s %6.2f ms, %.1f RSA-2048 signatures of this run", what, us / 1e3, us / sign);
    if (ticks)
        printf(" (user %lu %%, system %lu %%)", l->user_ticks * 100 / ticks, l->system_ticks * 100 / ticks);
    printf("\n");
}

/* Pages of a file that has just been written count as dirty until they are on the disk, and a program's text is such pages just after it was built. */
static void settle_program(void)
{
    const char *program = build_file("src/agent/trueboot-agent");
    int fd = program ? open(program, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* What lives in /run on a machine lives in memory here, too; the state lives where temporary files do. */
static bool make_guest(struct bench_guest *g, struct err *err)
{
    static const char in_memory[] = "/dev/shm";
    static uint8_t large[LOG_LEN];
    const char *log = source_file("tests/data/boots/clean.log");

    g->stub.any_nonce = true;
    g->stub.next_report_seconds = g->stub.next_heartbeat_seconds = HOUR_SECONDS;
    snprintf(g->ca_path, sizeof g->ca_path, "%s/ca.pem", g->vtpm.dir);
    snprintf(g->state_dir, sizeof g->state_dir, "%s/agent", g->vtpm.dir);
    snprintf(g->large_log, sizeof g->large_log, "%s/large.log", g->vtpm.dir);
    snprintf(g->log_path, sizeof g->log_path, "%s", log ? log : "");
    snprintf(g->run_dir, sizeof g->run_dir, "%s/trueboot-bench-XXXXXX", access(in_memory, W_OK) == 0 ? in_memory : "/tmp");
    if (!log || !mkdtemp(g->run_dir))
        return err_set(err, ERR_NOT_FOUND, "no boot's log, or no folder");
    return file_write(g->ca_path, g->stub.ca_pem, 0600, err) && file_write(g->large_log, BYTES_OF(large), 0600, err);
}

static void remove_run_dir(const char *dir)
{
    char *const argv[] = { "rm", "-rf", (char *)(uintptr_t)dir, NULL };
    pid_t child;

    if (posix_spawnp(&child, "rm", NULL, NULL, argv, environ) == 0)
        waitpid(child, NULL, 0);
}

/* A start of the publisher where nobody wants anything published: what loading the program costs. */
static double publisher_ms(const struct bench_guest *g)
{
    char program[500];
    char *const argv[] = { program, "publish", "--fw-cfg", "", "--root", (char *)(uintptr_t)g->run_dir, NULL };
    struct series s = { 0 };
    struct agent_run run;
    pid_t child;

    snprintf(program, sizeof program, "%s", build_file("src/agent/trueboot-agent"));
    for (int i = 0; i < PUBLISHED; i++) {
        if (posix_spawn(&child, program, NULL, NULL, argv, environ) != 0)
            return 0;
        while (!ended(child, &run))
            usleep(100);
        series_add(&s, run.cpu_ms);
    }
    return series_median(&s);
}

static bool whole_lives(struct bench_guest *g, struct err *err)
{
    struct agent_run fresh, first, large;

    if (!run_agent(g, g->log_path, 1, &fresh) || !run_agent(g, g->log_path, 1, &first))
        return err_set(err, ERR_INTERNAL, "the agent ends with code %d or %d: %s", fresh.code, first.code, g->stub.problem);
    printf("  %-58s %6.0f ms\n", "from the TPM's power-on to the first verdict: CPU", fresh.cpu_ms);
    printf("  %-58s %6.0f ms\n", "start, attestation and end of an enrolled agent: CPU", first.cpu_ms);
    g->stub.next_report_seconds = 1;
    g->stub.is_demo = true;
    if (!run_agent(g, g->large_log, 3, &large))
        return err_set(err, ERR_INTERNAL, "the agent ends with code %d: %s", large.code, g->stub.problem);
    g->stub.next_report_seconds = HOUR_SECONDS;
    printf("  %-58s %6ld KiB\n", "private dirty memory at the peak, with a 1 MiB log", large.peak_kib);
    return true;
}

static void print_cold(const char *what, const char *aim, const struct later *l, double carried)
{
    double us = series_median(&l->agent);

    print_later(what, l);
    printf("  %-58s %6.2f ms, %.1f RSA-2048 signatures of this run%s\n", "the same without carrying commands to the TPM's emulator",
           (us - carried) / 1e3, (us - carried) / series_median(&l->signature), aim);
}

/* The bar of the guest agent: at most five signatures, apart from waiting for the TPM. An agent is silent for minutes or hours, then all caches are cold:
 * so what counts is the attestation after a pause. The server keeps the connections of agents from heartbeat to heartbeat, and it is a heartbeat that
 * finds one too old; so a new connection, whose handshake goes on from an earlier one, is what an attestation pays for after a restart of either side,
 * another way out, or where the server has more agents than it keeps. */
static bool later_ones(struct bench_guest *g, struct openssl_figures *openssl, struct err *err)
{
    struct agent_parts parts, parts_cold;
    struct later kept, cold, anew;
    struct agent_run memory = { 0 };
    double sign, us, carried;

    if (!run_later(g, LATER, 0, openssl, &kept, &memory, err))
        return false;
    printf("  %-58s %6ld KiB, resident %ld\n", "private dirty memory between attestations", memory.last_kib, memory.resident_kib);
    print_later("over a kept connection, one right after the other: CPU", &kept);
    if (!agent_parts_measure(g, LATER, 0, &parts, err))
        return false;
    sign = series_median(&kept.signature);
    us = series_median(&kept.agent);
    carried = series_median(&parts.carried);
    printf("  %-58s %6.2f ms, %.1f RSA-2048 signatures of this run\n", "the same without carrying commands to the TPM's emulator",
           (us - carried) / 1e3, (us - carried) / sign);
    agent_parts_print(&parts, us);
    stub_keep_connections(&g->stub, true);
    if (!agent_parts_measure(g, LATER_COLD, 2 * CLOSED_AFTER_MS, &parts_cold, err))
        return false;
    carried = series_median(&parts_cold.carried); /* after a pause that is dearer, too */
    if (!run_later(g, LATER_COLD, 2 * CLOSED_AFTER_MS, openssl, &cold, &memory, err))
        return false;
    print_cold("after a pause, the connection kept by the server: CPU", " (the bar: 5)", &cold, carried);
    stub_keep_connections(&g->stub, false);
    if (!run_later(g, LATER_COLD, 2 * CLOSED_AFTER_MS, openssl, &anew, &memory, err))
        return false;
    print_cold("after a pause, over a new connection (after a restart): CPU", "", &anew, carried);
    printf("  %-58s %6.2f ms\n", "start of the publisher, a program of its own: CPU", publisher_ms(g));
    return true;
}

bool bench_agent(struct openssl_figures *openssl, struct err *err)
{
    struct bench_guest g = { 0 };
    bool done;

    print_heading("6. The guest agent");
    if (!vtpm_start(&g.vtpm)) {
        printf("  left out: %s\n", g.vtpm.why);
        return true;
    }
    if (!stub_start_impatient(&g.stub, CLOSED_AFTER_MS, err)) {
        vtpm_stop(&g.vtpm);
        return false;
    }
    settle_program();
    done = make_guest(&g, err) && whole_lives(&g, err) && later_ones(&g, openssl, err);
    stub_stop(&g.stub);
    vtpm_stop(&g.vtpm);
    remove_run_dir(g.run_dir);
    return done;
}
