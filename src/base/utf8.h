/* base/utf8.h: text in, text out: UTF-8 checked, UTF-16 converted, control characters made visible. */
#pragma once
#include "base/arena.h"
#include "base/writer.h"

bool utf8_is_valid(struct bytes text); /* RFC 3629: no surrogates, no overlong forms, at most U+10FFFF */

/* Without the byte order mark that some editors, and VM agents, put in front. */
struct bytes utf8_without_mark(struct bytes text);

/* utf8_next decodes one character and moves; false at the end or at a byte that begins none. */
MUST_CHECK bool utf8_next(struct bytes *text, uint32_t *ret_codepoint);
/* Characters that could rewrite what a person sees around them: controls, directions, what has no width. */
bool utf8_is_unsafe(uint32_t codepoint);
void utf8_write(struct writer *w, uint32_t codepoint);
size_t utf8_encode(uint32_t codepoint, char out[static 4]);

/* utf8_from_utf16le stops at the first NUL unit or at the end; an unpaired surrogate or an odd last byte becomes
 * U+FFFD and *ret_clean false. NULL: no memory. */
MUST_CHECK char *utf8_from_utf16le(struct arena *a, struct bytes utf16, bool *ret_clean);

/* text_for_people makes any bytes safe to show on a terminal, in HTML text or a log line: valid UTF-8 stays, control
 * characters (C0, DEL, C1, bidirectional overrides) and invalid bytes become \xNN or \u{NNNN}. NULL: no memory. */
MUST_CHECK char *text_for_people(struct arena *a, struct bytes text);
