/* agent/machine/log_place.h: where this system keeps the log of the boot that is running (guest-agent.md 4.1, 5). */
#pragma once
#include "base/arena.h"

/* Linux: securityfs. Windows: the newest file of %windir%\Logs\MeasuredBoot. The path need not exist; NULL: no memory. */
const char *log_place_firmware(struct arena *a);
