/* bootchain/compare/compare.h: how this boot differs from an accepted one, in words.
 *
 * Every deviation is a finding with register, event, what was and what is. Severity: architecture.md 8. Register values judge
 * only where no log explains them. The order of events does not matter, their content does, but for
 * the images in register 4: which one started which; a reboot, another VM of the same
 * image, another TPM interface or another set of banks gives no finding. */
#pragma once
#include "bootchain/chain/chain.h"

/* What is known of a boot; a baseline is the same, read back from storage. */
struct boot_record {
    bool has_log; /* components come from a log; false: only registers are known */
    struct component_list components;
    struct pcr_set registers; /* quoted values */
};

/* bootchain_compare adds a finding for each deviation of `now` from `baseline`, and lowers to `info` those that hold without a
 * baseline but that the baseline accepts explicitly (COMPONENT_ANY for a hole). `chain` is what `now` was read from, for
 * "every image still allowed" and "who signed"; NULL when there is no log. `reference` may be NULL.
 * False only for ERR_NO_MEMORY. */
MUST_CHECK bool bootchain_compare(struct arena *a, const struct boot_record *baseline, const struct boot_record *now,
                                  const struct bootchain *chain, const struct boot_reference *reference, struct findings *findings,
                                  struct err *err);

/* bootchain_went_back adds a finding for each revocation list and level that `now` has less of than `newer`, a boot that was accepted after the one
 * that `now` matches: an older boot may be accepted beside it, older revocations are not. `version` names `newer` in words. */
void bootchain_went_back(struct arena *a, const struct boot_record *newer, int64_t version, const struct boot_record *now,
                         struct findings *findings);
