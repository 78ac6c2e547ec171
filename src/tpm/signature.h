/* tpm/signature.h: signatures as TPMs write them, and checking one with a key.
 *
 * TPM 2.0 Library Part 2 r1.59, 11.3.4 TPMT_SIGNATURE. RSASSA, RSAPSS and ECDSA over SHA-2 or SHA-3; SHA-1 where the
 * operator allows it. The scheme must belong to the key's type: nothing is found out by trying. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/writer.h"
#include "crypto/pubkey.h"
#include "tpm/public.h"
#include "tpm/ids.h"

struct tpm_signature {
    enum signature_scheme scheme;
    enum digest_algorithm hash;
    struct bytes rsa;  /* RSASSA, RSAPSS */
    struct bytes r, s; /* ECDSA: big-endian, as they stood there, neither zero */
};

enum { TPM_SIGNATURE_MAX_LEN = 1024 }; /* RSA-8192 */

/* tpm_signature_decode takes a whole TPMT_SIGNATURE; nothing may follow. Views into the input. ERR_UNSUPPORTED for schemes
 * and hashes we do not do, SHA-1 being decided later, by tpm_signature_verify. */
MUST_CHECK bool tpm_signature_decode(struct bytes tpmt_signature, struct tpm_signature *ret, struct err *err);
/* The other form on the wire (attestation-service.md 7.2): a bare RSASSA signature whose hash is agreed elsewhere. */
MUST_CHECK bool tpm_signature_from_raw(struct bytes rsassa, enum digest_algorithm hash, struct tpm_signature *ret, struct err *err);
void tpm_signature_encode(struct writer *w, const struct tpm_signature *signature);

/* tpm_signature_suits refuses a scheme that is not the key type's and hashes weaker than SHA-256 (SHA-1 only with
 * allow_sha1). tpm_signature_verify does that too, and then verifies over `message`. */
MUST_CHECK bool tpm_signature_suits(const struct tpm_signature *signature, const struct pubkey *key, bool allow_sha1, struct err *err);
/* tpm_signature_is_of_scheme: the key's public area fixes scheme and hash of what it signs (Part 2, 12.2.3.5); TPM_ALG_NULL fixes nothing. */
MUST_CHECK bool tpm_signature_is_of_scheme(const struct tpm_signature *signature, const struct tpm_scheme *scheme, struct err *err);
MUST_CHECK bool tpm_signature_verify(const struct tpm_signature *signature, const struct pubkey *key, bool allow_sha1, struct bytes message,
                                     struct err *err);
/* The form that crypto/pubkey.h and JWS want: the RSA signature itself, or r || s, each padded to the key's curve. */
MUST_CHECK bool tpm_signature_raw(struct arena *a, const struct tpm_signature *signature, const struct pubkey *key, struct bytes *ret,
                                  struct err *err);
