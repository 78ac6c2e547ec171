/* policy/explain.h: why a condition held or not, in words for the policy's author. */
#pragma once
#include "base/writer.h"
#include "policy/ast.h"

/* A claim as it is shown: secureBootEnabled = true (AttestationService). Long values are cut; the text is UTF-8, and may hold control
 * characters of a claim's value only in JSON's escapes. */
void explain_claim(struct writer *w, const struct policy_claim *claim);

/* explain_condition writes the sentence about condition `i` (from 0), which was tried, of a traced rule; true when it held. */
bool explain_condition(struct writer *w, const struct policy_trace *rule, size_t i);
