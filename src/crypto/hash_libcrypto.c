/* SHA-1 and SHA-2 are called as libcrypto's plain functions, everything else through its providers. The plain functions are called
 * deprecated since OpenSSL 3, in favour of a choice of providers that hashing for a TPM has no use for; what they spare is the
 * providers' start, which is a third of what `trueboot eventlog show` takes, and a few calls per event, which is as much as hashing a small
 * event. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "crypto/evp.h"
#include "crypto/hash.h"

enum { ALGORITHMS = DIGEST_SHA3_512 + 1 };

/* libcrypto's names; fetched once for the process: an implicit fetch per digest costs more than hashing an event. */
static const char *const fetch_names[ALGORITHMS] = {
    [DIGEST_SHA1] = "SHA1",   [DIGEST_SHA256] = "SHA2-256",   [DIGEST_SHA384] = "SHA2-384",   [DIGEST_SHA512] = "SHA2-512",
    [DIGEST_SM3_256] = "SM3", [DIGEST_SHA3_256] = "SHA3-256", [DIGEST_SHA3_384] = "SHA3-384", [DIGEST_SHA3_512] = "SHA3-512",
};
static EVP_MD *fetched[ALGORITHMS];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;

struct hash {
    enum digest_algorithm algorithm;
    union {
        SHA_CTX sha1;
        SHA256_CTX sha256;
        SHA512_CTX sha512; /* SHA-384 as well */
        EVP_MD_CTX *evp;   /* of any other; NULL until it is first wanted, then the thread's own */
    };
};

/* A context that stays with its algorithm starts again without touching the provider. */
static _Thread_local struct hash running[ALGORITHMS];

static void free_contexts(void *p)
{
    struct hash *of = p;

    for (size_t i = DIGEST_SM3_256; i < ALGORITHMS; i++)
        EVP_MD_CTX_free(of[i].evp);
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

static bool is_plain(enum digest_algorithm algorithm) { return algorithm >= DIGEST_SHA1 && algorithm <= DIGEST_SHA512; }
static_assert(DIGEST_SHA1 == 1 && DIGEST_SHA256 == 2 && DIGEST_SHA384 == 3 && DIGEST_SHA512 == 4 && DIGEST_SM3_256 == 5,
              "the plain ones come first");

bool hash_is_known(enum digest_algorithm algorithm) { return is_plain(algorithm) || (algorithm != DIGEST_NONE && evp_md(algorithm)); }

static bool begin_evp(struct hash *hash)
{
    const EVP_MD *md = evp_md(hash->algorithm);

    if (hash->evp)
        return EVP_DigestInit_ex2(hash->evp, NULL, NULL) == 1;
    /* The key's value is what free_contexts gets when the thread ends. */
    if (!md || pthread_setspecific(contexts_key, running) != 0)
        return false;
    hash->evp = EVP_MD_CTX_new();
    return hash->evp && EVP_DigestInit_ex2(hash->evp, md, NULL) == 1;
}

struct hash *hash_begin(enum digest_algorithm algorithm)
{
    struct hash *hash = &running[algorithm];
    bool done;

    hash->algorithm = algorithm;
    switch (algorithm) {
    case DIGEST_SHA1:
        done = SHA1_Init(&hash->sha1) == 1;
        break;
    case DIGEST_SHA256:
        done = SHA256_Init(&hash->sha256) == 1;
        break;
    case DIGEST_SHA384:
        done = SHA384_Init(&hash->sha512) == 1;
        break;
    case DIGEST_SHA512:
        done = SHA512_Init(&hash->sha512) == 1;
        break;
    default:
        done = begin_evp(hash);
        break;
    }
    if (!done)
        abort();
    return hash;
}

void hash_add(struct hash *hash, struct bytes data)
{
    bool done = true;

    if (data.len == 0)
        return;
    switch (hash->algorithm) {
    case DIGEST_SHA1:
        done = SHA1_Update(&hash->sha1, data.data, data.len) == 1;
        break;
    case DIGEST_SHA256:
        done = SHA256_Update(&hash->sha256, data.data, data.len) == 1;
        break;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
        done = SHA512_Update(&hash->sha512, data.data, data.len) == 1;
        break;
    default:
        done = EVP_DigestUpdate(hash->evp, data.data, data.len) == 1;
        break;
    }
    if (!done)
        abort();
}

static bool finish_evp(EVP_MD_CTX *evp, size_t wanted, uint8_t ret[static DIGEST_MAX_LEN])
{
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(evp, value, &len) != 1 || len != wanted)
        return false;
    memcpy(ret, value, len);
    return true;
}

void hash_finish(struct hash *hash, enum digest_algorithm algorithm, uint8_t ret[static DIGEST_MAX_LEN])
{
    bool done;

    switch (hash->algorithm) {
    case DIGEST_SHA1:
        done = SHA1_Final(ret, &hash->sha1) == 1;
        break;
    case DIGEST_SHA256:
        done = SHA256_Final(ret, &hash->sha256) == 1;
        break;
    case DIGEST_SHA384: /* the context knows how much of its state is the digest */
    case DIGEST_SHA512:
        done = SHA512_Final(ret, &hash->sha512) == 1;
        break;
    default:
        done = finish_evp(hash->evp, digest_len(algorithm), ret);
        break;
    }
    if (!done)
        abort();
}
