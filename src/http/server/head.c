#include "http/server/head.h"
#include <stdint.h>
#include <string.h>

/* No less than the library's buffer of a connection: whatever lies further away is not of the same head. */
enum { BUFFER_BYTES = 64 * 1024 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Whether `from` to `to`, both in the buffer, holds the end of a line and nothing else: two bytes of NUL, in the place of CR LF, and blanks that a
 * version of the library may have cut off the value. */
static bool is_line_end(const char *from, const char *to)
{
    uintptr_t gap = (uintptr_t)to - (uintptr_t)from; /* a pointer to somewhere else gives a number that is too large */
    unsigned ends = 0;

    if (gap > BUFFER_BYTES)
        return false;
    for (; from < to; from++) {
        if (!*from || *from == '\r' || *from == '\n')
            ends++;
        else if (!is_blank(*from))
            return false;
    }
    return ends == 2;
}

void head_begin(struct head_reading *head, const char *version) { *head = (struct head_reading){ version + strlen(version), false }; }

void head_next(struct head_reading *head, const char *name, const char *value)
{
    const char *behind = name + strlen(name) + 1; /* the colon's place */

    if (head->odd)
        return;
    head->odd = !is_line_end(head->end, name);
    if (head->odd)
        return;
    while (is_blank(*behind))
        behind++;
    head->odd = value ? value != behind : *behind != '\0'; /* a folded header was put together elsewhere */
    head->end = behind + strlen(behind);
}

bool head_is_as_sent(const struct head_reading *head)
{
    const char *at = head->end;

    if (head->odd)
        return false;
    while (is_blank(*at))
        at++;
    for (unsigned i = 0; i < 4; i++, at++)
        if (*at && *at != '\r' && *at != '\n')
            return false;
    return true;
}
