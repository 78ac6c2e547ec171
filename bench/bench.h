/* bench/bench.h: what the parts of the benchmark share: a clock, medians, and where data is found.
 *
 * Numbers only: nothing here passes or fails by time. Time is CPU time of the calling thread, so that a busy machine disturbs it
 * little; figures that are divided by each other are taken in turns, in the same run. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { SAMPLES_MAX = 512 };

struct series { /* microseconds; zeroed storage is empty; what does not fit is left out */
    size_t n;
    double us[SAMPLES_MAX];
};

double cpu_us(void);
double wall_us(void);
void series_add(struct series *s, double us);
/* series_lap adds the time since *last, which becomes now. */
void series_lap(struct series *s, double *last);
double series_median(const struct series *s);

/* "1 234.5" wide: a row of a table, two columns in. `share_of` 0: no percentage. */
void print_heading(const char *title);
void print_row(const char *what, double us, double share_of);

/* A file below $TRUEBOOT_SHARED_DATA (default ../shared/data beside the source root), below tests/ of the source root, or beside this
 * program's build folder; in static storage, overwritten by the next call. NULL when it is not there. */
const char *shared_file(const char *path);
const char *source_file(const char *path);
const char *build_file(const char *path);

/* The parts: each prints, and says in a sentence what it had to leave out. False: something that should work did not. */
struct openssl_figures;
MUST_CHECK bool bench_attestation(struct openssl_figures *openssl, struct err *err);
MUST_CHECK bool bench_logs(struct openssl_figures *openssl, struct err *err);
MUST_CHECK bool bench_queries(struct openssl_figures *openssl, struct err *err);
MUST_CHECK bool bench_processes(struct openssl_figures *openssl, struct err *err);
MUST_CHECK bool bench_footprint(struct openssl_figures *openssl, struct err *err);
MUST_CHECK bool bench_agent(struct openssl_figures *openssl, struct err *err);
