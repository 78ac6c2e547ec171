/* Any bytes as a log, quoted as it replays: the claim is JSON that reads back the same, and says nothing that is not proved. */
#include "appraise/claims_events.h"
#include "eventlog/replay/replay.h"
#include "fuzz.h"
#include "json/parse.h"

/* The log's own parts, the claim as values and as text, and both once more as they were read back. */
enum { BYTES_PER_BYTE = 1024, FIXED = 512 * 1024 };

static void event_is_proved(const struct json *item, const struct replayed_log *replayed)
{
    const struct json *data = json_get(item, "ProcessedData");
    int64_t number, pcr;

    ENSURE(json_as_integer(json_get(item, "EventSeq"), &number) && number >= 0 && (size_t)number < replayed_events(replayed)->n_events);
    ENSURE(json_as_integer(json_get(item, "PcrIndex"), &pcr) && pcr >= 0 && pcr < LIMIT_PCRS);
    ENSURE(data && data->type == JSON_OBJECT);
    ENSURE(data->object.n == 0 || replayed_mark(replayed, (size_t)number)->proof == PROOF_PROVED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct findings findings = { .arena = &a };
    const struct replayed_log *replayed;
    const struct json *parsed, *list;
    struct events_claim claim;
    struct eventlog log;
    struct pcr_set quoted;
    struct err err = ERR_INIT;

    arena_reset(&a);
    if (!eventlog_parse(&a, (struct bytes){ data, size }, &log, &err))
        return 0;
    replay_compute(&log, &quoted);
    if (!replay_verify(&a, &log, &quoted, NULL, &findings, &replayed, &err))
        return 0;
    ENSURE(claims_events(&a, replayed, NULL, &claim, &err));
    ENSURE(json_parse(&a, claim.text, NULL, &parsed, &err) && json_equal(parsed, claim.json));
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    list = json_get(parsed, "Events");
    ENSURE(list && list->type == JSON_ARRAY);
    for (size_t i = 0; i < list->array.n; i++)
        event_is_proved(list->array.items[i], replayed);
    return 0;
}
