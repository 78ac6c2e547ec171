/* agent/evidence/log_check.h: the agent's own look at its evidence before it is sent (guest-agent.md 4.1, 9.3). It blocks nothing: the verifier judges. */
#pragma once
#include "agent/evidence/evidence.h"
#include "agent/failure/note.h"
#include "eventlog/log/log.h"

/* Adds LOG_MISSING, LOG_EMPTY, LOG_SHA1, LOG_REPLAY (naming the registers) and LOG_TRUNCATED. `quoted` holds registers 0 to 7 at least. */
MUST_CHECK bool log_check(const struct evidence_logs *logs, const struct pcr_set *quoted, struct notes *notes, struct failure *why);
/* The first log (the firmware's) has no event, or only that which says how the others are written (4.1: LOG_EMPTY). */
bool log_has_only_header(const struct eventlog *log);
