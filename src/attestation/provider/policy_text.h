/* attestation/provider/policy_text.h: {"AttestationPolicy": …}: the payload that carries a policy's text (attestation-service.md 4.1). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* `raw`: the text stands there as it is (api-version 2018-09-01-preview), else base64url of it. MALFORMED names what is wrong in the words that
 * people search for (2.5). */
MUST_CHECK bool policy_text_read(struct arena *a, struct bytes payload, bool raw, struct bytes *ret, struct err *err);
/* {"AttestationPolicy": "…"} as an unsecured JWS, spelt as the original spells its defaults (4.3). */
MUST_CHECK bool policy_text_unsecured(struct arena *a, struct bytes text, struct bytes *ret_jws, struct err *err);

/* ERR_MALFORMED "Unknown base64 character: 41 (')')" for the first character that is in no base64 alphabet. */
MUST_CHECK bool base64_characters_only(struct bytes text, struct err *err);
