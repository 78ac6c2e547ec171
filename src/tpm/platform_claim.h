/* tpm/platform_claim.h: the platform claims of Windows' key storage provider, as version 1 of the TPM attestation protocol carries them
 * (attestation-service.md 6.4.3). The layout is the best inference there is; it stands in this decoder alone.
 *
 *   all little-endian:  u32 magic ("PADS"; the second form "PAD2", or the number 2)  u32 platform (1: TPM 1.2, 2: TPM 2.0)
 *                       u32 header size  u32 cbPcrValues  u32 cbQuote  u32 cbSignature  u32 cbLog  [second form: u32 TPM_ALG_ID of the bank]
 *                       then what the header size says beyond that (skipped), 24 register values, the quote (TPMS_ATTEST), its signature, a log.
 *
 * Claimed, not believed: the views point into the input. */
#pragma once
#include "base/err.h"
#include "crypto/pcr.h"

struct platform_claim {
    struct pcr_bank bank; /* registers 0 to 23 */
    struct bytes quote;
    struct bytes signature; /* TPMT_SIGNATURE, or raw: as long as the key's modulus */
    struct bytes log;       /* a copy of one that travels beside the claim as well; may be empty */
};

/* ERR_TRUNCATED, ERR_MALFORMED, ERR_UNSUPPORTED (TPM 1.2, a bank that is not known), ERR_LIMIT; the sentence names the field. */
MUST_CHECK bool platform_claim_read(struct bytes blob, struct platform_claim *ret, struct err *err);
