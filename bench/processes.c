/* Whole processes: `trueboot eventlog show -o yaml` against `tpm2_eventlog`, start and loading of libraries included. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { RUNS = 40 };
extern char **environ;

static const char *const logs[] = {
    "event-logs/keylime-binary-bios-measurements/eventlog.bin",
    "event-logs/ubuntu-2404-amd-sevsnp/eventlog.bin",
    "event-logs/windows-server-2022-supermicro/eventlog.bin",
};

/* CPU time of the child, user and system; its output is thrown away. *ret_status: as waitpid gives it. */
static bool run(char *const argv[], double *ret_us, int *ret_status, struct err *err)
{
    posix_spawn_file_actions_t actions;
    struct rusage used;
    pid_t child;
    int failed;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed || wait4(child, ret_status, 0, &used) != child)
        return err_set(err, ERR_NOT_FOUND, "%s does not start", argv[0]);
    *ret_us = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    return true;
}

struct pair {
    struct series ours, theirs;
    int our_status, their_status;
};

/* In turns, so that a busy moment hits both. */
static bool measure(const char *trueboot, const char *log, struct pair *pair, struct err *err)
{
    char *const ours[] = { (char *)trueboot, "eventlog", "show", "-o", "yaml", (char *)log, NULL };
    char *const theirs[] = { "tpm2_eventlog", (char *)log, NULL };

    for (int i = 0; i < RUNS; i++) {
        double us;
        if (!run(ours, &us, &pair->our_status, err))
            return false;
        series_add(&pair->ours, us);
        if (!run(theirs, &us, &pair->their_status, err))
            return false;
        series_add(&pair->theirs, us);
    }
    return true;
}

static const char *ending(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : WIFEXITED(status) ? " (fails)" : " (crashes)";
}

static bool bench_one(const char *trueboot, const char *name, const char *log, struct err *err)
{
    struct pair *pair = calloc(1, sizeof *pair);
    bool fine = pair ? measure(trueboot, log, pair, err) : err_set(err, ERR_NO_MEMORY, "no memory for samples");

    if (fine) {
        double ours = series_median(&pair->ours), theirs = series_median(&pair->theirs);
        printf("  %-58.58s trueboot %7.0f us%s  tpm2_eventlog %7.0f us%s  = %.1f x faster\n", name, ours, ending(pair->our_status), theirs,
               ending(pair->their_status), theirs / ours);
    }
    free(pair);
    return fine;
}

bool bench_processes(struct openssl_figures *openssl UNUSED, struct err *err)
{
    char *const probe[] = { "tpm2_eventlog", "--version", NULL };
    const char *trueboot = build_file("src/cli/trueboot");
    char *program, *path;
    struct err why = ERR_INIT;
    bool fine = true;
    double us;
    int status;

    print_heading("4. Whole processes: `trueboot eventlog show -o yaml FILE` and `tpm2_eventlog FILE` (CPU time, user and system)");
    if (!trueboot || !run(probe, &us, &status, &why) || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        printf("  left out: %s\n", trueboot ? "tpm2_eventlog is not installed" : "trueboot is not built");
        return true;
    }
    program = strdup(trueboot);
    for (size_t i = 0; i < ARRAY_LEN(logs) && fine && program; i++) {
        path = shared_file(logs[i]) ? strdup(shared_file(logs[i])) : NULL;
        if (path)
            fine = bench_one(program, logs[i], path, err);
        else
            printf("  left out: %s is not in the shared data\n", logs[i]);
        free(path);
    }
    free(program);
    return fine;
}
