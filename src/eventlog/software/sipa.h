/* eventlog/software/sipa.h: Windows' boot facts: nested type-length-value records inside EV_EVENT_TAG, EV_COMPACT_HASH and the trailing
 * EV_NO_ACTION records (attestation-service.md 9.4; names of the Windows SDK's wbcl.h).
 *
 * Facts only if the event that holds them is proved. Depth is bounded by LIMIT_EVENT_NESTING; there is no recursion. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

/* How a payload reads (attestation-service.md 9.4). */
enum sipa_form {
    SIPA_BOOLEAN,   /* B: one byte, not 0 */
    SIPA_INTEGER,   /* I: 4 or 8 bytes LE; other lengths up to 8 are taken as well */
    SIPA_TEXT,      /* S: UTF-16LE, NUL stripped */
    SIPA_VALUE,     /* V: {"Value":int}, plus "String" for enumerations */
    SIPA_RAW,       /* R: {"RawData":b64u} */
    SIPA_BYTES,     /* X: b64u */
    SIPA_OBJECT,    /* O: aggregate, one object */
    SIPA_ARRAY,     /* A: aggregate, always an array of objects */
    SIPA_RAW_ARRAY, /* A of R */
};

#define SIPA_AGGREGATE 0x40000000u /* bit of the type: the payload is again a list of records */

struct sipa_type {
    uint32_t id;
    const char *key; /* "EVENT_TRUSTBOUNDARY" */
    enum sipa_form form;
    const char *text; /* in plain words; NULL where the key says it all */
};

/* NULL for an unknown id: key "EVENT_0x<8 hex>", form SIPA_BYTES (or SIPA_ARRAY for an aggregate). */
const struct sipa_type *sipa_type_find(uint32_t id);

struct sipa_record {
    uint32_t id;
    const struct sipa_type *type; /* may be NULL */
    unsigned depth;               /* 0 at the top */
    struct bytes payload;
    size_t offset;   /* of the record in the data */
    uint32_t parent; /* id of the aggregate around it; 0 at the top */
};

/* Called in document order: enter for every record, aggregates before their content; leave after an aggregate's content. Return false
 * to stop. leave may be NULL. */
struct sipa_visitor {
    bool (*enter)(void *context, const struct sipa_record *record);
    bool (*leave)(void *context, const struct sipa_record *record);
    void *context;
};

/* True when the whole of `data` is well-formed records (empty data is not). Visits nothing unless everything is well formed:
 * a malformed record yields no fact at all. ERR_LIMIT for nesting. A visitor that stops is no error. */
MUST_CHECK bool sipa_walk(struct bytes data, const struct sipa_visitor *visitor /* NULL: check only */, struct err *err);
bool sipa_is_wellformed(struct bytes data);
/* Well formed, and at least one of the records is one that Windows makes: other systems measure tagged events, too. */
bool sipa_is_windows(struct bytes data);

/* Payloads by form. False when the length does not fit the form. */
MUST_CHECK bool sipa_boolean(const struct sipa_record *record, bool *ret);
MUST_CHECK bool sipa_integer(const struct sipa_record *record, uint64_t *ret);
/* The name of an enumeration's value, for SIPA_VALUE; NULL when it has none. */
const char *sipa_value_name(uint32_t id, uint64_t value);
