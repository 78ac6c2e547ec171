#include "eventlog/ima/replay.h"
#include "base/deadline.h"

enum { IMA_PCR = 10, AGGREGATE_OLD = 8, AGGREGATE_NEW = 10 };

struct verified_ima {
    const struct ima_list *list;
    size_t n; /* entries of the prefix */
    struct ima_fit fit;
    size_t n_banks;
    enum digest_algorithm banks[LIMIT_PCR_BANKS]; /* as quoted; fit.mode goes with them */
};

static bool quotes_register(const struct pcr_set *quoted)
{
    for (size_t i = 0; i < quoted->n_banks; i++)
        if (pcr_find(quoted, quoted->banks[i].algorithm, IMA_PCR))
            return true;
    return false;
}

bool ima_verify(struct arena *a, const struct ima_list *list, const struct pcr_set *quoted, const struct pcr_set *start,
                struct findings *findings, const struct verified_ima **ret, struct err *err)
{
    struct verified_ima *ima = ARENA_NEW(a, struct verified_ima);
    struct ima_replay *replay = ARENA_NEW(a, struct ima_replay);
    bool found;

    if (!ima || !replay)
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    if (!quotes_register(quoted))
        return err_set(err, ERR_NOT_FOUND, "register %d is not quoted", IMA_PCR);
    ima->list = list;
    ima_replay_begin(quoted, start, replay);
    found = ima_replay_fits(replay, quoted, &ima->fit);
    while (!found && ima->n < list->n) {
        if (!DEADLINE_EVERY(ima->n, 1024, "replaying an IMA list", err))
            return false;
        ima_replay_add(replay, &list->entries[ima->n++], list->list_digest);
        found = ima_replay_fits(replay, quoted, &ima->fit);
    }
    if (!found) {
        ima_mismatch(findings, list->n);
        return err_set(err, ERR_UNTRUSTED, "no beginning of the IMA list gives the quoted value of register %d", IMA_PCR);
    }
    for (; ima->n_banks < quoted->n_banks; ima->n_banks++)
        ima->banks[ima->n_banks] = quoted->banks[ima->n_banks].algorithm;
    *ret = ima;
    return true;
}

void ima_mismatch(struct findings *findings, size_t n)
{
    findings_add(findings, FINDING_IMA_MISMATCH, IMA_PCR, FINDING_NO_EVENT,
                 "No beginning of the IMA list (%zu entries) gives the quoted value of register %d.", n, IMA_PCR);
}

size_t verified_ima_n(const struct verified_ima *ima) { return ima->n; }

const struct ima_entry *verified_ima_entry(const struct verified_ima *ima, size_t i) { return &ima->list->entries[i]; }

bool verified_ima_proved(const struct verified_ima *ima, size_t i)
{
    const struct ima_entry *entry = &ima->list->entries[i];

    return i < ima->n && entry->pcr == IMA_PCR && !entry->violation && (ima->fit.hashed || entry->proved);
}

enum ima_bank_mode verified_ima_bank_mode(const struct verified_ima *ima, enum digest_algorithm bank)
{
    for (size_t i = 0; i < ima->n_banks; i++)
        if (ima->banks[i] == bank)
            return ima->fit.mode[i];
    return IMA_BANK_NATIVE;
}

static bool aggregate(const struct pcr_set *quoted, enum digest_algorithm algorithm, unsigned n, struct digest *ret)
{
    struct bytes values[AGGREGATE_NEW];

    for (unsigned pcr = 0; pcr < n; pcr++) {
        const struct digest *value = pcr_find(quoted, algorithm, pcr);
        if (!value)
            return false;
        values[pcr] = digest_bytes(value);
    }
    digest_compute_parts(algorithm, values, n, ret);
    return true;
}

bool ima_entry_begins_boot(const struct ima_entry *entry)
{
    return entry->template != IMA_TEMPLATE_BUF && entry->template != IMA_TEMPLATE_OTHER &&
           bytes_equal_string(entry->name, "boot_aggregate");
}

bool ima_boot_aggregate_fits(const struct ima_entry *entry, const struct pcr_set *quoted, bool *ret_fits)
{
    struct digest with_8_and_9, without;

    if (!bytes_equal_string(entry->name, "boot_aggregate") || entry->file_algorithm == DIGEST_NONE ||
        !aggregate(quoted, entry->file_algorithm, AGGREGATE_NEW, &with_8_and_9) ||
        !aggregate(quoted, entry->file_algorithm, AGGREGATE_OLD, &without))
        return false;
    *ret_fits = bytes_equal(digest_bytes(&with_8_and_9), entry->file_digest) || bytes_equal(digest_bytes(&without), entry->file_digest);
    return true;
}
