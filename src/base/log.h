/* base/log.h: one structured line per event on standard error: time, level, message, key=value pairs.
 * Only programs log; libraries return errors. Values are escaped, so input cannot forge a line. No secrets, no tokens. */
#pragma once
#include <stdint.h>
#include "base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT /* time=… level=… msg="…" key="…" */, LOG_JSON /* {"time":…,"level":…,"msg":…,"key":…} */ };

/* Both at any time. */
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
/* log_event("attestation refused", "vm", uuid, "finding", id, NULL): pairs of strings end with NULL; a NULL value
 * prints as "-". */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* A second place for every line that is logged, without time and level: `message key="value" …`, escaped. NULL: none. */
void log_set_sink(void (*sink)(enum log_level level, int64_t time_ms, struct bytes line));
