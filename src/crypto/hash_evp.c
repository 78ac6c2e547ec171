#include "crypto/hash.h"
#include <pthread.h>
#include <stdlib.h>
#include "crypto/evp.h"

enum { ALGORITHMS = DIGEST_SHA3_512 + 1 };

/* libcrypto's names; fetched once for the process: an implicit fetch per digest costs more than hashing an event. */
static const char *const fetch_names[ALGORITHMS] = {
    [DIGEST_SHA1] = "SHA1",   [DIGEST_SHA256] = "SHA2-256",   [DIGEST_SHA384] = "SHA2-384",   [DIGEST_SHA512] = "SHA2-512",
    [DIGEST_SM3_256] = "SM3", [DIGEST_SHA3_256] = "SHA3-256", [DIGEST_SHA3_384] = "SHA3-384", [DIGEST_SHA3_512] = "SHA3-512",
};
static EVP_MD *fetched[ALGORITHMS];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;

/* One context per algorithm and thread: a context that stays with its algorithm starts again without touching the provider. */
struct contexts {
    EVP_MD_CTX *of[ALGORITHMS];
};
static _Thread_local struct contexts *contexts;

static void free_contexts(void *p)
{
    struct contexts *c = p;

    for (size_t i = 0; i < ALGORITHMS; i++)
        EVP_MD_CTX_free(c->of[i]);
    free(c);
}

static void fetch_all(void)
{
    for (size_t i = 1; i < ALGORITHMS; i++)
        fetched[i] = EVP_MD_fetch(NULL, fetch_names[i], NULL);
    if (pthread_key_create(&contexts_key, free_contexts) != 0)
        abort();
}

void digest_start_lean(void)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        abort();
}

const EVP_MD *evp_md(enum digest_algorithm algorithm)
{
    pthread_once(&fetch_once, fetch_all);
    return fetched[algorithm];
}

bool hash_is_known(enum digest_algorithm algorithm) { return algorithm != DIGEST_NONE && evp_md(algorithm); }

/* struct hash is libcrypto's context under another name. */
static EVP_MD_CTX *context_of(struct hash *hash) { return (EVP_MD_CTX *)(void *)hash; }

struct hash *hash_begin(enum digest_algorithm algorithm)
{
    const EVP_MD *md = evp_md(algorithm);

    if (!contexts) {
        contexts = calloc(1, sizeof *contexts);
        if (!contexts || pthread_setspecific(contexts_key, contexts) != 0)
            abort();
    }
    if (!contexts->of[algorithm]) {
        contexts->of[algorithm] = EVP_MD_CTX_new();
        if (!md || !contexts->of[algorithm] || EVP_DigestInit_ex2(contexts->of[algorithm], md, NULL) != 1)
            abort();
    } else if (EVP_DigestInit_ex2(contexts->of[algorithm], NULL, NULL) != 1) {
        abort();
    }
    return (struct hash *)(void *)contexts->of[algorithm];
}

void hash_add(struct hash *hash, struct bytes data)
{
    if (data.len && EVP_DigestUpdate(context_of(hash), data.data, data.len) != 1)
        abort();
}

void hash_finish(struct hash *hash, enum digest_algorithm algorithm, uint8_t ret[static DIGEST_MAX_LEN])
{
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(context_of(hash), value, &len) != 1 || len != digest_len(algorithm))
        abort();
    memcpy(ret, value, len);
}
