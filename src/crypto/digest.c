#include "crypto/digest.h"
#include "crypto/hash.h"

struct algorithm {
    uint16_t tpm_id;
    uint8_t len;
    const char *text;
};

enum { ALGORITHMS = DIGEST_SHA3_512 + 1, BLOCK_MAX = 136 };

static const struct algorithm algorithms[ALGORITHMS] = { [DIGEST_NONE] = { 0x0010, 0, "none" },
#define X(name, tpm_id, len, text) [DIGEST_##name] = { tpm_id, len, text },
                                                         DIGEST_ALGORITHMS(X)
#undef X
};

/* Bytes that one round takes (FIPS 180-4, FIPS 202, GB/T 32905): HMAC pads to it. */
static const uint8_t block_lens[ALGORITHMS] = {
    [DIGEST_SHA1] = 64,    [DIGEST_SHA256] = 64,    [DIGEST_SHA384] = 128,   [DIGEST_SHA512] = 128,
    [DIGEST_SM3_256] = 64, [DIGEST_SHA3_256] = 136, [DIGEST_SHA3_384] = 104, [DIGEST_SHA3_512] = 72,
};

size_t digest_len(enum digest_algorithm algorithm) { return algorithms[algorithm].len; }

const char *digest_name(enum digest_algorithm algorithm) { return algorithms[algorithm].text; }

uint16_t digest_tpm_id(enum digest_algorithm algorithm) { return algorithms[algorithm].tpm_id; }

enum digest_algorithm digest_from_tpm_id(uint16_t tpm_id)
{
    for (unsigned i = 1; i < ALGORITHMS; i++)
        if (algorithms[i].tpm_id == tpm_id)
            return hash_is_known(i) ? (enum digest_algorithm)i : DIGEST_NONE;
    return DIGEST_NONE;
}

enum digest_algorithm digest_from_name(struct bytes name)
{
    for (unsigned i = 1; i < ALGORITHMS; i++)
        if (bytes_equal_string(name, algorithms[i].text))
            return hash_is_known(i) ? (enum digest_algorithm)i : DIGEST_NONE;
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
    struct digest made = { .algorithm = algorithm }; /* a part may be what `ret` holds now */
    struct hash *hash;

    if (algorithm != DIGEST_NONE) {
        hash = hash_begin(algorithm);
        for (size_t i = 0; i < n; i++)
            hash_add(hash, parts[i]);
        hash_finish(hash, algorithm, made.value);
    }
    *ret = made;
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
    struct digest short_key, inner = { .algorithm = algorithm }, outer = { .algorithm = algorithm };
    size_t block = block_lens[algorithm];
    uint8_t pad[BLOCK_MAX] = { 0 };
    struct hash *hash;

    if (!hash_is_known(algorithm)) {
        *ret = (struct digest){ 0 };
        return;
    }
    if (key.len > block) {
        digest_compute(algorithm, key, &short_key);
        key = digest_bytes(&short_key);
    }
    if (key.len)
        memcpy(pad, key.data, key.len);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    hash = hash_begin(algorithm);
    hash_add(hash, (struct bytes){ pad, block });
    for (size_t i = 0; i < n; i++)
        hash_add(hash, parts[i]);
    hash_finish(hash, algorithm, inner.value);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash = hash_begin(algorithm);
    hash_add(hash, (struct bytes){ pad, block });
    hash_add(hash, digest_bytes(&inner));
    hash_finish(hash, algorithm, outer.value);
    *ret = outer;
    wipe(pad, sizeof pad);
    wipe(&short_key, sizeof short_key);
    wipe(&inner, sizeof inner);
    wipe(&outer, sizeof outer);
}

void hmac_sha256(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[static 32])
{
    struct digest d;

    hmac_compute(DIGEST_SHA256, key, parts, n, &d);
    memcpy(ret, d.value, 32);
}
