/* attestation/protocol/sealed_answer.h: a token that only the attested TPM can open (attestation-service.md 7.6, guest-agent.md 3.4).
 *
 * AES-256-GCM under a new key, associated data "Transport Key"; the key encrypted to EncKeyPub, RSAES-PKCS1-v1_5 unless the key's own
 * scheme is OAEP. The answer is JSON: AuthenticationData, EncryptedInnerKey, EncryptionParams, Jwt. */
#pragma once
#include "base/arena.h"
#include "crypto/aead.h"
#include "tpm/public.h"

/* What one answer is made of; random but in tests. Wipe after use. */
struct sealing_secret {
    uint8_t key[AEAD_KEY_LEN];
    uint8_t iv[AEAD_IV_LEN];
};

MUST_CHECK bool sealing_secret_new(struct sealing_secret *ret, struct err *err);
/* The JSON text, in the arena. */
MUST_CHECK bool sealed_answer_make(struct arena *a, const struct sealing_secret *secret, const struct pubkey *enc_key,
                                   const struct tpm_scheme *scheme, struct bytes token, struct bytes *ret, struct err *err);
