/* appraise/claims_explain.h: what each claim about evidence rests on, and why one is false or is not made (docs/claims.md).
 *
 * An explanation looks at unproved events, too: to say why they did not count. It never decides anything. */
#pragma once
#include "appraise/appraise.h"
#include "policy/claim_list.h"

/* One thing that a claim rests on: a part of the evidence, or an event. */
struct claim_proof {
    const char *part; /* "the quote's signature", …; NULL: the event below */
    int64_t event;    /* its number in the joined log */
    unsigned pcr;
    uint32_t type;    /* a label, which no digest covers; 0: not known */
    const char *says; /* what it says about this claim, safe to show; NULL: the whole of it counts */
};

struct claim_explanation {
    const struct service_claim *row;
    bool made; /* false: there is no such claim, and `why` says why */
    struct policy_value value;
    const struct claim_proof *proofs;
    size_t n_proofs;
    const char *why; /* a sentence, safe to show; NULL: the proofs say it all */
};

/* claims_explain lists the claims that claims_build(), or azureguest_claims_build(), made of `appraised` (the caller's own left out) and, behind them, the rows
 * of the list for this kind of evidence that were not made. Everything in `a`. */
MUST_CHECK bool claims_explain(struct arena *a, const struct appraised *appraised, enum claim_evidence evidence,
                               const struct policy_claim *claims, size_t n_claims, const struct claim_explanation **ret, size_t *ret_n,
                               struct err *err);
