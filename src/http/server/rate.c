#include "http/server/rate.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "crypto/random.h"

enum { WAYS = 8 };

struct bucket {
    uint64_t key;    /* its keyed hash; 0: never used */
    int64_t full_us; /* when it is full again */
};

struct set {
    atomic_flag locked;
    struct bucket ways[WAYS];
};

struct rate_limiter {
    uint64_t secret[2];
    size_t n_sets;            /* a power of two */
    atomic_llong interval_us; /* one call; 0: no limit */
    atomic_llong depth_us;    /* a whole burst */
    atomic_ullong refused;
    struct set sets[];
};

bool rate_limiter_new(size_t places, struct rate_limiter **ret, struct err *err)
{
    struct rate_limiter *limiter;
    size_t n = 1;

    while (n * WAYS < places)
        n *= 2;
    limiter = calloc(1, sizeof *limiter + n * sizeof(struct set));
    if (!limiter)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu rate limits", places);
    limiter->n_sets = n;
    if (!random_bytes((uint8_t *)limiter->secret, sizeof limiter->secret, err)) {
        free(limiter);
        return false;
    }
    *ret = limiter;
    return true;
}

void rate_limiter_free(struct rate_limiter *limiter) { free(limiter); }

void rate_limiter_set(struct rate_limiter *limiter, unsigned per, unsigned period_ms, unsigned burst)
{
    long long interval = per ? (long long)period_ms * 1000 / per : 0;

    if (per && interval == 0)
        interval = 1;
    limiter->interval_us = interval;
    limiter->depth_us = interval * (burst ? burst : 1);
}

struct rate rate_limiter_rate(const struct rate_limiter *limiter, unsigned period_ms)
{
    long long interval = limiter ? limiter->interval_us : 0, depth = limiter ? limiter->depth_us : 0;

    if (interval == 0)
        return (struct rate){ 0, 0 };
    return (struct rate){ (unsigned)(((long long)period_ms * 1000 + interval / 2) / interval), (unsigned)(depth / interval) };
}

/* ---- SipHash-1-3: short, keyed, and hard to aim (Aumasson, Bernstein 2012) ---- */

static uint64_t rotate(uint64_t v, unsigned by) { return v << by | v >> (64 - by); }

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t keyed_hash(const uint64_t secret[static 2], struct bytes key)
{
    uint64_t v[4] = { secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
                      secret[1] ^ 0x7465646279746573u };

    for (size_t at = 0;; at += 8) {
        size_t n = key.len - at < 8 ? key.len - at : 8;
        uint64_t word = n < 8 ? (uint64_t)key.len << 56 : 0;

        for (size_t i = 0; i < n; i++)
            word |= (uint64_t)key.data[at + i] << (8 * i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (n < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) | 1; /* 0 means unused */
}

/* ---- taking ---- */

/* The key's bucket, or the one that gives way to it. */
static struct bucket *find(struct set *set, uint64_t key, int64_t now_us)
{
    struct bucket *fullest = &set->ways[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set->ways[i].key == key)
            return &set->ways[i];
        if (set->ways[i].full_us < fullest->full_us)
            fullest = &set->ways[i];
    }
    *fullest = (struct bucket){ key, now_us };
    return fullest;
}

bool rate_limiter_take(struct rate_limiter *limiter, struct bytes key, int64_t now_us, unsigned *ret_retry_seconds)
{
    int64_t interval = limiter->interval_us, depth = limiter->depth_us, wait;
    uint64_t hash;
    struct set *set;
    struct bucket *bucket;

    if (interval == 0)
        return true;
    hash = keyed_hash(limiter->secret, key);
    set = &limiter->sets[(hash >> 32) & (limiter->n_sets - 1)];
    while (atomic_flag_test_and_set_explicit(&set->locked, memory_order_acquire))
        sched_yield();
    bucket = find(set, hash, now_us);
    if (bucket->full_us < now_us)
        bucket->full_us = now_us;
    if (bucket->full_us - now_us > depth) /* the limits were lowered meanwhile */
        bucket->full_us = now_us + depth;
    wait = bucket->full_us + interval - now_us - depth;
    if (wait <= 0)
        bucket->full_us += interval;
    atomic_flag_clear_explicit(&set->locked, memory_order_release);
    if (wait <= 0)
        return true;
    limiter->refused++;
    *ret_retry_seconds = (unsigned)((wait + 999999) / 1000000);
    return false;
}

uint64_t rate_limiter_refused(const struct rate_limiter *limiter) { return limiter->refused; }
