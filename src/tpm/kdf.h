/* tpm/kdf.h: the key derivations of the TPM 2.0 Library, Part 1 r1.59: 11.4.10.2 KDFa, 11.4.10.3 KDFe.
 *
 * For the rest of this folder. Labels are given without their final NUL, which the functions add. */
#pragma once
#include "base/bytes.h"
#include "crypto/digest.h"

/* `len` bytes, at most the hash's length: all that credentials need. */
void tpm_kdf_a(enum digest_algorithm hash, struct bytes key, const char *label, struct bytes context_u, struct bytes context_v,
               uint8_t *ret, size_t len);
void tpm_kdf_e(enum digest_algorithm hash, struct bytes z, const char *label, struct bytes party_u, struct bytes party_v, uint8_t *ret,
               size_t len);
