/* monitor/counters.h: whether a TPM's state went back: a snapshot was restored, the TPM was cleared, or a copy of it runs elsewhere.
 *
 * Resets, restarts and the clock of genuine quotes only ever grow. Two machines with one TPM's state take turns in being behind, so
 * every appraisal has to be looked at, in its order (attack-suite.md I8, I9). */
#pragma once
#include "monitor/monitor.h"

bool counters_went_back(const struct vm_memory *before, const struct appraisal *now);
/* Counters are behind, and the quote may be from before the newer ones: its challenge was handed out before those were appraised. Two requests of one
 * machine overtook each other on their way. It proves nothing about a copy or a snapshot, nor about what the machine is like now. */
bool counters_came_late(const struct vm_memory *before, const struct appraisal *now);
void counters_remember(struct vm_memory *memory, const struct appraisal *now);
/* counters_note compares and remembers. Counters that went back are a finding until a person approves, whatever comes after. */
void counters_note(struct vm_memory *memory, const struct appraisal *now, struct findings *list);
