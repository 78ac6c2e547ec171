/* bench: what things cost, next to OpenSSL's own figures of the same run (`make bench`; arguments pick parts by name).
 *
 * Layers: this folder is outside of src/, so it may ask libcrypto for comparison (openssl_figures.c). */
#include <stdio.h>
#include <string.h>
#include "bench.h"
#include "openssl_figures.h"

static const struct {
    const char *name;
    bool (*run)(struct openssl_figures *openssl, struct err *err);
} parts[] = {
    { "attestation", bench_attestation }, { "logs", bench_logs },           { "queries", bench_queries },
    { "processes", bench_processes },     { "footprint", bench_footprint }, { "agent", bench_agent },
};

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv)
{
    struct openssl_figures *openssl;
    struct err err = ERR_INIT;
    int failed = 0;

    if (!openssl_figures_new(&openssl, &err)) {
        fprintf(stderr, "bench: %s\n", err.text);
        return 1;
    }
    printf("%s. CPU time of one thread, medians; ratios within this run are what counts.\n", openssl_version_text());
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!is_wanted(parts[i].name, argc, argv) || parts[i].run(openssl, &err))
            continue;
        fflush(stdout);
        fprintf(stderr, "bench %s: %s\n", parts[i].name, err.text);
        failed = 1;
    }
    openssl_figures_free(openssl);
    return failed;
}
