/* tests/attack/export.h: every attack as files, for other verifiers than ours (tests/attack/README.md). */
#pragma once
#include "attack.h"

struct built_quote; /* support/quote_builder.h */

/* export_evidence writes what was sent and what must be said to it, where TRUEBOOT_ATTACK_EXPORT names a folder; else it does nothing. Of a test
 * that sends thousands it takes a part. */
MUST_CHECK bool export_evidence(struct attack *x, const struct evidence *evidence);
/* export_learned remembers that the baseline was made of what was sent last. */
void export_learned(const struct baseline *baseline);
