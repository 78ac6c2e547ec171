#include "eventlog/ima/gap.h"
#include "eventlog/ima/replay.h"

/* The entries that may be in the register: both ends of the list. Their views live in `a`. */
struct ends {
    struct arena a;
    enum digest_algorithm list_digest;
    uint32_t n;                                   /* entries of the list */
    struct ima_entry first[LIMIT_IMA_GAP_BEFORE]; /* entry i */
    struct ima_entry last[LIMIT_IMA_GAP_AFTER];   /* entry i at i modulo its size, past the first of the list */
};

static void ends_done(struct ends *e) { arena_done(&e->a); }

static bool count(struct bytes input, uint32_t *ret)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct err ignored = ERR_INIT;
    struct ima_cursor c;
    struct ima_entry entry;
    bool there;

    if (!ima_begin(input, &c, &ignored))
        return false;
    do {
        arena_reset(&scratch);
        if (c.n > LIMIT_IMA_ENTRIES || !ima_next(&c, &scratch, &entry, &there, &ignored))
            return false;
    } while (there);
    *ret = c.n;
    return true;
}

static bool collect(struct bytes input, struct ends *e)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct err ignored = ERR_INIT;
    struct ima_cursor c;

    if (!count(input, &e->n) || !ima_begin(input, &c, &ignored))
        return false;
    for (uint32_t i = 0; i < e->n; i++) {
        bool kept = i < LIMIT_IMA_GAP_BEFORE || i + LIMIT_IMA_GAP_AFTER >= e->n, there;
        struct ima_entry entry;
        arena_reset(&scratch);
        if (!ima_next(&c, kept ? &e->a : &scratch, &entry, &there, &ignored) || !there)
            return false;
        if (i < LIMIT_IMA_GAP_BEFORE)
            e->first[i] = entry;
        if (i + LIMIT_IMA_GAP_AFTER >= e->n)
            e->last[i % LIMIT_IMA_GAP_AFTER] = entry;
    }
    e->list_digest = c.list_digest;
    return true;
}

/* The list from entry `after` on, behind what `beginning` has. */
static bool fits_from(const struct ends *e, const struct ima_replay *beginning, uint32_t after, struct ima_replay *replay,
                      const struct pcr_set *quoted, uint32_t *ret_end)
{
    struct ima_fit fit;

    *replay = *beginning;
    for (uint32_t i = after; i < e->n; i++) {
        ima_replay_add(replay, &e->last[i % LIMIT_IMA_GAP_AFTER], e->list_digest);
        if (ima_replay_fits(replay, quoted, &fit)) {
            *ret_end = i + 1;
            return true;
        }
    }
    return false;
}

static bool search(const struct ends *e, struct ima_replay *beginning, struct ima_replay *replay, const struct pcr_set *quoted,
                   struct ima_gap *ret)
{
    uint32_t oldest = e->n > LIMIT_IMA_GAP_AFTER ? e->n - LIMIT_IMA_GAP_AFTER : 0;

    for (uint32_t before = 0; before <= LIMIT_IMA_GAP_BEFORE && before < e->n; before++) {
        for (uint32_t after = before + 1 > oldest ? before + 1 : oldest; after < e->n; after++) {
            uint32_t end;
            if (!fits_from(e, beginning, after, replay, quoted, &end))
                continue;
            *ret = (struct ima_gap){ before, after, end };
            return true;
        }
        if (before < LIMIT_IMA_GAP_BEFORE)
            ima_replay_add(beginning, &e->first[before], e->list_digest);
    }
    return false;
}

bool ima_find_gap(struct bytes input, const struct pcr_set *quoted, const struct pcr_set *start, struct ima_gap *ret)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ends *e = ARENA_NEW(&a, struct ends);
    struct ima_replay *beginning = ARENA_NEW(&a, struct ima_replay), *replay = ARENA_NEW(&a, struct ima_replay);
    bool found;

    if (!e || !beginning || !replay)
        return false;
    ima_replay_begin(quoted, start, beginning);
    found = collect(input, e) && search(e, beginning, replay, quoted, ret);
    ends_done(e);
    return found;
}
