#include <pthread.h>
#include "base/clock.h"
#include "store_fixture.h"

enum { THREADS = 50 };

struct racer {
    struct store *store;
    pthread_barrier_t *start;
    unsigned number;
    bool won;
    struct err err;
    char owner[UUID_TEXT_LEN];
};

static void vm_of(unsigned i, char out[UUID_TEXT_LEN]) { snprintf(out, UUID_TEXT_LEN, "00000000-0000-4000-8000-%012u", i); }

/* Runs `body` on THREADS threads that start together; racers keep what came out. */
static bool race(struct fixture *f, void *(*body)(void *), struct racer racers[THREADS])
{
    pthread_t threads[THREADS];
    pthread_barrier_t start;

    pthread_barrier_init(&start, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ .store = f->store, .start = &start, .number = i };
        if (pthread_create(&threads[i], NULL, body, &racers[i]) != 0)
            return false;
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    return true;
}

static void *claim_the_same_key(void *context)
{
    struct racer *r = context;
    char vm[UUID_TEXT_LEN];
    struct store_identity row = { .vm = vm, .ak_name = "000b01", .ek_cert_sha256 = SHA_1, .enrolled_ms = 1 };

    vm_of(r->number, vm);
    pthread_barrier_wait(r->start);
    r->won = store_identity_register(r->store, &row, r->owner, &r->err);
    return NULL;
}

TEST(of_fifty_vms_that_register_one_key_at_once_one_wins_and_the_others_learn_who)
{
    FIXTURE(f);
    static struct racer racers[THREADS];
    struct store_identity winner;
    unsigned wins = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        char vm[UUID_TEXT_LEN];

        vm_of(i, vm);
        REQUIRE(vm_add(&f, vm, vm));
    }
    REQUIRE(race(&f, claim_the_same_key, racers));
    REQUIRE(store_identity_by_ak(f.store, &f.arena, "000b01", &winner, &f.err));
    for (unsigned i = 0; i < THREADS; i++) {
        const struct store_identity *list;
        size_t n;
        char vm[UUID_TEXT_LEN];

        vm_of(i, vm);
        wins += racers[i].won;
        CHECK(racers[i].won == (strcmp(vm, winner.vm) == 0));
        CHECK(racers[i].won || (racers[i].err.code == ERR_CONFLICT && strcmp(racers[i].owner, winner.vm) == 0));
        CHECK(store_identity_list(f.store, &f.arena, vm, &list, &n, &f.err) && n == racers[i].won);
    }
    CHECK_INT(wins, 1);
}

static void *use_the_same_counter(void *context)
{
    struct racer *r = context;

    pthread_barrier_wait(r->start);
    r->won = store_counter_advance(r->store, VM_A, 7, &r->err);
    return NULL;
}

TEST(a_counter_used_by_fifty_at_once_is_accepted_once)
{
    FIXTURE(f);
    static struct racer racers[THREADS];
    unsigned wins = 0;

    REQUIRE(vm_add(&f, VM_A, "a"));
    REQUIRE(race(&f, use_the_same_counter, racers));
    for (unsigned i = 0; i < THREADS; i++) {
        wins += racers[i].won;
        CHECK(racers[i].won || racers[i].err.code == ERR_DENIED);
    }
    CHECK_INT(wins, 1);
}

enum { WRITES = 20 };

/* Writes, and reads its own writes back at once: what a write returned is there for every reader. */
static void *write_history(void *context)
{
    struct racer *r = context;
    struct arena a = { 0 };
    char vm[UUID_TEXT_LEN], id[STORE_ID_TEXT_LEN];

    vm_of(r->number, vm);
    pthread_barrier_wait(r->start);
    r->won = true;
    for (unsigned i = 0; i < WRITES && r->won; i++) {
        struct store_appraisal row = appraisal_row(vm, id, i), got;

        snprintf(id, sizeof id, "%016x%016x", r->number, i);
        r->won = store_appraisal_add(r->store, &row, BYTES_LIT("evidence"), 2, &r->err) &&
                 store_appraisal_latest(r->store, &a, vm, &got, &r->err) && strcmp(got.id, id) == 0;
        arena_reset(&a);
    }
    arena_done(&a);
    return NULL;
}

TEST(fifty_threads_write_history_and_each_reads_what_it_wrote)
{
    FIXTURE(f);
    static struct racer racers[THREADS];
    int64_t start = clock_monotonic_ms(), took;
    const struct store_appraisal *list;
    size_t n;

    REQUIRE(race(&f, write_history, racers));
    took = clock_monotonic_ms() - start;
    test_note("%d durable transactions in %lld ms", THREADS * WRITES, (long long)took);
    for (unsigned i = 0; i < THREADS; i++) {
        char vm[UUID_TEXT_LEN];

        vm_of(i, vm);
        CHECK(racers[i].won);
        if (!racers[i].won)
            test_note("%s", racers[i].err.text);
        CHECK(store_appraisal_list(f.store, &f.arena, vm, (struct store_cursor){ 0 }, 1000, &list, &n, &f.err) && n == WRITES);
    }
    REQUIRE_OK(fixture_reopen(&f), f.err);
    CHECK(store_appraisal_list(f.store, &f.arena, "00000000-0000-4000-8000-000000000049", (struct store_cursor){ 0 }, 1000, &list, &n,
                               &f.err) &&
          n == WRITES);
}

static bool count_up(struct store *tx, void *context, struct err *err)
{
    struct racer *r = context;
    struct arena a = { 0 };
    struct bytes value;
    char text[16];
    unsigned count;
    bool ok = store_setting_get(tx, &a, "count", &value, err);

    if (ok) {
        snprintf(text, sizeof text, "%.*s", BYTES_FMT(value));
        count = (unsigned)strtoul(text, NULL, 10);
        snprintf(text, sizeof text, "%u", count + 1);
        ok = store_setting_put(tx, "count", bytes_of_string(text), err);
    }
    arena_done(&a);
    if (ok && r->number % 5 == 4)
        return err_set(err, ERR_DENIED, "rolled back");
    return ok;
}

static void *count_up_many(void *context)
{
    struct racer *r = context;

    pthread_barrier_wait(r->start);
    for (unsigned i = 0; i < 10; i++)
        r->won = store_transaction(r->store, count_up, r, &r->err);
    return NULL;
}

TEST(transactions_that_read_and_write_do_not_lose_each_other_nor_keep_what_was_rolled_back)
{
    FIXTURE(f);
    static struct racer racers[THREADS];
    struct bytes value;

    REQUIRE(store_setting_put(f.store, "count", BYTES_LIT("0"), &f.err));
    REQUIRE(race(&f, count_up_many, racers));
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(racers[i].won == (i % 5 != 4) && (racers[i].won || racers[i].err.code == ERR_DENIED));
    REQUIRE(store_setting_get(f.store, &f.arena, "count", &value, &f.err));
    CHECK_BYTES(value, BYTES_LIT("400"));
}
