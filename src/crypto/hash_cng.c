#include "crypto/hash.h"
#include <stdlib.h>
#include "crypto/cng.h"

enum { ALGORITHMS = DIGEST_SHA3_512 + 1 };

static BCRYPT_ALG_HANDLE providers[ALGORITHMS];
static INIT_ONCE open_once = INIT_ONCE_STATIC_INIT;
static DWORD contexts_slot; /* its callback frees a thread's contexts when the thread ends */

struct contexts {
    BCRYPT_HASH_HANDLE of[ALGORITHMS]; /* reusable: finishing one starts it over */
};

static void CALLBACK free_contexts(void *p)
{
    struct contexts *c = p;

    for (size_t i = 0; c && i < ALGORITHMS; i++)
        if (c->of[i])
            BCryptDestroyHash(c->of[i]);
    free(c);
}

static BOOL CALLBACK open_all(PINIT_ONCE once UNUSED, void *parameter UNUSED, void **context UNUSED)
{
    for (unsigned i = 1; i < ALGORITHMS; i++)
        if (!cng_hash_name(i) || BCryptOpenAlgorithmProvider(&providers[i], cng_hash_name(i), NULL, 0) != 0)
            providers[i] = NULL;
    contexts_slot = FlsAlloc(free_contexts);
    if (contexts_slot == FLS_OUT_OF_INDEXES)
        abort();
    return TRUE;
}

static BCRYPT_ALG_HANDLE provider_of(enum digest_algorithm algorithm)
{
    InitOnceExecuteOnce(&open_once, open_all, NULL, NULL);
    return providers[algorithm];
}

void digest_start_lean(void) {} /* nothing to leave out here */

bool hash_is_known(enum digest_algorithm algorithm) { return algorithm != DIGEST_NONE && provider_of(algorithm); }

struct hash *hash_begin(enum digest_algorithm algorithm)
{
    BCRYPT_ALG_HANDLE provider = provider_of(algorithm);
    struct contexts *contexts = FlsGetValue(contexts_slot);

    if (!contexts) {
        contexts = calloc(1, sizeof *contexts);
        if (!contexts || !FlsSetValue(contexts_slot, contexts))
            abort();
    }
    if (!contexts->of[algorithm] &&
        (!provider || BCryptCreateHash(provider, &contexts->of[algorithm], NULL, 0, NULL, 0, BCRYPT_HASH_REUSABLE_FLAG) != 0))
        abort();
    return (struct hash *)contexts->of[algorithm];
}

void hash_add(struct hash *hash, struct bytes data)
{
    while (data.len) {
        ULONG chunk = data.len > 1 << 30 ? 1 << 30 : (ULONG)data.len;

        if (BCryptHashData((BCRYPT_HASH_HANDLE)hash, (PUCHAR)(uintptr_t)data.data, chunk, 0) != 0)
            abort();
        data = bytes_slice(data, chunk, data.len);
    }
}

void hash_finish(struct hash *hash, enum digest_algorithm algorithm, uint8_t ret[static DIGEST_MAX_LEN])
{
    if (BCryptFinishHash((BCRYPT_HASH_HANDLE)hash, ret, (ULONG)digest_len(algorithm), 0) != 0)
        abort();
}
