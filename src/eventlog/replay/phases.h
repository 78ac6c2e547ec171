/* eventlog/replay/phases.h: systemd's words about the phases of a boot, in register 11, where no log of them came: systemd 252 to 254 keep none
 * (systemd-pcrphase.service; the log is of 255). The words are the same on every machine, so that the register itself proves them. */
#pragma once
#include "base/bytes.h"
#include "crypto/digest.h"

enum { PHASE_PCR = 11 };

/* One of the words, of this register or another that they are measured into. */
bool phase_is_word(struct bytes text);

/* phases_lead_to says whether words in an order in which systemd says them lead from `values` to `quoted`, bank by bank; then *ret_n words were
 * said, the last one *ret_last. `values` are changed. */
bool phases_lead_to(struct digest *values, const struct digest *const *quoted, size_t n_banks, const char **ret_last, size_t *ret_n);
