/* A platform claim of version 1 of the TPM attestation protocol, as the guest sends it. */
#include "base/limits.h"
#include "fuzz.h"
#include "tpm/platform_claim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct platform_claim claim;
    struct err err = ERR_INIT;

    if (!platform_claim_read((struct bytes){ data, size }, &claim, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]); /* a refusal always says why */
        return 0;
    }
    ENSURE(lies_within(claim.quote, data, size) && lies_within(claim.signature, data, size) && lies_within(claim.log, data, size));
    ENSURE(claim.quote.len && claim.signature.len && claim.bank.algorithm != DIGEST_NONE);
    /* Everything is used: header, values, quote, signature, log, and nothing behind. */
    ENSURE(28 + 24 * digest_len(claim.bank.algorithm) + claim.quote.len + claim.signature.len + claim.log.len <= size);
    return 0;
}
