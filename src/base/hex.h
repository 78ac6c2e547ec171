/* base/hex.h: lower-case hexadecimal. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

int hex_digit(uint8_t c); /* its value, of either case; -1: it is none */
/* hex_encode writes 2·len characters and a NUL; `out` has room for 2·len + 1. */
void hex_encode(struct bytes b, char *out);
MUST_CHECK char *hex_in(struct arena *a, struct bytes b); /* NULL: no memory */
/* hex_decode takes either case, an even number of digits and nothing else. */
MUST_CHECK bool hex_decode(struct arena *a, struct bytes text, struct bytes *ret, struct err *err);
/* hex_decode_into fills exactly `len` bytes. */
MUST_CHECK bool hex_decode_into(struct bytes text, uint8_t *out, size_t len);
