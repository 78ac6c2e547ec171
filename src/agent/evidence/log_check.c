#include "agent/evidence/log_check.h"
#include <stdio.h>
#include "eventlog/replay/replay.h"

enum { FIRMWARE_PCRS = 8, REGISTER_LIST_LEN = 40 };

bool log_has_only_header(const struct eventlog *log)
{
    const struct eventlog_part *part = log->parts;

    return !log->n_parts || !part->n_events || (part->n_events == 1 && event_is_spec_id(&log->events[part->first_event]));
}

/* Registers 0 to 7 that the log does not explain, as "0, 2, 7". */
static unsigned list_mismatches(const struct eventlog *log, const struct pcr_bank *quoted, char out[static REGISTER_LIST_LEN])
{
    struct pcr_set computed;
    unsigned n = 0;
    size_t at = 0;

    replay_compute_bank(log, quoted->algorithm, &computed);
    out[0] = 0;
    for (unsigned pcr = 0; pcr < FIRMWARE_PCRS; pcr++) {
        const struct digest *value = pcr_find(&computed, quoted->algorithm, pcr);
        struct digest reset;

        pcr_reset_value(quoted->algorithm, pcr, &reset);
        if (!(quoted->present & (1u << pcr)) || digest_equal(value ? value : &reset, &quoted->value[pcr]))
            continue;
        at += (size_t)snprintf(out + at, REGISTER_LIST_LEN - at, "%s%u", n++ ? ", " : "", pcr);
    }
    return n;
}

static void judge(const struct evidence_logs *logs, const struct eventlog *log, const struct pcr_bank *quoted, struct notes *notes)
{
    char list[REGISTER_LIST_LEN];

    if (log_has_only_header(log)) {
        notes_add(notes, FAILURE_LOG_EMPTY, "the firmware log holds no event");
        return;
    }
    if (log->parts[0].format == EVENTLOG_SHA1) {
        notes_add(notes, FAILURE_LOG_SHA1,
                  "the firmware log has SHA-1 digests only; the quoted registers cannot be replayed (Linux 4.16 to 5.2 "
                  "could deliver no other)");
        return;
    }
    if (!list_mismatches(log, quoted, list))
        return;
    notes_add(notes, FAILURE_LOG_REPLAY, "the firmware log does not give the values of registers %s", list);
    if (logs->firmware_may_be_cut || log->state == EVENTLOG_TRUNCATED)
        notes_add(notes, FAILURE_LOG_TRUNCATED, "the firmware log of %zu bytes was probably cut off: it ends %s", logs->firmware.len,
                  log->state == EVENTLOG_TRUNCATED ? "inside an event" : "where the firmware's area for it does");
}

bool log_check(const struct evidence_logs *logs, const struct pcr_set *quoted, struct notes *notes, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    switch (logs->firmware_state) {
    case LOG_STATE_PRESENT:
        break;
    case LOG_STATE_EMPTY:
        notes_add(notes, FAILURE_LOG_EMPTY, "%s", logs->note);
        return true;
    default:
        notes_add(notes, FAILURE_LOG_MISSING, "%s", logs->note);
        return true;
    }
    if (!eventlog_parse(&a, logs->firmware, &log, &err))
        return failure_from(why, FAILURE_LOG_TOO_LARGE, &err);
    judge(logs, &log, &quoted->banks[0], notes);
    return true;
}
