/* agent/windows/event_source.h: our name in the application event log: that a service began or ended, and no more; the rest is in its own log. */
#pragma once
#include <stdbool.h>
#include <wchar.h>
#include "base/err.h"

MUST_CHECK bool event_source_add(struct err *err);
void event_source_remove(void);
/* One line. A log that does not take it is none of our business. */
void event_source_tell(const wchar_t *text, bool fine);
