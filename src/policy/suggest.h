/* policy/suggest.h: what somebody who wrote one word may have meant. */
#pragma once
#include "base/bytes.h"

/* The candidate that is nearest to `word` by edits (a letter added, dropped, changed, or two swapped; case costs nothing), when it is near
 * enough to be meant; NULL otherwise. */
const char *suggest_nearest(struct bytes word, const char *const *candidates, size_t n);
