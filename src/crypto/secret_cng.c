#include "crypto/secret.h"
#include <malloc.h>
#include <stdlib.h>

/* Not locked with VirtualLock: keys are the system's here and not in this process's memory (docs/windows.md). */
enum secret_guard secret_memory_init(void) { return SECRET_WIPED; }

void *secret_alloc(size_t len) { return calloc(1, len ? len : 1); }

size_t secret_size(const void *block) { return _msize((void *)block); }

void secret_free(void *secret, size_t len)
{
    if (!secret)
        return;
    wipe(secret, len);
    free(secret);
}
