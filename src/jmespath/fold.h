/* jmespath/fold.h: simple case folding of Unicode, one character to one character. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"

uint32_t fold_case(uint32_t codepoint);
/* Equal but for case; bytes that are not UTF-8 must be equal themselves. */
bool fold_equal(struct bytes a, struct bytes b);
