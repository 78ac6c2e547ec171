/* A log, maybe joined from two: parsed, replayed, marked, described. Input: u16le length of the first log, then both. */
#include "fuzz.h"
#include "eventlog/describe/describe.h"
#include "eventlog/replay/replay.h"

enum { K_FIXED = 64 * 1024, K_INPUT = 8 }; /* memory of parser and marks: at most K_FIXED + K_INPUT × input */

static void check_events(const struct eventlog *log, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        struct bytes digest;
        uint16_t tpm_id;
        ENSURE(event->number == i && event->part < log->n_parts);
        ENSURE(lies_within(event->data, data, size) && lies_within(event->digests, data, size));
        ENSURE(event->pcr < LIMIT_PCRS || event->type == EVENT_TYPE(EV_NO_ACTION));
        ENSURE(i == 0 || event->part != log->events[i - 1].part || event->offset > log->events[i - 1].offset);
        for (size_t j = 0; j < event->n_digests; j++)
            ENSURE(event_digest_at(log, event, j, &tpm_id, &digest) && lies_within(digest, data, size));
        ENSURE(!event_digest_at(log, event, event->n_digests, &tpm_id, &digest));
    }
}

static void check_states(const struct eventlog *log)
{
    for (size_t i = 0; i < log->n_parts; i++) {
        bool sound = log->parts[i].state == EVENTLOG_COMPLETE;
        ENSURE(sound || (log->parts[i].err.code != ERR_NONE && log->parts[i].err.text[0])); /* a refusal says why */
    }
}

static void check_replay(struct arena *a, const struct eventlog *log)
{
    struct findings findings = { .arena = a };
    struct pcr_set *quoted = ARENA_NEW(a, struct pcr_set);
    const struct replayed_log *replayed;
    struct err err = ERR_INIT;

    ENSURE(quoted);
    replay_compute(log, quoted);
    for (size_t i = 0; i < quoted->n_banks; i++)
        quoted->banks[i].present |= 0xff;
    if (quoted->n_banks == 0)
        return;
    ENSURE(replay_verify(a, log, quoted, NULL, &findings, &replayed, &err));
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event_mark *mark = replayed_mark(replayed, i);
        ENSURE(mark->proof != PROOF_PROVED || mark->rule != PROOF_RULE_NONE);
        ENSURE(mark->proof == PROOF_PROVED || replayed_proved(replayed, i).len == 0);
        ENSURE(mark->proof != PROOF_PROVED || replayed_register(replayed, log->events[i].pcr) == REGISTER_EXPLAINED);
    }
    for (size_t i = 0; i < findings.n; i++)
        ENSURE(findings.items[i].text && findings.items[i].text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct err err = ERR_INIT;
    struct eventlog log;
    struct event_mark *marks;
    size_t first;

    arena_reset(&a);
    if (size < 2 || size > LIMIT_LOG_BYTES)
        return 0;
    first = data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    if (first > size)
        first = size;
    if (!eventlog_parse(&a, (struct bytes){ data, first }, &log, &err))
        return 0;
    if (first < size && !eventlog_append(&a, &log, (struct bytes){ data + first, size - first }, &err))
        return 0;
    check_events(&log, data, size);
    check_states(&log);
    ENSURE(replay_marks(&a, &log, &marks, &err));
    ENSURE(a.used <= K_FIXED + K_INPUT * size);
    check_replay(&a, &log);
    for (size_t i = 0; i < log.n_events && i < 64; i++) {
        ENSURE(event_describe(&a, &log, &log.events[i], &marks[i]));
        ENSURE(event_title(&a, &log, &log.events[i]));
    }
    return 0;
}
