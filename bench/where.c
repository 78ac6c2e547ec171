#include "where.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64 };

/* Libraries under the names that people know; what is in none of them is "the rest". */
static const struct {
    const char *object, *words;
} names[] = {
    { "program", "trueboot's own code" },
    { "libcrypto", "libcrypto (signatures, digests)" },
    { "libgnutls", "TLS: GnuTLS, nettle, gmp" },
    { "libnettle", "TLS: GnuTLS, nettle, gmp" },
    { "libhogweed", "TLS: GnuTLS, nettle, gmp" },
    { "libgmp", "TLS: GnuTLS, nettle, gmp" },
    { "libsqlite3", "SQLite" },
    { "libmicrohttpd", "libmicrohttpd" },
    { "libc.", "libc (memory, copying, system calls' wrappers)" },
};

struct row {
    const char *words;
    double samples;
};

static const char *words_of(const char *object)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(object, names[i].object, strlen(names[i].object)) == 0)
            return names[i].words;
    return "the rest";
}

static int by_size(const void *a, const void *b)
{
    double x = ((const struct row *)a)->samples, y = ((const struct row *)b)->samples;

    return x < y ? 1 : x > y ? -1 : 0;
}

static void add(struct row *rows, size_t *n, const char *words, double samples)
{
    size_t i = 0;

    while (i < *n && strcmp(rows[i].words, words) != 0)
        i++;
    if (i == ROWS_MAX)
        return;
    if (i == *n)
        rows[(*n)++] = (struct row){ words, 0 };
    rows[i].samples += samples;
}

void where_print(const char *file, double user_us, double system_us)
{
    struct row rows[ROWS_MAX];
    FILE *f = fopen(file, "re");
    double count, total = 0, user_share = user_us / (user_us + system_us);
    char object[128];
    size_t n = 0;

    while (f && fscanf(f, "%lf %127s", &count, object) == 2) {
        add(rows, &n, words_of(object), count);
        total += count;
    }
    if (f)
        fclose(f);
    if (total == 0) {
        printf("  where the server's CPU time went is not known: no samples\n");
        return;
    }
    for (size_t i = 0; i < n; i++)
        rows[i].samples *= user_share / total;
    add(rows, &n, "the kernel (sockets, files, syncing the disk)", 1 - user_share);
    qsort(rows, n, sizeof *rows, by_size);
    printf("  where the server's CPU time went (%.0f samples of its user time, one per tick at most; the kernel's from its accounting):\n",
           total);
    for (size_t i = 0; i < n; i++)
        printf("    %5.1f %%  %s\n", 100 * rows[i].samples, rows[i].words);
}
