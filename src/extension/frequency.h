/* extension/frequency.h: AttestationConfig.AscSettings.ascReportingFrequency (guest-agent.md 7.3).
 *
 *   frequency = "" | number unit | "PT" number "H" | "PT" number "M" | "P" number "D"
 *   number    = 1 to 4 digits, not 0;   unit = H h D d M m, and M means minutes
 *
 * A typo here must not stop monitoring: what cannot be read is the default, and said. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"

enum { FREQUENCY_DEFAULT_SECONDS = 8 * 3600, FREQUENCY_LEAST_SECONDS = 15 * 60, FREQUENCY_MOST_SECONDS = 24 * 3600 };

enum frequency_note { FREQUENCY_AS_ASKED, FREQUENCY_NOT_GIVEN, FREQUENCY_RAISED, FREQUENCY_LOWERED, FREQUENCY_UNREADABLE };

/* *ret_seconds is always set, and always within the range. */
enum frequency_note frequency_parse(struct bytes text, uint32_t *ret_seconds);
