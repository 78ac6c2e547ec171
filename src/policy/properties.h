/* policy/properties.h: the property claims that steer the service (attestation-service.md 8.7). */
#pragma once
#include "policy/eval.h"

/* What is wrong with a property claim, as the end of a sentence that begins with its name; NULL: nothing, or not known to us. */
const char *policy_property_problem(const struct policy_claim *claim);
/* The last one of that name wins; `otherwise` if there is none. The value is clamped to what 8.7 allows. */
int64_t policy_property_integer(const struct claim_list *list, const char *name, int64_t otherwise);
bool policy_property_boolean(const struct claim_list *list, const char *name, bool otherwise);
