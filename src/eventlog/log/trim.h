/* eventlog/log/trim.h: a smaller log that says the same about some registers: for AzureGuest, whose requests have a size limit.
 *
 * Only SHA-256 digests, only events of the registers in `mask`, the Spec ID event rewritten to declare that one algorithm: the form that the
 * public service takes (guest-agent.md 4.1). Replaying it gives the same SHA-256 values. Never for the native protocol, which binds
 * the hash of the whole log. */
#pragma once
#include "base/writer.h"
#include "eventlog/log/log.h"

/* ERR_UNSUPPORTED: not one whole crypto-agile log that declares SHA-256. */
MUST_CHECK bool eventlog_trim(const struct eventlog *log, uint32_t mask, struct writer *w, struct err *err);
