#include "crypto/secret.h"
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    HEAP_BYTES = 128 * 1024,
    HEAP_BYTES_LEAST = 32 * 1024, /* an RSA key and what a handshake makes */
    PIECE_BYTES = 64,
    LARGE_BYTES = 8 * 1024,
};

/* What the process may lock, as a power of two; HEAP_BYTES when even the least is too much: then it is not locked, but still left out of dumps. */
static size_t heap_size(void)
{
    struct rlimit limit;
    size_t size = HEAP_BYTES;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return size;
    while (size > limit.rlim_cur && size > HEAP_BYTES_LEAST)
        size /= 2;
    return size > limit.rlim_cur ? HEAP_BYTES : size;
}

enum secret_guard secret_memory_init(void)
{
    int made = CRYPTO_secure_malloc_initialized() ? 2 : CRYPTO_secure_malloc_init(heap_size(), PIECE_BYTES);

    return made == 1 ? SECRET_LOCKED : made == 2 ? SECRET_UNDUMPED : SECRET_WIPED;
}

void *secret_alloc(size_t len)
{
    void *p = len <= LARGE_BYTES && CRYPTO_secure_malloc_initialized() ? OPENSSL_secure_zalloc(len ? len : 1) : NULL;

    return p ? p : calloc(1, len ? len : 1);
}

size_t secret_size(const void *block)
{
    return CRYPTO_secure_allocated(block) ? CRYPTO_secure_actual_size((void *)block) : malloc_usable_size((void *)block);
}

void secret_free(void *secret, size_t len)
{
    if (!secret)
        return;
    if (CRYPTO_secure_allocated(secret)) {
        OPENSSL_secure_clear_free(secret, len ? len : 1);
        return;
    }
    wipe(secret, len);
    free(secret);
}
