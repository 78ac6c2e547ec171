/* How large things are: the agent on disk, and this process after many attestations in it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attestation/protocol/attest.h"
#include "bench.h"
#include "demo_vm.h"

enum { ATTESTATIONS = 10000, STEP = 2000, WARM_UP = 500, BETWEEN_MS = 1000 };
extern char **environ;

static bool strip(const char *program, const char *into)
{
    char *const argv[] = { "strip", "-o", (char *)into, (char *)program, NULL };
    pid_t child;
    int status;

    return posix_spawnp(&child, "strip", NULL, NULL, argv, environ) == 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void print_size(const char *program)
{
    char into[] = "/tmp/trueboot-bench-strip-XXXXXX";
    const char *path = build_file(program);
    struct stat whole, stripped;
    int fd;

    if (!path || stat(path, &whole) != 0) {
        printf("  left out: %s is not built\n", program);
        return;
    }
    fd = mkstemp(into);
    if (fd < 0)
        return;
    close(fd);
    if (strip(path, into) && stat(into, &stripped) == 0)
        printf("  %-40s %8lld bytes stripped, %lld with symbols\n", program, (long long)stripped.st_size, (long long)whole.st_size);
    else
        printf("  %-40s %8lld bytes with symbols; strip is not installed\n", program, (long long)whole.st_size);
    unlink(into);
}

static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long pages = 0, total;

    if (f && fscanf(f, "%ld %ld", &total, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool attest(struct demo_vm *demo, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct http_request http = { .arena = &a, .method = "POST" };
    struct http_response response = { .arena = &a, .status = 200 };
    bool fine = demo_vm_request(demo, &a, &http.body, err) && attest_tpm(&demo->service, demo->provider, &http, &response, err);

    if (fine && response.status != 200)
        fine = err_set(err, ERR_INTERNAL, "answered with %u", response.status);
    writer_done(&response.body);
    demo_vm_wait_ms(BETWEEN_MS); /* challenges that were used are forgotten when they expire */
    return fine;
}

bool bench_footprint(struct openssl_figures *openssl UNUSED, struct err *err)
{
    struct demo_vm *demo CLEANUP(demo_vm_free_at) = NULL;

    print_heading("5. Sizes");
    print_size("src/agent/trueboot-agent");
    print_size("src/truebootd/truebootd");
    print_size("src/cli/trueboot");
    if (!demo_vm_new(&demo, err))
        return false;
    if (!demo) {
        printf("  left out: memory of the service, for which there is no log here\n");
        return true;
    }
    for (int i = 1; i <= ATTESTATIONS; i++) {
        if (!attest(demo, err))
            return false;
        if (i == WARM_UP || i % STEP == 0)
            printf("  resident after %5d attestations, stored ones (one a second): %ld KiB\n", i, resident_kib());
    }
    return true;
}
