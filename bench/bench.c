#include "bench.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"

double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void series_add(struct series *s, double us)
{
    if (s->n < SAMPLES_MAX)
        s->us[s->n++] = us;
}

void series_lap(struct series *s, double *last)
{
    double now = cpu_us();

    series_add(s, now - *last);
    *last = cpu_us(); /* sorting it in is not the next step's time */
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double series_median(const struct series *s)
{
    struct series sorted = *s;

    if (s->n == 0)
        return 0;
    qsort(sorted.us, sorted.n, sizeof *sorted.us, by_size);
    return sorted.us[sorted.n / 2];
}

void print_heading(const char *title) { printf("\n%s\n", title); }

void print_row(const char *what, double us, double share_of)
{
    printf("  %-58s %10.1f us", what, us);
    if (share_of > 0)
        printf("  %5.1f %%", 100 * us / share_of);
    putchar('\n');
}

static const char *named(const char *folder, const char *path)
{
    static char name[PATH_MAX];

    if (snprintf(name, sizeof name, "%s/%s", folder, path) >= (int)sizeof name || !file_exists(name))
        return NULL;
    return name;
}

const char *shared_file(const char *path)
{
    const char *folder = getenv("TRUEBOOT_SHARED_DATA");

    return named(folder ? folder : SOURCE_ROOT "/../shared/data", path);
}

const char *source_file(const char *path) { return named(SOURCE_ROOT, path); }

const char *build_file(const char *path)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    for (int levels = 0; levels < 2 && n > 0; levels++) { /* BUILD/bench/bench */
        self[n] = '\0';
        n = strrchr(self, '/') ? strrchr(self, '/') - self : 0;
    }
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    return named(self, path);
}
