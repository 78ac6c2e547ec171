#include "crypto/pcr.h"

const struct pcr_bank *pcr_bank_find(const struct pcr_set *set, enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < set->n_banks; i++)
        if (set->banks[i].algorithm == algorithm)
            return &set->banks[i];
    return NULL;
}

const struct digest *pcr_find(const struct pcr_set *set, enum digest_algorithm algorithm, unsigned pcr)
{
    const struct pcr_bank *bank = pcr_bank_find(set, algorithm);

    if (!bank || pcr >= LIMIT_PCRS || !(bank->present & (UINT32_C(1) << pcr)))
        return NULL;
    return &bank->value[pcr];
}

void pcr_reset_value(enum digest_algorithm algorithm, unsigned pcr, struct digest *ret)
{
    digest_fill(ret, algorithm, pcr >= 17 && pcr <= 22 ? 0xff : 0x00);
}

void pcr_set_copy(const struct pcr_set *set, struct pcr_set *ret)
{
    ret->n_banks = set->n_banks;
    for (size_t i = 0; i < set->n_banks; i++)
        ret->banks[i] = set->banks[i];
}

bool pcr_sets_equal(const struct pcr_set *a, const struct pcr_set *b)
{
    if (a->n_banks != b->n_banks)
        return false;
    for (size_t i = 0; i < a->n_banks; i++) {
        if (a->banks[i].algorithm != b->banks[i].algorithm || a->banks[i].present != b->banks[i].present)
            return false;
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (a->banks[i].present & (1u << pcr) && !digest_equal(&a->banks[i].value[pcr], &b->banks[i].value[pcr]))
                return false;
    }
    return true;
}
