/* agent/files/file_part.h: a stretch of a file that is too long to be read whole. Pseudo files, which do not say how long they are, included. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* At most `most` bytes from byte `from` on, malloc'ed (file_free); none where the file ends before. *ret_more: the file goes on behind them.
 * ERR_NOT_FOUND when absent. */
MUST_CHECK bool file_part_read(const char *path, uint64_t from, size_t most, struct bytes *ret, bool *ret_more, struct err *err);
