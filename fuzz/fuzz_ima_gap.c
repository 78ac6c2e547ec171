/* Lists that do not give register 10 as a whole: one that outlived the register (eventlog/ima/gap.h), and one of a kernel that kexec started
 * (kexec.h). The register is made of the input's own entries, so that both are really found. */
#include "fuzz.h"
#include "eventlog/ima/gap.h"
#include "eventlog/ima/kexec.h"

enum { ENTRIES_MAX = 24 }; /* every pair of places is tried */

static void quote(const struct ima_replay *replay, struct pcr_set *ret)
{
    *ret = (struct pcr_set){ .n_banks = 1 };
    ret->banks[0].algorithm = DIGEST_SHA256;
    ret->banks[0].present = 1u << 10;
    ret->banks[0].value[10] = replay->banks[0].value[IMA_BANK_NATIVE];
}

/* The first `before` entries and those from `after` to `end`. Whatever is found gives the register, too. */
static void gap(struct bytes input, const struct ima_list *list, const struct pcr_set *any, uint32_t before, uint32_t after, uint32_t end)
{
    struct ima_replay replay, again;
    struct ima_gap found;
    struct pcr_set quoted;

    ima_replay_begin(any, NULL, &replay);
    again = replay;
    for (uint32_t i = 0; i < end; i++)
        if (i < before || i >= after)
            ima_replay_add(&replay, &list->entries[i], list->list_digest);
    quote(&replay, &quoted);
    if (!ima_find_gap(input, &quoted, NULL, &found)) {
        ENSURE(!replay.banks[0].possible[IMA_BANK_NATIVE]);
        return;
    }
    ENSURE(found.before < found.after && found.after < found.end && found.end <= list->n);
    for (uint32_t i = 0; i < found.end; i++)
        if (i < found.before || i >= found.after)
            ima_replay_add(&again, &list->entries[i], list->list_digest);
    ENSURE(digest_equal(&again.banks[0].value[IMA_BANK_NATIVE], &quoted.banks[0].value[10]) ||
           digest_equal(&again.banks[0].value[IMA_BANK_PADDED], &quoted.banks[0].value[10]));
}

static void kernels(struct bytes input, const struct ima_list *list, const struct pcr_set *any, uint32_t earlier)
{
    struct ima_replay replay, found;
    struct pcr_set quoted;
    struct ima_fit fit;

    ima_replay_begin(any, NULL, &replay);
    for (uint32_t i = 0; i < earlier + list->n; i++)
        ima_replay_add(&replay, &list->entries[i < earlier ? 0 : i - earlier], list->list_digest);
    quote(&replay, &quoted);
    if (ima_replay_behind_kexec(input, &quoted, NULL, &found, &fit))
        ENSURE(found.n > 0 && found.n <= list->n && ima_replay_fits(&found, &quoted, &fit));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct pcr_set any = { .n_banks = 1 };
    struct err err = ERR_INIT;
    struct ima_list list;
    struct bytes input;
    uint32_t before, after, end;

    if (size < 4)
        return 0;
    arena_reset(&a);
    input = (struct bytes){ data + 4, size - 4 };
    if (!ima_parse(&a, input, &list, &err) || list.n < 2 || list.n > ENTRIES_MAX)
        return 0;
    any.banks[0].algorithm = DIGEST_SHA256;
    any.banks[0].present = 1u << 10;
    before = data[0] % (uint32_t)(list.n - 1);
    after = before + 1 + data[1] % (uint32_t)(list.n - before - 1);
    end = after + 1 + data[2] % (uint32_t)(list.n - after);
    gap(input, &list, &any, before, after, end);
    kernels(input, &list, &any, data[3] % (LIMIT_IMA_KEXECS + 2));
    return 0;
}
