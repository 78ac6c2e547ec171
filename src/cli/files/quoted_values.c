#include "cli/files/quoted_values.h"
#include "tpm/attest.h"
#include "tpm/signature.h"

enum { IMA_PCR = 10, MODES = 2 };

/* The hash of pcrDigest is that of the signature (TPM 2.0 Library Part 3, 18.4). */
static enum digest_algorithm quote_hash(struct bytes signature, enum signature_form form)
{
    struct err err = ERR_INIT;
    struct tpm_signature s;

    if (form == SIGNATURE_FORM_RAW_RSASSA)
        return DIGEST_SHA256;
    return tpm_signature_decode(signature, &s, &err) ? s.hash : DIGEST_NONE;
}

static bool source_value(const struct value_sources *sources, enum digest_algorithm bank, unsigned pcr, struct digest *ret)
{
    const struct digest *value = pcr_find(sources->given ? sources->given : sources->replayed, bank, pcr);

    if (!value && sources->given)
        return false;
    if (value)
        *ret = *value;
    else
        pcr_reset_value(bank, pcr, ret);
    return true;
}

static void select_values(const struct pcr_selection *selection, const struct value_sources *sources, struct pcr_set *ret)
{
    for (size_t i = 0; i < selection->n_banks; i++) {
        enum digest_algorithm algorithm = selection->banks[i].algorithm;
        struct pcr_bank *bank = &ret->banks[ret->n_banks];

        if (algorithm == DIGEST_NONE || selection->banks[i].mask == 0 || pcr_bank_find(ret, algorithm))
            continue;
        bank->algorithm = algorithm;
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (selection->banks[i].mask >> pcr & 1 && source_value(sources, algorithm, pcr, &bank->value[pcr]))
                bank->present |= 1u << pcr;
        ret->n_banks++;
    }
}

static bool fits(const struct pcr_set *set, enum digest_algorithm hash, struct bytes wanted)
{
    struct err err = ERR_INIT;
    struct digest d;

    return hash != DIGEST_NONE && pcr_set_digest(set, hash, &d, &err) && bytes_equal(digest_bytes(&d), wanted);
}

/* Register 10 while the list is extended into it, in both ways that a kernel may fill a bank (eventlog/ima/list.h). */
struct ima_walk {
    struct pcr_set *set;
    size_t n;
    struct pcr_bank *banks[LIMIT_PCR_BANKS];
    struct digest value[LIMIT_PCR_BANKS][MODES];
};

static void walk_begin(struct ima_walk *w, struct pcr_set *set, const struct pcr_set *replayed)
{
    *w = (struct ima_walk){ .set = set };
    for (size_t i = 0; i < set->n_banks; i++) {
        const struct digest *start = pcr_find(replayed, set->banks[i].algorithm, IMA_PCR);
        if (!(set->banks[i].present >> IMA_PCR & 1))
            continue;
        for (unsigned mode = 0; mode < MODES; mode++)
            if (start)
                w->value[w->n][mode] = *start;
            else
                pcr_reset_value(set->banks[i].algorithm, IMA_PCR, &w->value[w->n][mode]);
        w->banks[w->n++] = &set->banks[i];
    }
}

/* The digest of an entry in one bank: as the list has it, or computed from the entry's fields. */
static bool entry_digest(const struct ima_list *ima, const struct ima_entry *entry, enum digest_algorithm algorithm, struct digest *ret)
{
    if (algorithm != ima->list_digest)
        return ima_entry_digest(entry, algorithm, ret);
    ret->algorithm = algorithm;
    memcpy(ret->value, entry->template_digest.data, entry->template_digest.len);
    return true;
}

static bool walk_extend(struct ima_walk *w, const struct ima_list *ima, const struct ima_entry *entry)
{
    for (size_t i = 0; i < w->n; i++) {
        enum digest_algorithm algorithm = w->banks[i]->algorithm;
        struct digest native, sha1, padded;

        digest_fill(&native, algorithm, 0xff);
        padded = native;
        if (!entry->violation) {
            if (!entry_digest(ima, entry, algorithm, &native) || !entry_digest(ima, entry, DIGEST_SHA1, &sha1))
                return false;
            digest_fill(&padded, algorithm, 0);
            memcpy(padded.value, sha1.value, digest_len(DIGEST_SHA1));
        }
        digest_extend(&w->value[i][IMA_BANK_NATIVE], digest_bytes(&native));
        digest_extend(&w->value[i][IMA_BANK_PADDED], digest_bytes(&padded));
    }
    return true;
}

/* Every combination of modes; at most 2^LIMIT_PCR_BANKS. */
static bool walk_fits(struct ima_walk *w, enum digest_algorithm hash, struct bytes wanted)
{
    for (unsigned modes = 0; modes < 1u << w->n; modes++) {
        for (size_t i = 0; i < w->n; i++)
            w->banks[i]->value[IMA_PCR] = w->value[i][modes >> i & 1];
        if (fits(w->set, hash, wanted))
            return true;
    }
    return false;
}

static bool find_beginning(struct pcr_set *set, const struct value_sources *sources, enum digest_algorithm hash, struct bytes wanted)
{
    const struct ima_list *ima = sources->ima;
    struct ima_walk w;

    walk_begin(&w, set, sources->replayed);
    if (!w.n)
        return false;
    if (walk_fits(&w, hash, wanted))
        return true;
    for (size_t i = 0; i < ima->n; i++) {
        if (ima->entries[i].pcr != IMA_PCR)
            continue;
        if (!walk_extend(&w, ima, &ima->entries[i]))
            return false;
        if (walk_fits(&w, hash, wanted))
            return true;
    }
    return false;
}

bool quoted_values(struct arena *a, struct bytes attest, struct bytes signature, enum signature_form form,
                   const struct value_sources *sources, struct pcr_set *ret, struct err *err)
{
    struct pcr_set *set = ARENA_NEW(a, struct pcr_set), *trial = ARENA_NEW(a, struct pcr_set);
    enum digest_algorithm hash = quote_hash(signature, form);
    struct err unreadable = ERR_INIT;
    struct attest quote;

    if (!set || !trial)
        return err_set(err, ERR_NO_MEMORY, "no memory for register values");
    *ret = *set;
    if (!attest_decode(attest, &quote, &unreadable))
        return true;
    select_values(&quote.selection, sources, set);
    *trial = *set;
    if (sources->ima && hash != DIGEST_NONE && !fits(set, hash, quote.pcr_digest) && find_beginning(trial, sources, hash, quote.pcr_digest))
        *set = *trial;
    *ret = *set;
    return true;
}
