/* agent/tpm/quote.h: what only the attestation key can do: quote registers, sign our own short requests.
 *
 * guest-agent.md 2.6, 2.7 and "Using the AK to sign requests" in 2.4. */
#pragma once
#include "agent/tpm/ak.h"
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
 * quotes them over `nonce` (at most 64 bytes), again while a register moves in between; PCR_UNSTABLE after five times.
 * `before`: values of an earlier quote, NULL for none. They are not read again when the new quote covers them still, which its digest says. */
MUST_CHECK bool quote_take(struct tpm_device *tpm, const struct ak *ak, uint32_t mask, struct bytes nonce, const struct pcr_set *before,
                           struct arena *a, struct quoted *ret, struct failure *why);

/* quote_against quotes the registers of ret->pcrs, which were read before, once. *ret_same is false when one of them moved since. */
MUST_CHECK bool quote_against(struct tpm_device *tpm, const struct ak *ak, struct bytes nonce, struct arena *a, struct quoted *ret,
                              bool *ret_same, struct failure *why);

/* quote_read_pcrs loops over TPM2_PCR_Read, which gives at most eight values per call. */
MUST_CHECK bool quote_read_pcrs(struct tpm_device *tpm, enum digest_algorithm bank, uint32_t mask, struct pcr_set *ret,
                                struct failure *why);

/* quote_sign_message has the TPM hash and sign `message` (at most 1024 bytes; it must not begin with FF 54 43 47). *ret, in the arena: the form
 * that JWS wants, an RSASSA signature of 256 bytes or r || s of a P-256 key. */
enum { QUOTE_MESSAGE_MAX = 1024 };
MUST_CHECK bool quote_sign_message(struct tpm_device *tpm, const struct ak *ak, struct bytes message, struct arena *a, struct bytes *ret,
                                   struct failure *why);
