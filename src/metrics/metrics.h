/* metrics/metrics.h: counters and histograms that threads add to without waiting for each other, printed as Prometheus text (format 0.0.4).
 *
 * Families and all of their series are declared before the first thread adds; then one number is one slot in each of METRICS_SHARDS copies, and a
 * thread adds to its own copy. Labels are fixed texts: nothing that a stranger or a VM chooses becomes one. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"

enum { METRICS_SHARDS = 16 };

struct metrics;

MUST_CHECK bool metrics_new(struct metrics **ret, struct err *err);
void metrics_free(struct metrics *m); /* NULL is fine */

/* A counter family of n series with these labels (`route="/x",status="200"`; "" for none). *ret_first is the first one's slot, the others follow.
 * Texts must outlive the metrics. */
MUST_CHECK bool metrics_counters(struct metrics *m, const char *name, const char *help, const char *const *labels, size_t n,
                                 size_t *ret_first, struct err *err);
/* A histogram of seconds for each label, over the same bounds; the slots of one series are METRICS_BUCKETS + 2 apart. */
enum { METRICS_BUCKETS = 14 };
MUST_CHECK bool metrics_histograms(struct metrics *m, const char *name, const char *help, const char *const *labels, size_t n,
                                   size_t *ret_first, struct err *err);
/* No further families; adding may begin. */
MUST_CHECK bool metrics_seal(struct metrics *m, struct err *err);

void metrics_add(struct metrics *m, size_t slot, uint64_t n);
void metrics_observe(struct metrics *m, size_t first, size_t series, int64_t duration_us);
uint64_t metrics_value(const struct metrics *m, size_t slot);

/* All families; a counter's series that are still zero are left out when it has more than eight. */
void metrics_print(const struct metrics *m, struct writer *w);
/* For what is asked when somebody looks: HELP and TYPE once, then values. `type`: "gauge" or "counter". */
void metrics_print_head(struct writer *w, const char *name, const char *type, const char *help);
void metrics_print_value(struct writer *w, const char *name, const char *labels, double value);
