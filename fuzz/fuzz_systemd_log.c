/* systemd's JSON sequence: what it reads becomes events that the log parser takes back. */
#include "fuzz.h"
#include "base/writer.h"
#include "eventlog/software/systemd_log.h"

/* A record of two dozen characters becomes JSON nodes and a struct with room for its digests. */
enum { BYTES_PER_BYTE = 256, FIXED = 16 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct systemd_log log;
    struct eventlog events;
    size_t n = 0;

    arena_reset(&a);
    if (size > LIMIT_LOG_BYTES / 8)
        return 0;
    if (!systemd_log_parse(&a, (struct bytes){ data, size }, &log, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        return 0;
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    for (size_t i = 0; i < log.n; i++) {
        ENSURE(lies_within(log.records[i].json, data, size) && log.records[i].json.len > 0);
        ENSURE(log.records[i].n_digests <= LIMIT_LOG_BANKS);
        n += log.records[i].pcr < LIMIT_PCRS;
    }
    if (!systemd_log_as_events(&log, &w, &err))
        return 0;
    ENSURE(eventlog_parse(&a, writer_bytes(&w), &events, &err));
    ENSURE(events.n_events == n + 1 && events.state == (n ? EVENTLOG_COMPLETE : EVENTLOG_MISSING));
    return 0;
}
