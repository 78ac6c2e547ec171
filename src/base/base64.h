/* base/base64.h: RFC 4648, both alphabets. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"

enum base64_alphabet { BASE64_STANDARD /* padded */, BASE64_URL /* not padded */ };

/* Encoded text; NULL: no memory. */
MUST_CHECK char *base64_in(struct arena *a, enum base64_alphabet alphabet, struct bytes b);
void base64_write(struct writer *w, enum base64_alphabet alphabet, struct bytes b);
size_t base64_encoded_len(enum base64_alphabet alphabet, size_t len);

/* base64_decode is tolerant in one way only: padding may be there or not. Unused bits must be zero, so that every
 * value has one spelling per padding; the wrong alphabet, white space and anything else is ERR_MALFORMED. */
MUST_CHECK bool base64_decode(struct arena *a, enum base64_alphabet alphabet, struct bytes text, struct bytes *ret, struct err *err);

/* base64_decode_any also accepts + and / for - and _ (attestation-service.md 2.3). */
MUST_CHECK bool base64_decode_any(struct arena *a, struct bytes text, struct bytes *ret, struct err *err);
/* base64_decode_most is base64_decode_any for at most `most` bytes, more being ERR_LIMIT before any work; errors begin with `what`. */
MUST_CHECK bool base64_decode_most(struct arena *a, struct bytes text, const char *what, size_t most, struct bytes *ret, struct err *err);
