/* Evidence files that somebody carries in (`trueboot verify`). */
#include "appraise/evidence.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "fuzz.h"

/* As in fuzz_attest_request.c. */
enum { BYTES_PER_BYTE = 256, FIXED = 512 * 1024 };

static void check_evidence(const struct evidence *e, const uint8_t *data, size_t size)
{
    struct digest whole;

    ENSURE(lies_within(e->raw, data, size) && e->raw.len >= 2);
    digest_compute(DIGEST_SHA256, e->raw, &whole);
    ENSURE(digest_equal(&whole, &e->digest));
    ENSURE(e->n_logs <= LIMIT_LOGS && e->pcrs.n_banks <= LIMIT_PCR_BANKS);
    for (size_t i = 0; i < e->n_logs; i++)
        ENSURE(e->logs[i].content.len <= (e->logs[i].kind == EVIDENCE_LOG_TCG ? LIMIT_LOG_BYTES : LIMIT_IMA_BYTES));
    for (size_t b = 0; b < e->pcrs.n_banks; b++)
        for (size_t c = 0; c < b; c++)
            ENSURE(e->pcrs.banks[b].algorithm != e->pcrs.banks[c].algorithm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    char uuid[UUID_TEXT_LEN];
    struct evidence_file f;
    struct err err = ERR_INIT;

    arena_reset(&a);
    if (evidence_file_read(&a, (struct bytes){ data, size }, &f, &err)) {
        ENSURE(!f.vm[0] || (uuid_canonical(bytes_of_string(f.vm), uuid) && strcmp(uuid, f.vm) == 0));
        ENSURE(f.nonce.len <= LIMIT_NONCE_BYTES && f.ek_cert.len <= LIMIT_CERT_BYTES);
        check_evidence(&f.current, data, size);
        if (f.has_boot)
            check_evidence(&f.boot, data, size);
    } else {
        ENSURE(err.code != ERR_NONE && bytes_starts_with(bytes_of_string(err.text), BYTES_LIT("evidence file")));
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
