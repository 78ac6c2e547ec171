/* keystore/expiry.h: when the end of a certificate is worth a word: 30, 7 and 1 day before, and when it has come (attack-suite.md S13). */
#pragma once
#include <stdint.h>

enum { EXPIRY_SILENT = -1 };

/* The alarm that is due at `now_ms` and was not at `last_ms` (0: nobody has looked before): 30, 7, 1, or 0 for ended; the shortest of
 * several. */
int expiry_alarm(int64_t not_after_ms, int64_t last_ms, int64_t now_ms);
