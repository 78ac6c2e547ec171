#include "eventlog/ima/kexec.h"

/* The first entry, if it is the boot_aggregate of the quoted registers; and whether the list is short enough to be tried again and again. */
static bool begins_this_boot(struct arena *a, struct bytes list, const struct pcr_set *quoted, struct ima_entry *ret,
                             enum digest_algorithm *ret_digest)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct err ignored = ERR_INIT;
    struct ima_cursor c;
    struct ima_entry other;
    bool there, fits;

    if (!ima_begin(list, &c, &ignored) || !ima_next(&c, a, ret, &there, &ignored) || !there || !ima_entry_begins_boot(ret) ||
        !ima_boot_aggregate_fits(ret, quoted, &fits) || !fits)
        return false;
    *ret_digest = c.list_digest;
    while (there && c.n <= LIMIT_IMA_KEXEC_ENTRIES) {
        arena_reset(&scratch);
        if (!ima_next(&c, &scratch, &other, &there, &ignored))
            return false;
    }
    return !there;
}

bool ima_replay_behind_kexec(struct bytes list, const struct pcr_set *quoted, const struct pcr_set *start, struct ima_replay *ret,
                             struct ima_fit *ret_fit)
{
    struct arena a CLEANUP(arena_done) = { 0 }, scratch CLEANUP(arena_done) = { 0 };
    struct ima_replay *earlier = ARENA_NEW(&a, struct ima_replay), *replay = ARENA_NEW(&a, struct ima_replay);
    enum digest_algorithm list_digest;
    struct ima_entry first;

    if (!earlier || !replay || !begins_this_boot(&a, list, quoted, &first, &list_digest))
        return false;
    ima_replay_begin(quoted, start, earlier);
    for (uint32_t kernels = 1; kernels <= LIMIT_IMA_KEXECS; kernels++) {
        struct err ignored = ERR_INIT;
        bool fits;

        ima_replay_add(earlier, &first, list_digest);
        *replay = *earlier;
        if (!ima_replay_take(replay, list, quoted, &scratch, &fits, ret_fit, &ignored))
            return false;
        if (!fits || replay->n == kernels) /* without an entry of the list the earlier kernels would be this one */
            continue;
        replay->n -= kernels;
        *ret = *replay;
        return true;
    }
    return false;
}
