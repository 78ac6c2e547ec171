/* crypto/pcr.h: register values: what a TPM quoted, what a log replays to, what a baseline remembers. Plain data. */
#pragma once
#include "base/limits.h"
#include "crypto/digest.h"

struct pcr_bank {
    enum digest_algorithm algorithm;
    uint32_t present; /* bit i: value[i] is known */
    struct digest value[LIMIT_PCRS];
};

struct pcr_set {
    size_t n_banks;
    struct pcr_bank banks[LIMIT_PCR_BANKS]; /* in the order of the quote's selection; no algorithm twice */
};

/* NULL when the bank, or the register in it, is not there. */
const struct pcr_bank *pcr_bank_find(const struct pcr_set *set, enum digest_algorithm algorithm);
const struct digest *pcr_find(const struct pcr_set *set, enum digest_algorithm algorithm, unsigned pcr);
/* The banks that are there: the rest of *ret, most of it as a rule, is neither written nor read by anybody. */
void pcr_set_copy(const struct pcr_set *set, struct pcr_set *ret);
/* The same banks in the same order with the same registers and values. */
bool pcr_sets_equal(const struct pcr_set *a, const struct pcr_set *b);
/* The value a register has after a TPM reset when nothing extends it: all ones for 17–22, zeros else
 * (PC Client Platform TPM Profile 4.6). */
void pcr_reset_value(enum digest_algorithm algorithm, unsigned pcr, struct digest *ret);
