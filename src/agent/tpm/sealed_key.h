/* agent/tpm/sealed_key.h: AzureGuest's ephemeral key, which opens an answer only while the registers keep the quoted values
 * (guest-agent.md 2.8, 3.4).
 *
 * A primary key of the NULL hierarchy, so that no captured answer can be opened after the next reset. Create, use, flush: nothing is
 * assumed to survive anything. */
#pragma once
#include "agent/tpm/ak.h"
#include "crypto/pcr.h"

struct sealed_key {
    struct tpm_device *tpm;
    uint32_t handle;     /* transient; 0: none */
    struct pcr_set pcrs; /* what its policy is about */
    struct tpm_object known;
};

/* The policy is PolicyPCR over exactly the values in `pcrs` (one SHA-256 bank). */
MUST_CHECK bool sealed_key_make(struct tpm_device *tpm, const struct pcr_set *pcrs, struct sealed_key *ret, struct failure *why);
void sealed_key_flush(struct sealed_key *key);                   /* zeroed or flushed before is fine */
struct bytes sealed_key_public_2b(const struct sealed_key *key); /* TPM2B_PUBLIC, size field included: 312 bytes */

/* TPM2_Certify by the AK: a TPMS_ATTEST without its size, and the bare RSASSA signature. Both in the arena. */
MUST_CHECK bool sealed_key_certify(const struct sealed_key *key, const struct ak *ak, struct bytes qualifying, struct arena *a,
                                   struct bytes *ret_attest, struct bytes *ret_signature, struct failure *why);

/* TPM2_RSA_Decrypt, RSAES. PCR_CHANGED: a register moved, or the TPM lost the key: attest again. TOKEN_DECRYPT: the text is not for this key.
 * Wipe ret_plain. */
enum { SEALED_PLAIN_MAX = 256 };
MUST_CHECK bool sealed_key_decrypt(const struct sealed_key *key, struct bytes cipher, uint8_t ret_plain[static SEALED_PLAIN_MAX],
                                   size_t *ret_len, struct failure *why);
