/* agent/daemon/pulse.h: the loop's signs of life: OUT/heartbeat.json's time of modification, and the service manager's watchdog.
 *
 * While the loop waits it beats itself. While it works (a request may take minutes) a thread beats for it, but only until the work's own
 * deadline: a loop that hangs stops beating, and is started anew. */
#pragma once
#include <stdint.h>
#include "base/err.h"

enum { PULSE_PERIOD_MS = 60 * 1000 }; /* at most, see pulse_period_ms */

struct pulse;

/* Between two beats at most: a minute, and a third of what the service manager's watchdog allows. */
int64_t pulse_period_ms(void);

/* NULL: no memory or no thread; everything below takes NULL and does nothing. The file is made when the folder is there. */
struct pulse *pulse_start(const char *out_dir);
void pulse_stop(struct pulse *pulse);

void pulse_beat(struct pulse *pulse); /* now, unless the last beat is younger than half a period */
void pulse_busy(struct pulse *pulse, int64_t at_most_ms);
void pulse_idle(struct pulse *pulse);
