/* crypto/signature.h: the two spellings of an ECDSA signature: DER (X.509, OpenSSL) and r || s (JOSE, and ours). */
#pragma once
#include "crypto/pubkey.h"

enum { SIGNATURE_EC_RAW_MAX = 132, SIGNATURE_EC_DER_MAX = 141 };

/* signature_from_der reads strict DER, nothing may follow; writes twice the curve's length. */
MUST_CHECK bool signature_from_der(enum ec_curve curve, struct bytes der, uint8_t ret_raw[static SIGNATURE_EC_RAW_MAX], size_t *ret_len,
                                   struct err *err);
/* signature_to_der takes r || s of the curve's length. */
MUST_CHECK bool signature_to_der(enum ec_curve curve, struct bytes raw, uint8_t ret_der[static SIGNATURE_EC_DER_MAX], size_t *ret_len,
                                 struct err *err);
