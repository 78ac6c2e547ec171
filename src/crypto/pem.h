/* crypto/pem.h: RFC 7468 text around DER. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"

/* pem_next finds the next block with this label in *text, and moves *text behind it. Text outside blocks, and blocks of other labels,
 * are skipped. ERR_NOT_FOUND when there is none; ERR_MALFORMED for a block that does not end or is not base64. */
MUST_CHECK bool pem_next(struct arena *a, struct bytes *text, const char *label, struct bytes *ret_der, struct err *err);
/* Lines of 64 characters, each ended by a line feed. */
void pem_write(struct writer *w, const char *label, struct bytes der);
