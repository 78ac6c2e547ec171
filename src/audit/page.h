/* audit/page.h: reading an audit log piece by piece, while it is being written. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"

struct audit_page {
    size_t n;         /* records */
    int64_t last_seq; /* of the last one; with none: `after` */
    bool more;        /* there are further ones */
};

/* audit_page writes the records behind number `after`, at most `limit` and about `max_bytes`, as the lines of the log are, byte for byte, with `between` between
 * two of them. What has been removed (audit.keep_days) is skipped. NOT_FOUND: there is no log. */
MUST_CHECK bool audit_page(struct arena *a, const char *folder, int64_t after, size_t limit, size_t max_bytes, const char *between,
                           struct writer *w, struct audit_page *ret, struct err *err);
