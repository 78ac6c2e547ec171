/* appraise/claims_events.h: the measured events as JSON for policies: the claims `events` and `bootEvents` (attestation-service.md
 * 9.3, 9.4).
 *
 *     {"Events":[{"EventSeq":0,"PcrIndex":7,"EventType":2147483649,"EventTypeString":"EV_EFI_VARIABLE_DRIVER_CONFIG",
 *                 "Digests":{"SHA256":b64u},"ProcessedData":{…}}]}
 *
 * EventSeq is the event's number in the joined log; IMA entries go on from there. ProcessedData says only what a digest in a quoted bank
 * proves; it is {} for anything else. EventType stays the log's word: no digest covers it. Digests are those of quoted banks. */
#pragma once
#include "appraise/appraise.h"

struct replayed_log;
struct verified_ima;

struct events_claim {
    const struct json *json;
    struct bytes text; /* the same, as characters */
};

/* Either source may be NULL. */
MUST_CHECK bool claims_events(struct arena *a, const struct replayed_log *log, const struct verified_ima *ima, struct events_claim *ret,
                              struct err *err);
