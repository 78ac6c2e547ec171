/* appraise/baseline.h: what "good" means for one VM. verdict.h judges by it. Pure.
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
/* Whether somebody accepted the standing finding. */
bool baseline_accepts(const struct baseline *baseline, enum finding_id id);
