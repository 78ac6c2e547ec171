/* tpm/credential.h: TPM2_MakeCredential in software: a secret that only the TPM holding this EK can open, and only while it
 * holds the object with this Name.
 *
 * TPM 2.0 Library Part 1 r1.59, 24 (credential protection), 11.4.10 (KDFa, KDFe), annexes B.10.4 (RSA) and C.6.4 (ECC). */
#pragma once
#include "base/arena.h"
#include "tpm/public.h"

/* credential_make: `ek` is a storage key: RSA-2048, 3072, 4096 or P-256, P-384, P-521 with AES-CFB. `name` is the AK's
 * Name. `secret` has 1 to nameAlg's digest length bytes. Results are a whole TPM2B_ID_OBJECT and a whole
 * TPM2B_ENCRYPTED_SECRET, in the arena. ERR_UNSUPPORTED for an EK of another shape. */
MUST_CHECK bool credential_make(struct arena *a, const struct tpm_public *ek, struct bytes name, struct bytes secret,
                                struct bytes *ret_id_object, struct bytes *ret_encrypted_secret, struct err *err);
