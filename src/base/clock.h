/* base/clock.h: time as a number that is passed in. Only mains and daemons' loops call clock_now_ms(); everything
 * that judges takes `now_ms`. Times are milliseconds since 1970-01-01 UTC. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"

enum { CLOCK_TEXT_LEN = 25 }; /* 2026-11-21T21:44:05.123Z and a NUL */

int64_t clock_now_ms(void);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
/* clock_format writes RFC 3339 in UTC, with milliseconds unless they are zero. */
void clock_format(int64_t time_ms, char out[static CLOCK_TEXT_LEN]);
/* clock_parse reads RFC 3339 with any offset; years 1 to 9999. */
MUST_CHECK bool clock_parse(struct bytes text, int64_t *ret_time_ms);
/* Days since 1970 of a proleptic Gregorian date, for readers of other time formats. */
int64_t clock_days_from_date(int year, int month, int day);
