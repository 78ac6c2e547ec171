/* base/ini.h: strict configuration files (architecture.md 8).
 *
 *     # a comment, also with ';', on a line of its own
 *     [section]
 *     key = value
 *
 * UTF-8. A value is what stands between the first '=' and the end of the line, without white space around it; it may be empty. There are no
 * quotes, no continued lines and no comments behind values. Whatever is no such line is an error with the file and the line's number. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct ini_entry {
    struct bytes section, key, value; /* views into the text; section and key are not empty */
    const char *place;                /* "FILE:LINE", for errors */
};

/* ini_read calls `take` for each entry in order; false stops and fails. LIMIT: larger than LIMIT_CONFIG_BYTES. */
MUST_CHECK bool ini_read(struct arena *a, const char *file, struct bytes text,
                         bool (*take)(void *context, const struct ini_entry *entry, struct err *err), void *context, struct err *err);

/* The word of a list that is nearest to what somebody wrote, for "did you mean": see base/distance.h. NULL: none is near. */
const char *nearest_word(struct bytes written, const char *const *words, size_t n);
