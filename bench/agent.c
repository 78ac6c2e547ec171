/* The guest agent as a program of its own, against a TPM emulator and a server in this process: processor time and private memory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "bench.h"
#include "openssl_figures.h"
#include "unit/agent/stub.h"
#include "unit/agent/vtpm.h"

enum { LATER = 20, LOG_LEN = 1024 * 1024, SAMPLE_US = 2000 };

extern char **environ;

struct agent_run { /* one life of the program */
    double cpu_ms;
    double later_ms;         /* for each attestation after the first */
    long peak_kib, last_kib; /* private dirty memory; last: between attestations, before the end */
    long resident_kib;
    int code;
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

/* What the program has used so far; its threads besides the first one only sleep. */
static double used_ms(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    return (double)ns / 1e6;
}

static bool run_agent(const struct vtpm *vtpm, const struct stub *stub, const char *log, unsigned cycles, struct agent_run *ret)
{
    char endpoint[100], ca[100], state[100], run[100], tcti[120], firmware[120], n[16], program[500];
    char *const argv[] = { program,      "run",    "--fw-cfg",  "",      "--no-start-delay", "--cycles", n,
                           "--endpoint", endpoint, "--ca-file", ca,      "--state-dir",      state,      "--run-dir",
                           run,          "--tcti", tcti,        "--set", firmware,           "--set",    "log.systemd=/nonexistent",
                           NULL };
    posix_spawn_file_actions_t quiet;
    struct rusage usage;
    unsigned before = stub->reports;
    double after_first = 0;
    int status = 0;
    pid_t child;

    *ret = (struct agent_run){ .code = -1 };
    snprintf(program, sizeof program, "%s", build_file("src/agent/trueboot-agent"));
    snprintf(endpoint, sizeof endpoint, "%s", stub->endpoint);
    snprintf(ca, sizeof ca, "%s/ca.pem", vtpm->dir);
    snprintf(state, sizeof state, "%s/agent", vtpm->dir);
    snprintf(run, sizeof run, "%s/run", vtpm->dir);
    snprintf(tcti, sizeof tcti, "%s", vtpm->tcti);
    snprintf(firmware, sizeof firmware, "log.firmware=%s", log);
    snprintf(n, sizeof n, "%u", cycles);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&child, program, &quiet, NULL, argv, environ) != 0)
        return false;
    while (wait4(child, &status, WNOHANG, &usage) == 0) {
        long now = private_dirty_kib(child, &ret->resident_kib);

        if (now > ret->peak_kib)
            ret->peak_kib = now;
        if (now)
            ret->last_kib = now;
        if (stub->reports > before && after_first == 0) /* a little later, when its answer has been read */
            after_first = used_ms(child);
        if (stub->reports >= before + LATER && ret->later_ms == 0) /* not the very last one, after which the program is gone */
            ret->later_ms = (used_ms(child) - after_first) / (LATER - 1);
        usleep(SAMPLE_US);
    }
    posix_spawn_file_actions_destroy(&quiet);
    ret->cpu_ms =
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    ret->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ret->code == 0;
}

static bool sign_us(struct openssl_figures *openssl, double *ret, struct err *err)
{
    struct series s = { 0 };
    double last = cpu_us();

    for (int i = 0; i < 100; i++) {
        if (!openssl_sign_rs256(openssl))
            return err_set(err, ERR_INTERNAL, "OpenSSL does not sign");
        series_lap(&s, &last);
    }
    *ret = series_median(&s);
    return true;
}

static bool write_files(const struct vtpm *vtpm, const struct stub *stub, char *ret_log, size_t size, struct err *err)
{
    static uint8_t log[LOG_LEN];
    char path[120];

    snprintf(ret_log, size, "%s/firmware.log", vtpm->dir);
    snprintf(path, sizeof path, "%s/ca.pem", vtpm->dir);
    return file_write(ret_log, BYTES_OF(log), 0600, err) && file_write(path, stub->ca_pem, 0600, err);
}

static bool measure(struct openssl_figures *openssl, const struct vtpm *vtpm, struct stub *stub, struct err *err)
{
    struct agent_run first, small, large;
    double sign = 0, later;
    char log[120];

    stub->any_nonce = true;
    stub->next_report_seconds = 1;
    if (!write_files(vtpm, stub, log, sizeof log, err) || !sign_us(openssl, &sign, err))
        return false;
    if (!run_agent(vtpm, stub, "/nonexistent", 1, &first) || !run_agent(vtpm, stub, "/nonexistent", 1 + LATER, &small) ||
        !run_agent(vtpm, stub, log, 3, &large))
        return err_set(err, ERR_INTERNAL, "the agent ends with code %d, %d or %d; %s", first.code, small.code, large.code, stub->problem);
    later = small.later_ms;
    printf("  %-52s %8.0f ms\n", "start, attestation and end of an enrolled agent: CPU", first.cpu_ms);
    printf("  %-52s %8.2f ms, %.1f RSA-2048 signatures of this run\n", "each later attestation, its report included: CPU", later,
           later * 1e3 / sign);
    printf("  %-52s %8ld KiB, resident %ld\n", "private dirty memory between attestations", small.last_kib, small.resident_kib);
    printf("  %-52s %8ld KiB\n", "at the peak of attestations with a 1 MiB log", large.peak_kib);
    return true;
}

bool bench_agent(struct openssl_figures *openssl, struct err *err)
{
    struct vtpm vtpm CLEANUP(vtpm_stop) = { 0 };
    struct stub stub;
    struct agent_run fresh;
    char log[120];
    bool done;

    print_heading("6. The guest agent");
    if (!vtpm_start(&vtpm)) {
        printf("  left out: %s\n", vtpm.why);
        return true;
    }
    if (!stub_start(&stub, err))
        return false;
    done = write_files(&vtpm, &stub, log, sizeof log, err);
    if (done && !run_agent(&vtpm, &stub, "/nonexistent", 1, &fresh))
        done = err_set(err, ERR_INTERNAL, "the agent ends with code %d: %s", fresh.code, stub.problem);
    if (done) {
        printf("  %-52s %8.0f ms\n", "from the TPM's power-on to the first verdict: CPU", fresh.cpu_ms);
        done = measure(openssl, &vtpm, &stub, err);
    }
    stub_stop(&stub);
    return done;
}
