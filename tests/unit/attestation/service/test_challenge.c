/* Challenges: good once, for a while, for one provider (attestation-service.md 6.3; attack-suite.md Q6, Q7). */
#include <pthread.h>
#include <stdlib.h>
#include "support/attestation_fixture.h"
#include "support/test.h"

TEST(a_message_is_accepted_once)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;
    struct bytes body;

    REQUIRE(attestation_begin(&f, vm, &t));
    body = attestation_envelope(t.a, attestation_message(&t), false);
    attest_post(&f, body, &answer);
    CHECK_INT(answer.status, 200);
    attest_post(&f, body, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.inner, "challenge");
    CHECK(strstr(answer.message, "used already") != NULL);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 1);
}

TEST(a_challenge_is_spent_by_evidence_that_is_refused)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    REQUIRE(attestation_begin(&f, vm, &t));
    t.quote_key = test_key(PRIVKEY_P256, 28);
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "quote.signature");
    t.quote_key = vm->ak;
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "challenge");
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
}

/* Whoever overhears a context cannot spend it: possession of the request key is proved first. */
TEST(a_challenge_is_not_spent_by_a_request_that_proves_no_key)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    REQUIRE(attestation_begin(&f, vm, &t));
    t.break_signature = true;
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 400);
    t.break_signature = false;
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 200);
}

TEST(a_challenge_holds_to_the_last_millisecond_of_its_time)
{
    struct challenges *c = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t challenge[CHALLENGE_LEN];
    struct open_challenge open;
    struct bytes context;
    struct err err = ERR_INIT;
    const int64_t end = 1000 + LIMIT_CHALLENGE_SECONDS * INT64_C(1000);

    REQUIRE_OK(challenges_new(&c, &err), err);
    REQUIRE_OK(challenge_make(c, "shared", 1000, &a, challenge, &context, &err), err);
    CHECK(challenge_open(c, "shared", context, end, &open, &err));
    CHECK_BYTES(BYTES_OF(open.challenge), BYTES_OF(challenge));
    CHECK(!challenge_open(c, "shared", context, end + 1, &open, &err) && err.code == ERR_UNTRUSTED);
    challenges_free(c);
}

TEST(a_context_of_another_provider_or_server_and_every_altered_bit_is_refused)
{
    struct challenges *c = NULL, *other = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t challenge[CHALLENGE_LEN];
    struct open_challenge open;
    struct bytes context;
    struct err err = ERR_INIT;

    REQUIRE_OK(challenges_new(&c, &err) && challenges_new(&other, &err), err);
    REQUIRE_OK(challenge_make(c, "shared", 1000, &a, challenge, &context, &err), err);
    CHECK(!challenge_open(c, "Shared", context, 1000, &open, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!challenge_open(other, "shared", context, 1000, &open, &err) && err.code == ERR_UNTRUSTED);
    for (size_t bit = 0; bit < 8 * context.len; bit++) {
        ((uint8_t *)context.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!challenge_open(c, "shared", context, 1000, &open, &err) && err.code == ERR_UNTRUSTED);
        ((uint8_t *)context.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < context.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(context, 0, n));
        CHECK(!challenge_open(c, "shared", cut, 1000, &open, &err) && err.code == ERR_UNTRUSTED);
        free((void *)cut.data);
    }
    CHECK(challenge_open(c, "shared", context, 1000, &open, &err));
    challenges_free(c);
    challenges_free(other);
}

/* The table of used ones grows, drops what expired, and forgets nothing that could still be replayed. */
TEST(a_used_challenge_stays_used_among_thousands)
{
    enum { MANY = 3000 };
    static struct open_challenge open[MANY];
    struct challenges *c = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t challenge[CHALLENGE_LEN];
    struct bytes context;
    struct err err = ERR_INIT;

    REQUIRE_OK(challenges_new(&c, &err), err);
    for (size_t i = 0; i < MANY; i++) {
        int64_t now = (int64_t)i * 1000; /* the first ones expire on the way */
        arena_reset(&a);
        REQUIRE_OK(challenge_make(c, "shared", now, &a, challenge, &context, &err), err);
        REQUIRE_OK(challenge_open(c, "shared", context, now, &open[i], &err), err);
        REQUIRE_OK(challenge_use(c, &open[i], now, &err), err);
    }
    for (size_t i = MANY - LIMIT_CHALLENGE_SECONDS; i < MANY; i++)
        CHECK(!challenge_use(c, &open[i], (MANY - 1) * INT64_C(1000), &err) && err.code == ERR_UNTRUSTED);
    challenges_free(c);
}

static struct open_challenge numbered(uint64_t i, int64_t expires_ms)
{
    struct open_challenge open = { .expires_ms = expires_ms };

    i *= 0x9e3779b97f4a7c15u; /* as random ids are: spread over the table */
    memcpy(open.id, &i, sizeof i);
    return open;
}

TEST(so_many_used_challenges_are_remembered_and_no_more_until_some_expire)
{
    const int64_t now = 1000, expiry = now + 1000 * INT64_C(300);
    struct challenges *c = NULL;
    struct open_challenge open;
    struct err err = ERR_INIT;
    size_t used = 0;

    REQUIRE_OK(challenges_new(&c, &err), err);
    for (size_t i = 1; i <= LIMIT_USED_CHALLENGES; i++) {
        open = numbered(i, expiry);
        used += challenge_use(c, &open, now, &err);
    }
    CHECK_INT(used, LIMIT_USED_CHALLENGES);
    open = numbered(LIMIT_USED_CHALLENGES + 1, expiry + 1);
    CHECK(!challenge_use(c, &open, now, &err) && err.code == ERR_UNREACHABLE);
    CHECK(!challenge_use(c, &open, now + 1, &err) && err.code == ERR_UNREACHABLE);
    CHECK(challenge_use(c, &open, expiry + 1, &err)); /* the others are over */
    CHECK(!challenge_use(c, &open, expiry + 1, &err) && err.code == ERR_UNTRUSTED);
    challenges_free(c);
}

/* Before anything is verified with it. */
TEST(a_used_challenge_does_not_open_again)
{
    struct challenges *c = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t challenge[CHALLENGE_LEN];
    struct open_challenge open;
    struct bytes context;
    struct err err = ERR_INIT;

    REQUIRE_OK(challenges_new(&c, &err), err);
    REQUIRE_OK(challenge_make(c, "shared", 1000, &a, challenge, &context, &err), err);
    REQUIRE_OK(challenge_open(c, "shared", context, 1000, &open, &err), err);
    REQUIRE_OK(challenge_open(c, "shared", context, 1000, &open, &err), err); /* being looked at is no use */
    REQUIRE_OK(challenge_use(c, &open, 1000, &err), err);
    CHECK(!challenge_open(c, "shared", context, 1000, &open, &err) && err.code == ERR_UNTRUSTED && strstr(err.text, "used already"));
    challenges_free(c);
}

enum { THREADS = 8 };

struct racer {
    struct challenges *c;
    const struct open_challenge *open;
    bool won;
};

static void *race(void *context)
{
    struct racer *r = context;
    struct err err = ERR_INIT;

    r->won = challenge_use(r->c, r->open, 1000, &err);
    return NULL;
}

TEST(of_many_threads_that_use_one_challenge_one_wins)
{
    struct challenges *c = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;

    REQUIRE_OK(challenges_new(&c, &err), err);
    for (int round = 0; round < 20; round++) {
        uint8_t challenge[CHALLENGE_LEN];
        struct open_challenge open;
        struct racer racers[THREADS];
        pthread_t threads[THREADS];
        struct bytes context;
        int winners = 0;

        REQUIRE_OK(challenge_make(c, "shared", 1000, &a, challenge, &context, &err) &&
                       challenge_open(c, "shared", context, 1000, &open, &err),
                   err);
        for (int i = 0; i < THREADS; i++) {
            racers[i] = (struct racer){ c, &open, false };
            if (pthread_create(&threads[i], NULL, race, &racers[i]) != 0)
                abort();
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            winners += racers[i].won;
        }
        CHECK_INT(winners, 1);
    }
    challenges_free(c);
}
