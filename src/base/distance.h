/* base/distance.h: how far a mistyped word is from a known one, for "did you mean". */
#pragma once
#include "base/bytes.h"

enum { DISTANCE_WORD_MAX = 64, DISTANCE_NEAR = 5 /* at this distance and above it is another word */ };

/* Levenshtein distance, ASCII letters compared without case. Words longer than DISTANCE_WORD_MAX are far from everything. */
unsigned distance_between(struct bytes word, const char *known);
