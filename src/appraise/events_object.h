/* appraise/events_object.h: building JSON objects member by member, and Windows' records as one (attestation-service.md 9.4). For
 * claims_events.c. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "json/value.h"

/* Zeroed storage with `a` set is an empty object. Once memory runs out `bad` stays. */
struct object_builder {
    struct arena *a;
    struct json_member *items;
    size_t n, capacity;
    bool bad;
};

/* A value of NULL turns the builder bad. Names are borrowed. */
void object_put(struct object_builder *o, struct bytes name, const struct json *value);
/* NULL: no memory. */
MUST_CHECK const struct json *object_done(struct object_builder *o);

/* Bytes as a base64url string; text in UTF-16LE as a string. NULL: no memory. */
MUST_CHECK const struct json *base64url_value(struct arena *a, struct bytes b);
MUST_CHECK const struct json *utf16_value(struct arena *a, struct bytes utf16);

/* sipa_object puts one member for each kind of record into `o`: what is there several times, or is a list by its nature, becomes an
 * array. A payload that does not fit its form is given as {"RawData": b64u}. Puts nothing, and is false, when the records are not well
 * formed. */
MUST_CHECK bool sipa_object(struct object_builder *o, struct bytes records);
