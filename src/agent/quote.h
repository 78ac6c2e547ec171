/* agent/quote.h: what only the attestation key can do: quote registers, sign our own short requests.
 *
 * guest-agent.md 2.6, 2.7 and "Using the AK to sign requests" in 2.4. */
#pragma once
#include "agent/ak.h"
#include "crypto/pcr.h"
#include "tpm/attest.h"

enum { QUOTE_ALL_PCRS = 0xffffff, QUOTE_ATTEMPTS = 5 };

struct quoted {
    struct bytes attest;    /* TPMS_ATTEST without size prefix, in the arena */
    struct bytes signature; /* TPMT_SIGNATURE, in the arena */
    struct pcr_set pcrs;    /* the very values that the quote covers */
    struct tpm_clock_info clock;
    unsigned attempts; /* how often registers moved, plus one */
};

/* quote_take reads the registers in `mask` of the SHA-256 bank (SHA-384 where that is all there is; PCR_BANK without either) and
 * quotes them over `nonce` (at most 64 bytes), again while a register moves in between; PCR_UNSTABLE after five times. */
MUST_CHECK bool quote_take(struct tpm_device *tpm, const struct ak *ak, uint32_t mask, struct bytes nonce, struct arena *a,
                           struct quoted *ret, struct failure *why);

/* quote_read_pcrs loops over TPM2_PCR_Read, which gives at most eight values per call. */
MUST_CHECK bool quote_read_pcrs(struct tpm_device *tpm, enum digest_algorithm bank, uint32_t mask, struct pcr_set *ret,
                                struct failure *why);

/* quote_sign_message has the TPM hash and sign `message` (at most 1024 bytes; it must not begin with FF 54 43 47): RSASSA with
 * SHA-256, 256 bytes. */
enum { QUOTE_SIGNATURE_LEN = 256, QUOTE_MESSAGE_MAX = 1024 };
MUST_CHECK bool quote_sign_message(struct tpm_device *tpm, const struct ak *ak, struct bytes message,
                                   uint8_t ret[static QUOTE_SIGNATURE_LEN], struct failure *why);
