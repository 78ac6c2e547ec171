#include "crypto/digest.h"
#include <pthread.h>
#include <stdlib.h>
#include "crypto/evp.h"

struct algorithm {
    uint16_t tpm_id;
    uint8_t len;
    const char *text;
};

enum { ALGORITHMS = DIGEST_SHA3_512 + 1, BLOCK_MAX = 144 };

static const struct algorithm algorithms[ALGORITHMS] = { [DIGEST_NONE] = { 0x0010, 0, "none" },
#define X(name, tpm_id, len, text) [DIGEST_##name] = { tpm_id, len, text },
                                                         DIGEST_ALGORITHMS(X)
#undef X
};

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

/* A digest that cannot be computed has no safe value to return: any constant could be what somebody wants compared. Algorithms that
 * this libcrypto lacks never get here (digest_from_… do not know them), so what remains is being out of memory. */
static EVP_MD_CTX *begin(enum digest_algorithm algorithm)
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
    return contexts->of[algorithm];
}

static void add(EVP_MD_CTX *ctx, struct bytes b)
{
    if (b.len && EVP_DigestUpdate(ctx, b.data, b.len) != 1)
        abort();
}

static void finish(EVP_MD_CTX *ctx, enum digest_algorithm algorithm, struct digest *ret)
{
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(ctx, value, &len) != 1 || len != algorithms[algorithm].len)
        abort();
    *ret = (struct digest){ .algorithm = algorithm };
    memcpy(ret->value, value, len);
}

size_t digest_len(enum digest_algorithm algorithm) { return algorithms[algorithm].len; }

const char *digest_name(enum digest_algorithm algorithm) { return algorithms[algorithm].text; }

uint16_t digest_tpm_id(enum digest_algorithm algorithm) { return algorithms[algorithm].tpm_id; }

enum digest_algorithm digest_from_tpm_id(uint16_t tpm_id)
{
    for (unsigned i = 1; i < ALGORITHMS; i++)
        if (algorithms[i].tpm_id == tpm_id)
            return evp_md(i) ? (enum digest_algorithm)i : DIGEST_NONE;
    return DIGEST_NONE;
}

enum digest_algorithm digest_from_name(struct bytes name)
{
    for (unsigned i = 1; i < ALGORITHMS; i++)
        if (bytes_equal_string(name, algorithms[i].text))
            return evp_md(i) ? (enum digest_algorithm)i : DIGEST_NONE;
    return DIGEST_NONE;
}

bool digest_is_strong(enum digest_algorithm algorithm) { return algorithm != DIGEST_NONE && algorithm != DIGEST_SHA1; }

struct bytes digest_bytes(const struct digest *d) { return (struct bytes){ d->value, digest_len(d->algorithm) }; }

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->algorithm == b->algorithm && bytes_equal_ct(digest_bytes(a), digest_bytes(b));
}

void digest_compute(enum digest_algorithm algorithm, struct bytes data, struct digest *ret)
{
    digest_compute_parts(algorithm, &data, 1, ret);
}

void digest_compute_parts(enum digest_algorithm algorithm, const struct bytes *parts, size_t n, struct digest *ret)
{
    EVP_MD_CTX *ctx;

    if (algorithm == DIGEST_NONE) {
        *ret = (struct digest){ 0 };
        return;
    }
    ctx = begin(algorithm);
    for (size_t i = 0; i < n; i++)
        add(ctx, parts[i]);
    finish(ctx, algorithm, ret);
}

void digest_extend(struct digest *pcr, struct bytes with)
{
    const struct bytes parts[] = { digest_bytes(pcr), with };

    digest_compute_parts(pcr->algorithm, parts, ARRAY_LEN(parts), pcr);
}

void digest_fill(struct digest *d, enum digest_algorithm algorithm, uint8_t fill)
{
    *d = (struct digest){ .algorithm = algorithm };
    memset(d->value, fill, digest_len(algorithm));
}

/* RFC 2104 */
void hmac_compute(enum digest_algorithm algorithm, struct bytes key, const struct bytes *parts, size_t n, struct digest *ret)
{
    uint8_t pad[BLOCK_MAX] = { 0 };
    struct digest short_key, inner;
    EVP_MD_CTX *ctx;
    size_t block;

    if (algorithm == DIGEST_NONE || !evp_md(algorithm)) {
        *ret = (struct digest){ 0 };
        return;
    }
    block = (size_t)EVP_MD_get_block_size(evp_md(algorithm));
    if (block > sizeof pad)
        abort();
    if (key.len > block) {
        digest_compute(algorithm, key, &short_key);
        key = digest_bytes(&short_key);
    }
    if (key.len)
        memcpy(pad, key.data, key.len);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    ctx = begin(algorithm);
    add(ctx, (struct bytes){ pad, block });
    for (size_t i = 0; i < n; i++)
        add(ctx, parts[i]);
    finish(ctx, algorithm, &inner);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    ctx = begin(algorithm);
    add(ctx, (struct bytes){ pad, block });
    add(ctx, digest_bytes(&inner));
    finish(ctx, algorithm, ret);
    wipe(pad, sizeof pad);
    wipe(&short_key, sizeof short_key);
    wipe(&inner, sizeof inner);
}

void hmac_sha256(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[static 32])
{
    struct digest d;

    hmac_compute(DIGEST_SHA256, key, parts, n, &d);
    memcpy(ret, d.value, 32);
}
