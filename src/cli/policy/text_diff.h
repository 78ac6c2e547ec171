/* cli/policy/text_diff.h: how two texts differ, line by line, in the unified form that patch and people read. */
#pragma once
#include "base/arena.h"
#include "base/writer.h"

/* Writes nothing for equal texts. Long texts that differ throughout are shown as one replacement instead of being
 * compared line with line. *ret_equal: they are the same, byte by byte. False: no memory. */
MUST_CHECK bool text_diff_unified(struct arena *a, struct bytes before, struct bytes after, const char *name_before, const char *name_after,
                                  struct writer *to, bool *ret_equal);
