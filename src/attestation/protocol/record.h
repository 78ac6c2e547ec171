/* attestation/protocol/record.h: the signed record of an appraisal, stored for refused evidence too (architecture.md decision 4).
 *
 * A record is a compact JWS, typ "trueboot-appraisal+jws", by a key of its own; its payload is the object of
 * appraise/appraisal.h with "iss". Only evidence that is authenticated gets one: fresh, signed by the attestation key of a VM
 * that we know. Anybody else could make a VM look bad. */
#pragma once
#include "appraise/appraise.h"
#include "attestation/service/service.h"

/* Whether the evidence is authenticated: the quote was signed by the key, and answers the challenge, whatever else is wrong. */
bool record_is_due(const struct appraisal *appraisal);

/* record_make writes and signs; *ret lives in `a`. */
MUST_CHECK bool record_make(const struct attestation_service *service, struct arena *a, const struct appraisal *appraisal,
                            struct bytes *ret, struct err *err);
/* record_store makes and stores; `evidence_text` is the evidence file to keep (BYTES_NONE: none), `jti` of the token or NULL. `ak_name` is the key that
 * the VM was known by when its evidence was read: CONFLICT when it is not the VM's any more, or the VM is gone (attack-suite.md S7). */
MUST_CHECK bool record_store(const struct attestation_service *service, struct arena *a, const struct appraisal *appraisal,
                             const char *ak_name, struct bytes evidence_text, const char *jti, struct err *err);
