#include "eventlog/ima/replay.h"

enum { IMA_PCR = 10 };

static void extend_native(struct ima_bank *bank, const struct ima_entry *entry, enum digest_algorithm list_digest)
{
    struct digest digest;

    if (entry->violation) {
        digest_fill(&digest, bank->algorithm, 0xff);
    } else if (bank->algorithm == list_digest) {
        digest_extend(&bank->value[IMA_BANK_NATIVE], entry->template_digest);
        return;
    } else if (!ima_entry_digest(entry, bank->algorithm, &digest)) {
        bank->possible[IMA_BANK_NATIVE] = false;
        return;
    }
    digest_extend(&bank->value[IMA_BANK_NATIVE], digest_bytes(&digest));
}

/* real-vm-boot.md 7, pitfall 7. */
static void extend_padded(struct ima_bank *bank, const struct ima_entry *entry, enum digest_algorithm list_digest)
{
    struct digest digest, sha1;

    digest_fill(&digest, bank->algorithm, entry->violation ? 0xff : 0x00);
    if (!entry->violation && list_digest == DIGEST_SHA1) {
        memcpy(digest.value, entry->template_digest.data, digest_len(DIGEST_SHA1));
    } else if (!entry->violation) {
        if (!ima_entry_digest(entry, DIGEST_SHA1, &sha1)) {
            bank->possible[IMA_BANK_PADDED] = false;
            return;
        }
        memcpy(digest.value, sha1.value, digest_len(DIGEST_SHA1));
    }
    digest_extend(&bank->value[IMA_BANK_PADDED], digest_bytes(&digest));
}

void ima_replay_begin(const struct pcr_set *quoted, const struct pcr_set *start, struct ima_replay *ret)
{
    *ret = (struct ima_replay){ .list_digest = DIGEST_NONE };
    for (size_t i = 0; i < quoted->n_banks; i++) {
        struct ima_bank *bank = &ret->banks[ret->n_banks];
        enum digest_algorithm algorithm = quoted->banks[i].algorithm;
        const struct digest *value = start ? pcr_find(start, algorithm, IMA_PCR) : NULL;
        if (!pcr_find(quoted, algorithm, IMA_PCR))
            continue;
        bank->algorithm = algorithm;
        bank->possible[IMA_BANK_NATIVE] = true;
        bank->possible[IMA_BANK_PADDED] = digest_len(algorithm) > digest_len(DIGEST_SHA1);
        for (unsigned mode = 0; mode < IMA_MODES; mode++)
            if (value)
                bank->value[mode] = *value;
            else
                pcr_reset_value(algorithm, IMA_PCR, &bank->value[mode]);
        ret->n_banks++;
    }
}

void ima_replay_add(struct ima_replay *replay, const struct ima_entry *entry, enum digest_algorithm list_digest)
{
    replay->n++;
    replay->list_digest = list_digest;
    if (entry->pcr != IMA_PCR)
        return;
    for (size_t i = 0; i < replay->n_banks; i++) {
        struct ima_bank *bank = &replay->banks[i];
        if (bank->possible[IMA_BANK_NATIVE])
            extend_native(bank, entry, list_digest);
        if (bank->possible[IMA_BANK_PADDED])
            extend_padded(bank, entry, list_digest);
    }
    ima_summary_add(&replay->all, entry);
    if (entry->proved)
        ima_summary_add(&replay->proved, entry);
}

static const struct ima_bank *bank_of(const struct ima_replay *replay, enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < replay->n_banks; i++)
        if (replay->banks[i].algorithm == algorithm)
            return &replay->banks[i];
    return NULL;
}

bool ima_replay_fits(const struct ima_replay *replay, const struct pcr_set *quoted, struct ima_fit *ret)
{
    struct ima_fit fit = { .hashed = false };
    size_t n = 0;

    for (size_t i = 0; i < quoted->n_banks; i++) {
        enum digest_algorithm algorithm = quoted->banks[i].algorithm;
        const struct digest *want = pcr_find(quoted, algorithm, IMA_PCR);
        const struct ima_bank *bank = bank_of(replay, algorithm);
        bool native, padded;
        if (!want)
            continue;
        native = bank && bank->possible[IMA_BANK_NATIVE] && digest_equal(&bank->value[IMA_BANK_NATIVE], want);
        padded = bank && bank->possible[IMA_BANK_PADDED] && digest_equal(&bank->value[IMA_BANK_PADDED], want);
        if (!native && !padded)
            return false;
        fit.mode[i] = native ? IMA_BANK_NATIVE : IMA_BANK_PADDED;
        fit.hashed |= native && digest_is_strong(algorithm) && algorithm != replay->list_digest;
        n++;
    }
    *ret = fit;
    return n > 0;
}

const struct ima_summary *ima_replay_summary(const struct ima_replay *replay, const struct ima_fit *fit)
{
    return fit->hashed ? &replay->all : &replay->proved;
}

bool ima_replay_take(struct ima_replay *replay, struct bytes input, const struct pcr_set *quoted, struct arena *scratch, bool *ret_fits,
                     struct ima_fit *ret_fit, struct err *err)
{
    struct ima_cursor c;
    struct ima_entry entry;
    bool there;

    *ret_fits = ima_replay_fits(replay, quoted, ret_fit);
    if (!ima_begin(input, &c, err))
        return false;
    while (!*ret_fits) {
        arena_reset(scratch);
        if (!ima_next(&c, scratch, &entry, &there, err))
            return false;
        if (!there)
            return true;
        if (replay->list_digest != DIGEST_NONE && replay->list_digest != c.list_digest)
            return err_set(err, ERR_MALFORMED, "IMA entry %u has another digest than those before", replay->n);
        if (replay->n == LIMIT_IMA_ENTRIES)
            return err_set(err, ERR_LIMIT, "more than %d IMA entries", LIMIT_IMA_ENTRIES);
        ima_replay_add(replay, &entry, c.list_digest);
        *ret_fits = ima_replay_fits(replay, quoted, ret_fit);
    }
    replay->confirmed = true;
    return true;
}
