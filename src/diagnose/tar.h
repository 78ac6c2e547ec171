/* diagnose/tar.h: an archive that every tar reads (POSIX ustar), written. */
#pragma once
#include "base/err.h"
#include "base/writer.h"

/* One regular file, mode 0600; `name` at most 99 bytes. The writer turns bad when there is no memory. */
void tar_add(struct writer *w, const char *name, struct bytes content, int64_t time_ms);
void tar_end(struct writer *w);
