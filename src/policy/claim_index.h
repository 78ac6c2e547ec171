/* policy/claim_index.h: the incoming claims of an evaluation by their type, so that a condition that names one looks at the claims of that type alone
 * and a policy of many rules does not look at all claims for each. Private to src/policy. */
#pragma once
#include "policy/ast.h"

/* Claims never move once made, so that lists hold their addresses. */
struct claim_list {
    const struct policy_claim **items;
    size_t n, capacity;
};

/* In the order in which they were appended; false: the arena has no room. */
MUST_CHECK bool claim_list_append(struct arena *a, struct claim_list *list, const struct policy_claim *claim);

enum { CLAIM_INDEX_BUCKETS = 256 };

struct claims_of_type;

struct claim_index {
    struct claims_of_type *buckets[CLAIM_INDEX_BUCKETS];
};

/* claim_index_find gives the list of a type, empty when there is none; it stays where it is and grows. *ret_compared (added to) is how many types were
 * compared on the way, for whoever pays for it. */
const struct claim_list *claim_index_find(const struct claim_index *index, struct bytes type, size_t *ret_compared);
MUST_CHECK bool claim_index_add(struct arena *a, struct claim_index *index, const struct policy_claim *claim, size_t *ret_compared);
