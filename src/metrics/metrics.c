#include "metrics/metrics.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { FAMILIES_MAX = 64, HISTOGRAM_SLOTS = METRICS_BUCKETS + 2 /* more than the last bound, and the sum */, MANY = 8, LINE = 64 };

/* Upper bounds in microseconds, and as Prometheus prints them. */
static const struct {
    int64_t us;
    const char *text;
} bounds[METRICS_BUCKETS] = { { 50, "0.00005" },  { 100, "0.0001" }, { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },
                              { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" },  { 25000, "0.025" }, { 100000, "0.1" },
                              { 250000, "0.25" }, { 1000000, "1" },  { 5000000, "5" },   { 10000000, "10" } };

struct family {
    const char *name, *help;
    const char *const *labels;
    size_t n, first;
    bool is_histogram;
};

struct metrics {
    struct family families[FAMILIES_MAX];
    size_t n_families, n_slots;
    size_t stride;         /* slots of one shard, whole cache lines */
    atomic_ullong *shards; /* METRICS_SHARDS × stride */
};

bool metrics_new(struct metrics **ret, struct err *err)
{
    struct metrics *m = calloc(1, sizeof *m);

    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory for metrics");
    *ret = m;
    return true;
}

void metrics_free(struct metrics *m)
{
    if (m)
        free(m->shards);
    free(m);
}

static bool add_family(struct metrics *m, const struct family *f, size_t slots, size_t *ret_first, struct err *err)
{
    if (m->shards || m->n_families == FAMILIES_MAX)
        return err_set(err, ERR_INTERNAL, "no room for the metric %s", f->name);
    *ret_first = m->n_slots;
    m->families[m->n_families] = *f;
    m->families[m->n_families++].first = m->n_slots;
    m->n_slots += slots;
    return true;
}

bool metrics_counters(struct metrics *m, const char *name, const char *help, const char *const *labels, size_t n, size_t *ret_first,
                      struct err *err)
{
    return add_family(m, &(struct family){ name, help, labels, n, 0, false }, n, ret_first, err);
}

bool metrics_histograms(struct metrics *m, const char *name, const char *help, const char *const *labels, size_t n, size_t *ret_first,
                        struct err *err)
{
    return add_family(m, &(struct family){ name, help, labels, n, 0, true }, n * HISTOGRAM_SLOTS, ret_first, err);
}

bool metrics_seal(struct metrics *m, struct err *err)
{
    size_t line = LINE / sizeof *m->shards;

    m->stride = (m->n_slots + line - 1) / line * line + line;
    m->shards = calloc(METRICS_SHARDS * m->stride, sizeof *m->shards);
    return m->shards || err_set(err, ERR_NO_MEMORY, "no memory for metrics");
}

/* ---- adding ---- */

static unsigned own_shard(void)
{
    static atomic_uint next;
    static _Thread_local unsigned own; /* plus one */

    if (own == 0)
        own = 1 + next++ % METRICS_SHARDS;
    return own - 1;
}

void metrics_add(struct metrics *m, size_t slot, uint64_t n)
{
    if (m && m->shards && slot < m->n_slots)
        atomic_fetch_add_explicit(&m->shards[own_shard() * m->stride + slot], n, memory_order_relaxed);
}

void metrics_observe(struct metrics *m, size_t first, size_t series, int64_t duration_us)
{
    size_t bucket = 0, at = first + series * HISTOGRAM_SLOTS;

    if (duration_us < 0)
        duration_us = 0;
    while (bucket < METRICS_BUCKETS && duration_us > bounds[bucket].us)
        bucket++;
    metrics_add(m, at + bucket, 1);
    metrics_add(m, at + METRICS_BUCKETS + 1, (uint64_t)duration_us);
}

/* ---- printing ---- */

uint64_t metrics_value(const struct metrics *m, size_t slot)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRICS_SHARDS && m->shards; i++)
        sum += atomic_load_explicit(&m->shards[i * m->stride + slot], memory_order_relaxed);
    return sum;
}

static void print_name(struct writer *w, const char *name, const char *suffix, const char *labels, const char *le)
{
    write_printf(w, "%s%s", name, suffix);
    if (labels[0] || le)
        write_printf(w, "{%s%s%s%s%s}", labels, labels[0] && le ? "," : "", le ? "le=\"" : "", le ? le : "", le ? "\"" : "");
    write_string(w, " ");
}

static void print_histogram(const struct metrics *m, struct writer *w, const struct family *f, size_t series)
{
    size_t at = f->first + series * HISTOGRAM_SLOTS;
    uint64_t count = 0;

    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += metrics_value(m, at + i);
        print_name(w, f->name, "_bucket", f->labels[series], i < METRICS_BUCKETS ? bounds[i].text : "+Inf");
        write_printf(w, "%llu\n", (unsigned long long)count);
    }
    print_name(w, f->name, "_sum", f->labels[series], NULL);
    write_printf(w, "%.6f\n", (double)metrics_value(m, at + METRICS_BUCKETS + 1) / 1e6);
    print_name(w, f->name, "_count", f->labels[series], NULL);
    write_printf(w, "%llu\n", (unsigned long long)count);
}

void metrics_print_head(struct writer *w, const char *name, const char *type, const char *help)
{
    write_printf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_print_value(struct writer *w, const char *name, const char *labels, double value)
{
    print_name(w, name, "", labels, NULL);
    write_printf(w, "%.15g\n", value);
}

void metrics_print(const struct metrics *m, struct writer *w)
{
    for (size_t i = 0; i < m->n_families; i++) {
        const struct family *f = &m->families[i];

        metrics_print_head(w, f->name, f->is_histogram ? "histogram" : "counter", f->help);
        for (size_t k = 0; k < f->n; k++) {
            if (f->is_histogram) {
                print_histogram(m, w, f, k);
            } else if (f->n <= MANY || metrics_value(m, f->first + k) > 0) {
                print_name(w, f->name, "", f->labels[k], NULL);
                write_printf(w, "%llu\n", (unsigned long long)metrics_value(m, f->first + k));
            }
        }
    }
}
