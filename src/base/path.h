/* base/path.h: paths that others hand us. Ours have slashes on every system; Windows takes them. */
#pragma once
#include "base/arena.h"

/* Linux: it begins with a slash. Windows: with a drive, "C:\" or "C:/". */
bool path_is_absolute(const char *path);
/* A copy with slashes where the system has other separators; NULL: no memory. */
char *path_copy(struct arena *a, struct bytes path);
/* Where this program's file lies; NULL: it cannot be told. */
const char *path_of_program(struct arena *a);
