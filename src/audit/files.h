/* audit/files.h: the files of an audit log's folder, in order. Private to src/audit and its tests. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

#define AUDIT_HEAD_FILE "head"
enum { AUDIT_FILES_MAX = 100000, AUDIT_LINE_MAX = 64 * 1024 };

/* "FOLDER/audit-FIRSTSEQ.jsonl" */
MUST_CHECK const char *audit_file_name(struct arena *a, const char *folder, int64_t first_seq);
/* The paths of all of them, oldest first; an absent folder is NOT_FOUND. */
MUST_CHECK bool audit_files(struct arena *a, const char *folder, const char *const **ret, size_t *ret_n, struct err *err);
