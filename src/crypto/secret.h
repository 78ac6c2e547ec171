/* crypto/secret.h: memory for secrets: locked against being swapped, left out of core dumps, wiped when it is given back (guest-agent.md 11.3).
 *
 * One small heap for the process, libcrypto's secure heap, from which libcrypto takes its private keys, too. Where RLIMIT_MEMLOCK is small the heap
 * is smaller, or not locked; where there is none (secret_memory_init was never called, another system, no room) everything works as before, and is
 * still wiped. Large secrets are only wiped: the heap is for keys, passwords and short tokens. */
#pragma once
#include "base/bytes.h"

enum secret_guard {
    SECRET_WIPED /* and nothing more */,
    SECRET_UNDUMPED /* and left out of dumps */,
    SECRET_LOCKED /* and never swapped */
};

/* Once, before the first key is made. */
enum secret_guard secret_memory_init(void);

/* Zeroed; NULL: no memory. secret_free wipes; NULL is fine. */
MUST_CHECK void *secret_alloc(size_t len);
void secret_free(void *secret, size_t len);
/* How large a block of secret_alloc's or malloc's is: for an allocator that has to wipe what it did not count. */
size_t secret_size(const void *block);
/* Texts that end with a NUL; NULL gives NULL. */
char *secret_text(const char *text);
void secret_text_free(char *text);
