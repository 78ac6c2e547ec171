/* tests/unit/bootchain/boot_sample.h: one boot of the shared data, read: registers, log, chain, components. */
#pragma once
#include "bootchain/compare/compare.h"
#include "eventlog/replay/replay.h"

/* Which of a folder's registers count as quoted. */
enum sample_banks { SAMPLE_ALL_BANKS, SAMPLE_SHA256, SAMPLE_SHA384 };

struct boot_sample {
    bool has_log;
    struct pcr_set quoted;
    struct eventlog log;
    const struct replayed_log *replayed; /* NULL without a log */
    struct findings findings;            /* of replay and of the chain */
    struct bootchain chain;
    struct boot_record record;
};

/* Reads boot-logs/NAME or event-logs/NAME; false with a note when the folder cannot be read. A boot that lacks
 * the bank has nothing quoted and is not read further. */
bool sample_read(struct arena *a, const char *folder, enum sample_banks banks, const struct boot_reference *reference,
                 struct boot_sample *ret);
/* The same from bytes, with what the log itself replays to as the quote. */
bool sample_from_log(struct arena *a, struct bytes log, const struct boot_reference *reference, struct boot_sample *ret);
/* The same where registers were extended by more than the log says. */
struct unlogged {
    uint32_t pcr;
    struct bytes text;
};
bool sample_from_log_and(struct arena *a, struct bytes log, const struct unlogged *extends, size_t n,
                         const struct boot_reference *reference, struct boot_sample *ret);
