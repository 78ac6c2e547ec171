#include "http/server/rate.h"
#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include "support/test.h"

static void free_at(struct rate_limiter **l) { rate_limiter_free(*l); }

#define LIMITER(l, places, per, period_ms, burst)          \
    CLEANUP(free_at) struct rate_limiter *l = NULL;        \
    struct err err_ = ERR_INIT;                            \
    REQUIRE_OK(rate_limiter_new(places, &l, &err_), err_); \
    rate_limiter_set(l, per, period_ms, burst)

/* How many of n calls at one moment pass. */
static unsigned passes(struct rate_limiter *l, struct bytes key, int64_t now_us, unsigned n)
{
    unsigned passed = 0, retry;

    for (unsigned i = 0; i < n; i++)
        passed += rate_limiter_take(l, key, now_us, &retry);
    return passed;
}

TEST(a_burst_passes_then_the_rate_and_the_answer_says_when)
{
    LIMITER(l, 1024, 20, 1000, 60);
    const int64_t start = INT64_C(1000000000);
    unsigned retry = 0;

    CHECK_INT(passes(l, BYTES_LIT("a"), start, 100), 60);
    CHECK(!rate_limiter_take(l, BYTES_LIT("a"), start, &retry));
    CHECK_INT(retry, 1);
    CHECK_INT(passes(l, BYTES_LIT("a"), start + 1000000, 100), 20);
    CHECK_INT(passes(l, BYTES_LIT("a"), start + 1049999, 100), 0);
    CHECK_INT(passes(l, BYTES_LIT("a"), start + 1050000, 100), 1);
    CHECK_INT(passes(l, BYTES_LIT("a"), start + 60000000, 100), 60); /* full again, and no fuller */
    CHECK(rate_limiter_refused(l) >= 100);
}

TEST(what_it_says_to_wait_is_enough)
{
    LIMITER(l, 1024, 1, 60000, 2);
    unsigned retry = 0;

    CHECK_INT(passes(l, BYTES_LIT("vm"), 5000000, 2), 2);
    CHECK(!rate_limiter_take(l, BYTES_LIT("vm"), 5000001, &retry));
    CHECK_INT(retry, 60);
    CHECK(rate_limiter_take(l, BYTES_LIT("vm"), 5000001 + retry * INT64_C(1000000), &retry));
}

TEST(callers_do_not_share_a_bucket_unless_the_table_is_too_small)
{
    LIMITER(l, 16384, 1, 1000, 3);
    char key[24];

    CHECK_INT(passes(l, BYTES_LIT("loud"), 1000000, 100), 3);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "quiet%d", i);
        if (passes(l, bytes_of_string(key), 1000000, 4) != 3)
            test_note("%s", key);
        CHECK(passes(l, bytes_of_string(key), 1000000, 4) == 0);
    }
    CHECK_INT(passes(l, BYTES_LIT("loud"), 1000000, 100), 0);
    CHECK_INT(passes(l, (struct bytes){ (const uint8_t *)"loud\0", 5 }, 1000000, 100), 3);
}

/* A million addresses, as somebody with a large network has them, do not make it grow, and do not empty the bucket of a loud one within its second
 * unless they press on all places. */
TEST(a_million_addresses_fit_into_the_same_table)
{
    LIMITER(l, 16384, 20, 1000, 60);
    size_t passed = 0;
    unsigned retry;

    for (uint32_t i = 0; i < 1000000; i++)
        passed += rate_limiter_take(l, (struct bytes){ (const uint8_t *)&i, sizeof i }, 1000000 + i, &retry);
    CHECK_INT(passed, 1000000);
}

TEST(without_a_limit_everything_passes_and_a_limit_may_come_and_go)
{
    LIMITER(l, 64, 0, 1000, 1);

    CHECK_INT(passes(l, BYTES_LIT("a"), 1000000, 1000), 1000);
    rate_limiter_set(l, 1000, 1000, 5);
    CHECK_INT(passes(l, BYTES_LIT("a"), 1000000, 1000), 5);
    rate_limiter_set(l, 1, 1000, 1); /* what was owed under the old limit is forgotten as far as it exceeds the new one */
    CHECK_INT(passes(l, BYTES_LIT("a"), 3000000, 1000), 1);
    rate_limiter_set(l, 0, 1000, 1);
    CHECK_INT(rate_limiter_rate(l, 1000).per, 0);
    CHECK_INT(passes(l, BYTES_LIT("a"), 3000000, 1000), 1000);
}

TEST(what_holds_can_be_asked)
{
    static const struct {
        unsigned per, period_ms, burst;
    } rows[] = { { 20, 1000, 60 }, { 1, 1000, 1 }, { 30, 1000, 7 }, { 999, 1000, 1000 }, { 60, 60000, 30 }, { 7, 60000, 2 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        LIMITER(l, 64, rows[i].per, rows[i].period_ms, rows[i].burst);
        struct rate r = rate_limiter_rate(l, rows[i].period_ms);

        CHECK_INT(r.per, rows[i].per);
        CHECK_INT(r.burst, rows[i].burst);
    }
    CHECK_INT(rate_limiter_rate(NULL, 1000).per, 0);
}

enum { THREADS = 4, CALLS = 20000 };

struct crowd {
    struct rate_limiter *limiter;
    atomic_uint passed;
};

static void *press(void *context)
{
    struct crowd *c = context;

    c->passed += passes(c->limiter, BYTES_LIT("one"), 1000000, CALLS);
    return NULL;
}

TEST(threads_together_get_no_more_than_one_would)
{
    LIMITER(l, 64, 1, 1000, 777);
    struct crowd crowd = { .limiter = l };
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, press, &crowd) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(crowd.passed, 777);
    CHECK_INT(rate_limiter_refused(l), THREADS * CALLS - 777);
}
