/* base/file.h: whole files in and out. Writing is atomic; file_write is durable, too: temporary file, fsync, rename, fsync of the folder. */
#pragma once
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"

/* file_read reads until end of file (pseudo files report size 0) into one malloc'ed block, at most `limit` bytes,
 * else ERR_LIMIT. ERR_NOT_FOUND when absent. A pipe that nobody writes to is empty: it does not make us wait. Free ret->data with file_free. */
MUST_CHECK bool file_read(const char *path, size_t limit, struct bytes *ret, struct err *err);
void file_free(struct bytes *content);
/* A regular file and nothing else, in a folder where others may write: no link is followed, and a pipe does not make us wait; else ERR_UNTRUSTED or
 * ERR_IO. */
MUST_CHECK bool file_read_plain(const char *path, size_t limit, struct bytes *ret, struct err *err);
/* file_read into an arena. */
MUST_CHECK bool file_read_in(struct arena *a, const char *path, size_t limit, struct bytes *ret, struct err *err);
MUST_CHECK bool file_write(const char *path, struct bytes content, mode_t mode, struct err *err);
/* The same without waiting for the disk: for what is of no use after a restart (below /run). */
MUST_CHECK bool file_replace(const char *path, struct bytes content, mode_t mode, struct err *err);
/* file_write for what is written again and again: no file is made or removed for it. What was there before stays, as PATH.before, until the next
 * content is written into it and they change places. */
MUST_CHECK bool file_rewrite(const char *path, struct bytes content, mode_t mode, struct err *err);
/* Other bytes in the place of as many, at once and without waiting for the disk: the kernel brings them there within half a minute, and a machine that
 * stops before has the old ones, each sector whole: more than one are for content whose sectors may come from two writes. UNSUPPORTED where that
 * does not hold: the file has another size, ends within a later sector, or is larger. */
enum { FILE_SECTOR_BYTES = 512, FILE_OVERWRITE_MAX = 8 * FILE_SECTOR_BYTES };
MUST_CHECK bool file_overwrite(const char *path, struct bytes content, struct err *err);
/* The content of any size where the file lies, which is made when it is not there, without waiting for the disk: a process that ends or a machine that
 * stops meanwhile leaves a mixture, which the reader has to tell by itself. For what is of use for a while only. */
MUST_CHECK bool file_put_in_place(const char *path, struct bytes content, mode_t mode, struct err *err);
/* file_make_dirs is mkdir -p; the last folder gets `mode` when it is made. */
MUST_CHECK bool file_make_dirs(const char *path, mode_t mode, struct err *err);
bool file_exists(const char *path);
