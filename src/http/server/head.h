/* http/server/head.h: whether a request's head reads the same to everybody. Private to src/http.
 *
 * The library takes more than RFC 9112 lets a server take, and says nothing of it: lines that end in CR or LF alone (2.2), a header folded over
 * several lines (5.2), a NUL in a value, which ends the text and hides the rest (RFC 9110 5.5). A proxy before the server may read such a request
 * in another way. What the library read still lies in its buffer, one line behind the other, each ended in place; so the gaps between what it
 * hands out tell. One thing they do not: whether the last header and the empty line behind it ended in LF alone. */
#pragma once
#include <stdbool.h>

struct head_reading {
    const char *end; /* of the text before, in the library's buffer: its NUL */
    bool odd;
};

void head_begin(struct head_reading *head, const char *version); /* of the request line, the last text on it */
/* The next header, in the order of the request; `value` may be NULL. */
void head_next(struct head_reading *head, const char *name, const char *value);
/* Whether the lines were ended by CR LF and held nothing but what was handed out. */
bool head_is_as_sent(const struct head_reading *head);
