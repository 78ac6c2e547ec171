/* sampler: a shared object that is loaded into a program (LD_PRELOAD) and counts in whose code its CPU time goes; bench/load.c reads what it says.
 *
 * A timer of the process's user time raises SIGVTALRM on the thread that is running; the handler keeps the program counter. At the end each counter is
 * looked up among the loaded objects, and FILE ($TRUEBOOT_SAMPLES) gets a line "COUNT OBJECT" for each. Time in the kernel raises nothing: the reader takes
 * it from the process's accounting. No symbols, no perf, no privileges are needed; a sample costs about a microsecond. */
#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include "base/compiler.h"

enum { SAMPLES_MAX = 1 << 18, OBJECTS_MAX = 64, PERIOD_US = 1000 };

static uintptr_t samples[SAMPLES_MAX];
static atomic_uint n_samples;

static void keep(int signal UNUSED, siginfo_t *info UNUSED, void *context)
{
    const ucontext_t *at = context;
    unsigned i = atomic_fetch_add(&n_samples, 1);

    if (i >= SAMPLES_MAX)
        return;
#if defined(__x86_64__)
    samples[i] = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    samples[i] = (uintptr_t)at->uc_mcontext.pc;
#endif
}

struct object {
    char name[128];
    unsigned count;
};

struct tally {
    struct object objects[OBJECTS_MAX];
    size_t n;
    unsigned known;
};

/* Counts the samples that lie in one of the object's segments, and forgets them. */
static int count_object(struct dl_phdr_info *info, size_t size UNUSED, void *context)
{
    struct tally *t = context;
    const char *slash = strrchr(info->dlpi_name, '/');
    struct object *o = &t->objects[t->n];
    unsigned n = n_samples < SAMPLES_MAX ? n_samples : SAMPLES_MAX;

    if (t->n == OBJECTS_MAX)
        return 0;
    snprintf(o->name, sizeof o->name, "%s", !info->dlpi_name[0] ? "program" : slash ? slash + 1 : info->dlpi_name);
    for (int s = 0; s < info->dlpi_phnum; s++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[s];
        uintptr_t begin = info->dlpi_addr + p->p_vaddr, end = begin + p->p_memsz;

        if (p->p_type != PT_LOAD)
            continue;
        for (unsigned i = 0; i < n; i++)
            if (samples[i] >= begin && samples[i] < end) {
                samples[i] = 0;
                o->count++;
                t->known++;
            }
    }
    t->n += o->count > 0;
    return 0;
}

static __attribute__((constructor)) void begin(void)
{
    const struct itimerval period = { { 0, PERIOD_US }, { 0, PERIOD_US } };
    struct sigaction action = { .sa_sigaction = keep, .sa_flags = SA_SIGINFO | SA_RESTART };

    unsetenv("LD_PRELOAD"); /* not into programs that this one runs */
    if (getenv("TRUEBOOT_SAMPLES") && sigaction(SIGVTALRM, &action, NULL) == 0)
        setitimer(ITIMER_VIRTUAL, &period, NULL);
}

static __attribute__((destructor)) void end(void)
{
    static struct tally tally;
    const struct itimerval off = { 0 };
    const char *file = getenv("TRUEBOOT_SAMPLES");
    FILE *f;

    setitimer(ITIMER_VIRTUAL, &off, NULL);
    f = file ? fopen(file, "we") : NULL;
    if (!f)
        return;
    dl_iterate_phdr(count_object, &tally);
    for (size_t i = 0; i < tally.n; i++)
        fprintf(f, "%u %s\n", tally.objects[i].count, tally.objects[i].name);
    fclose(f);
}
