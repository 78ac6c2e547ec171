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
