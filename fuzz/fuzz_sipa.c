/* Windows' nested records: payloads inside the input, bounded depth, each aggregate left once, nothing visited when malformed. */
#include "fuzz.h"
#include "eventlog/software/sipa.h"

struct seen {
    const uint8_t *data;
    size_t size, n, open;
};

static bool on_enter(void *context, const struct sipa_record *record)
{
    struct seen *seen = context;
    uint64_t integer;
    bool on;

    ENSURE(lies_within(record->payload, seen->data, seen->size) && record->offset + 8 <= seen->size);
    ENSURE(record->depth == seen->open && record->depth <= LIMIT_EVENT_NESTING);
    if (sipa_boolean(record, &on))
        ENSURE(sipa_integer(record, &integer) && on == (integer != 0));
    seen->n++;
    seen->open += (record->id & SIPA_AGGREGATE) != 0;
    return true;
}

static bool on_leave(void *context, const struct sipa_record *record)
{
    struct seen *seen = context;

    ENSURE((record->id & SIPA_AGGREGATE) && seen->open == record->depth + 1);
    seen->open--;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = { data, size, 0, 0 };
    struct sipa_visitor visitor = { on_enter, on_leave, &seen };
    struct err err = ERR_INIT;

    if (sipa_walk((struct bytes){ data, size }, &visitor, &err))
        ENSURE(seen.n > 0 && seen.open == 0 && seen.n * 8 <= size);
    else
        ENSURE(seen.n == 0 && err.code != ERR_NONE && err.text[0]);
    return 0;
}
