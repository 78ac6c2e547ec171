/* appraise/baseline.h: what "good" means for one VM, and judging an appraisal by it. Pure.
 *
 *     { "version": 1, "vm": uuid?, "learned": RFC 3339, "from": appraisal id, "accepts": ["boot.initrd_unmeasured", …],
 *       "boot": { "hasLog": true, "components": […], "registers": {…} } } */
#pragma once
#include "appraise/appraisal.h"

struct baseline {
    int64_t learned_ms;
    const char *from; /* appraisal it was learned from, or NULL */
    struct boot_record boot;
    const enum finding_id *accepts; /* standing findings that somebody accepted explicitly */
    size_t n_accepts;
};

/* baseline_learn takes the components of an appraisal. With `accept_findings` the appraisal's own medium findings that an operator
 * may accept are accepted (approval); without, none are. Findings about the evidence itself, about Secure Boot being off, or
 * high and critical ones are never accepted. Views into the appraisal. */
MUST_CHECK bool baseline_learn(struct arena *a, const struct appraisal *appraisal, bool accept_findings, struct baseline *ret,
                               struct err *err);
void baseline_write(struct json_out *out, const struct baseline *baseline);
MUST_CHECK bool baseline_read(struct arena *a, const struct json *v, struct baseline *ret, struct err *err);

/* baseline_may_learn: only a boot with a verified quote, a trusted key, and a Healthy verdict of its own is ever learned
 * without a person's word. */
bool baseline_may_learn(const struct appraisal *appraisal);

/* judge gives the verdict of an appraisal under a baseline (NULL: none). ret_findings (list->arena set) receives the appraisal's
 * findings, accepted ones lowered to info, and those of the comparison, the worst first. `chain` may be NULL: see bootchain_compare. */
MUST_CHECK bool judge(struct arena *a, const struct appraisal *appraisal, const struct bootchain *chain, const struct baseline *baseline,
                      const struct boot_reference *reference, struct findings *ret_findings, enum verdict *ret_verdict, struct err *err);
