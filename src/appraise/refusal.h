/* appraise/refusal.h: which finding refuses evidence (attestation-service.md 2.5): the one that an answer names. */
#pragma once
#include "findings/finding.h"

/* The first finding that makes the evidence itself unacceptable; NULL when only the policy has something to say. */
const struct finding *refusal_of_evidence(const struct findings *findings);
/* The first finding of the policy, or NULL. */
const struct finding *refusal_of_policy(const struct findings *findings);
