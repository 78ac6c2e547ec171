#include "tpm/kdf.h"
#include <assert.h>

static struct bytes with_nul(const char *label) { return (struct bytes){ (const uint8_t *)label, strlen(label) + 1 }; }

void tpm_kdf_a(enum digest_algorithm hash, struct bytes key, const char *label, struct bytes context_u, struct bytes context_v,
               uint8_t *ret, size_t len)
{
    static const uint8_t counter[] = { 0, 0, 0, 1 };
    const uint8_t bits[] = { 0, 0, (uint8_t)(len * 8 >> 8), (uint8_t)(len * 8) };
    const struct bytes parts[] = { BYTES_OF(counter), with_nul(label), context_u, context_v, BYTES_OF(bits) };
    struct digest out;

    assert(len <= digest_len(hash));
    hmac_compute(hash, key, parts, ARRAY_LEN(parts), &out);
    memcpy(ret, out.value, len);
    wipe(&out, sizeof out);
}

void tpm_kdf_e(enum digest_algorithm hash, struct bytes z, const char *label, struct bytes party_u, struct bytes party_v, uint8_t *ret,
               size_t len)
{
    static const uint8_t counter[] = { 0, 0, 0, 1 };
    const struct bytes parts[] = { BYTES_OF(counter), z, with_nul(label), party_u, party_v };
    struct digest out;

    assert(len <= digest_len(hash));
    digest_compute_parts(hash, parts, ARRAY_LEN(parts), &out);
    memcpy(ret, out.value, len);
    wipe(&out, sizeof out);
}
