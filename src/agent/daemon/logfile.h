/* agent/daemon/logfile.h: trueboot-agent.log: what is logged, once more, in a file that support can ask for (guest-agent.md 6.12).
 *
 *   2026-01-10T09:12:44.123Z INFO trueboot-agent[812] message key="value"
 *
 * At LOGFILE_BYTES the file becomes .1, and .1 becomes .2: three files, never more. */
#pragma once
#include "base/err.h"

enum { LOGFILE_BYTES = 5 * 1024 * 1024, LOGFILE_KEPT = 3 };

/* From now on every line of base/log.h goes there, too. False when the folder is not there or not ours to write. */
MUST_CHECK bool logfile_open(const char *folder, struct err *err);
void logfile_close(void);
