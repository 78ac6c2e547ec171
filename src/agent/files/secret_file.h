/* agent/files/secret_file.h: a word that only we may know, in a file that only we may read. */
#pragma once
#include "agent/failure/failure.h"
#include "base/arena.h"

/* The file's one line, without blanks around it; at most `max` bytes. `key` is the setting that names the file: errors name it, and not where the file
 * lies, for they end up in reports. Errors, all BAD_SETTINGS: others may read it, it cannot be read, it is empty or more than one printable word. */
MUST_CHECK bool secret_file_read(const char *key, const char *path, size_t max, struct arena *a, struct bytes *ret, struct failure *why);
/* Whether others may read or write the file, or its group may write it: a group that may read it was given that. False for what is not there. */
bool secret_file_is_open(const char *path);
/* Whether anybody but the owner may do anything with it; stricter than the former. Windows: false for both, access lists say it there. */
bool secret_file_is_shared(const char *path);
/* How it is closed to them: "chmod 0600". */
extern const char secret_file_remedy[];
/* `id`, naming `key` and never the path: there is no such file, or it is shared. */
MUST_CHECK bool secret_file_check(const char *key, const char *path, enum failure_id id, struct failure *why);
