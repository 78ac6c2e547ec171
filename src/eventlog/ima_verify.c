#include "eventlog/ima.h"

enum { IMA_PCR = 10, MODES = 2, AGGREGATE_OLD = 8, AGGREGATE_NEW = 10 };

/* Register 10 of one quoted bank, replayed in both ways that a kernel may have filled it. */
struct bank_state {
    const struct digest *quoted;
    struct digest value[MODES];
    bool possible[MODES];
    enum ima_bank_mode mode; /* which one fits; valid once found */
};

struct verified_ima {
    const struct ima_list *list;
    size_t n;    /* entries of the prefix */
    bool hashed; /* a strong bank covers the fields themselves */
    size_t n_banks;
    struct bank_state banks[LIMIT_PCR_BANKS];
};

static void extend_native(struct bank_state *bank, const struct ima_entry *entry, enum digest_algorithm list_digest)
{
    enum digest_algorithm algorithm = bank->quoted->algorithm;
    struct digest digest;

    if (entry->violation) {
        digest_fill(&digest, algorithm, 0xff);
    } else if (algorithm == list_digest) {
        digest_extend(&bank->value[IMA_BANK_NATIVE], entry->template_digest);
        return;
    } else if (!ima_entry_digest(entry, algorithm, &digest)) {
        bank->possible[IMA_BANK_NATIVE] = false;
        return;
    }
    digest_extend(&bank->value[IMA_BANK_NATIVE], digest_bytes(&digest));
}

/* real-vm-boot.md 7, pitfall 7. */
static void extend_padded(struct bank_state *bank, const struct ima_entry *entry, enum digest_algorithm list_digest)
{
    struct digest digest, sha1;

    digest_fill(&digest, bank->quoted->algorithm, entry->violation ? 0xff : 0x00);
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

static void extend_banks(struct verified_ima *ima, const struct ima_entry *entry)
{
    for (size_t i = 0; i < ima->n_banks; i++) {
        struct bank_state *bank = &ima->banks[i];
        if (bank->possible[IMA_BANK_NATIVE])
            extend_native(bank, entry, ima->list->list_digest);
        if (bank->possible[IMA_BANK_PADDED])
            extend_padded(bank, entry, ima->list->list_digest);
    }
}

static bool fits(struct verified_ima *ima)
{
    for (size_t i = 0; i < ima->n_banks; i++) {
        struct bank_state *bank = &ima->banks[i];
        bool native = bank->possible[IMA_BANK_NATIVE] && digest_equal(&bank->value[IMA_BANK_NATIVE], bank->quoted);
        bool padded = bank->possible[IMA_BANK_PADDED] && digest_equal(&bank->value[IMA_BANK_PADDED], bank->quoted);
        if (!native && !padded)
            return false;
        bank->mode = native ? IMA_BANK_NATIVE : IMA_BANK_PADDED;
    }
    return true;
}

static void begin(struct verified_ima *ima, const struct pcr_set *quoted, const struct pcr_set *start)
{
    for (size_t i = 0; i < quoted->n_banks; i++) {
        struct bank_state *bank = &ima->banks[ima->n_banks];
        enum digest_algorithm algorithm = quoted->banks[i].algorithm;
        const struct digest *value = start ? pcr_find(start, algorithm, IMA_PCR) : NULL;
        if (!pcr_find(quoted, algorithm, IMA_PCR))
            continue;
        bank->quoted = &quoted->banks[i].value[IMA_PCR];
        bank->possible[IMA_BANK_NATIVE] = true;
        bank->possible[IMA_BANK_PADDED] = digest_len(algorithm) > digest_len(DIGEST_SHA1);
        for (unsigned mode = 0; mode < MODES; mode++)
            if (value)
                bank->value[mode] = *value;
            else
                pcr_reset_value(algorithm, IMA_PCR, &bank->value[mode]);
        ima->n_banks++;
    }
}

bool ima_verify(struct arena *a, const struct ima_list *list, const struct pcr_set *quoted, const struct pcr_set *start,
                struct findings *findings, const struct verified_ima **ret, struct err *err)
{
    struct verified_ima *ima = ARENA_NEW(a, struct verified_ima);
    struct pcr_set *kept = ARENA_NEW(a, struct pcr_set);
    bool found;

    if (!ima || !kept)
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    *kept = *quoted;
    ima->list = list;
    begin(ima, kept, start);
    if (ima->n_banks == 0)
        return err_set(err, ERR_NOT_FOUND, "register %d is not quoted", IMA_PCR);
    found = fits(ima);
    while (!found && ima->n < list->n) {
        const struct ima_entry *entry = &list->entries[ima->n++];
        if (entry->pcr != IMA_PCR)
            continue;
        extend_banks(ima, entry);
        found = fits(ima);
    }
    if (!found) {
        findings_add(findings, FINDING_IMA_MISMATCH, IMA_PCR, FINDING_NO_EVENT,
                     "No beginning of the IMA list (%zu entries) gives the quoted value of register %d.", list->n, IMA_PCR);
        return err_set(err, ERR_UNTRUSTED, "no beginning of the IMA list gives the quoted value of register %d", IMA_PCR);
    }
    for (size_t i = 0; i < ima->n_banks; i++)
        ima->hashed = ima->hashed || (digest_is_strong(ima->banks[i].quoted->algorithm) && ima->banks[i].mode == IMA_BANK_NATIVE &&
                                      ima->banks[i].quoted->algorithm != list->list_digest);
    *ret = ima;
    return true;
}

size_t verified_ima_n(const struct verified_ima *ima) { return ima->n; }

const struct ima_entry *verified_ima_entry(const struct verified_ima *ima, size_t i) { return &ima->list->entries[i]; }

bool verified_ima_proved(const struct verified_ima *ima, size_t i)
{
    const struct ima_entry *entry = &ima->list->entries[i];

    return i < ima->n && entry->pcr == IMA_PCR && !entry->violation && (ima->hashed || entry->proved);
}

enum ima_bank_mode verified_ima_bank_mode(const struct verified_ima *ima, enum digest_algorithm bank)
{
    for (size_t i = 0; i < ima->n_banks; i++)
        if (ima->banks[i].quoted->algorithm == bank)
            return ima->banks[i].mode;
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
