#include "metrics/metrics.h"
#include <pthread.h>
#include "support/test.h"

static const char *const one[] = { "" };
static const char *const words[] = { "word=\"a\"", "word=\"b\"" };

struct counted {
    struct metrics *m;
    size_t plain, labelled, times;
};

static void counted_done(struct counted *c) { metrics_free(c->m); }

static bool counted_make(struct counted *c)
{
    struct err err;

    return metrics_new(&c->m, &err) && metrics_counters(c->m, "t_plain_total", "Plain.", one, 1, &c->plain, &err) &&
           metrics_counters(c->m, "t_words_total", "By word.", words, 2, &c->labelled, &err) &&
           metrics_histograms(c->m, "t_seconds", "Times.", words, 2, &c->times, &err) && metrics_seal(c->m, &err);
}

#define COUNTED(c)                                  \
    CLEANUP(counted_done) struct counted c = { 0 }; \
    REQUIRE(counted_make(&c))

static bool prints(const struct counted *c, const char *text)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    bool there;

    metrics_print(c->m, &w);
    there = bytes_find(writer_bytes(&w), bytes_of_string(text)) != SIZE_MAX;
    if (!there)
        test_note("no \"%s\" in:\n%.*s", text, BYTES_FMT(writer_bytes(&w)));
    return there;
}

TEST(families_are_printed_with_help_type_labels_and_zeros)
{
    COUNTED(c);

    metrics_add(c.m, c.labelled + 1, 7);
    CHECK(prints(&c, "# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\nt_plain_total 0\n"));
    CHECK(prints(&c, "t_words_total{word=\"a\"} 0\nt_words_total{word=\"b\"} 7\n"));
    CHECK(prints(&c, "# TYPE t_seconds histogram\n"));
}

TEST(a_histogram_counts_up_and_knows_its_sum)
{
    COUNTED(c);

    metrics_observe(c.m, c.times, 0, 0);
    metrics_observe(c.m, c.times, 0, 100); /* at a bound */
    metrics_observe(c.m, c.times, 0, 101); /* past it */
    metrics_observe(c.m, c.times, 0, -5);  /* a clock that jumped */
    metrics_observe(c.m, c.times, 0, INT64_C(60) * 1000000);
    metrics_observe(c.m, c.times, 1, 2000);
    CHECK(prints(&c, "t_seconds_bucket{word=\"a\",le=\"0.00005\"} 2\n"));
    CHECK(prints(&c, "t_seconds_bucket{word=\"a\",le=\"0.0001\"} 3\n"));
    CHECK(prints(&c, "t_seconds_bucket{word=\"a\",le=\"0.00025\"} 4\n"));
    CHECK(prints(&c, "t_seconds_bucket{word=\"a\",le=\"10\"} 4\nt_seconds_bucket{word=\"a\",le=\"+Inf\"} 5\n"));
    CHECK(prints(&c, "t_seconds_sum{word=\"a\"} 60.000201\nt_seconds_count{word=\"a\"} 5\n"));
    CHECK(prints(&c, "t_seconds_count{word=\"b\"} 1\n"));
}

enum { THREADS = 40, TIMES = 10000 };

static void *add_often(void *context)
{
    struct counted *c = context;

    for (int i = 0; i < TIMES; i++)
        metrics_add(c->m, c->plain, 1);
    return NULL;
}

TEST(no_count_is_lost_between_threads)
{
    COUNTED(c);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, add_often, &c) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(metrics_value(c.m, c.plain), THREADS * TIMES);
}

TEST(a_family_after_the_seal_and_a_slot_that_is_none_do_nothing)
{
    COUNTED(c);
    struct err err = ERR_INIT;
    size_t slot;

    CHECK(!metrics_counters(c.m, "late_total", "Late.", one, 1, &slot, &err) && err.code == ERR_INTERNAL);
    metrics_add(c.m, 100000, 1);
    metrics_add(NULL, 0, 1);
    CHECK_INT(metrics_value(c.m, c.plain), 0);
}
