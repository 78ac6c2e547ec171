/* crypto/aead.h: AES-GCM, with 256 bits unless told otherwise. A key may seal at most once with one iv. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum { AEAD_KEY_LEN = 32, AEAD_IV_LEN = 12, AEAD_TAG_LEN = 16 };

/* aead_seal writes plain.len bytes to `ret_cipher` (which may be where `plain` lies) and the tag. */
MUST_CHECK bool aead_seal(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad,
                          struct bytes plain, uint8_t *ret_cipher, uint8_t ret_tag[static AEAD_TAG_LEN], struct err *err);
/* aead_open writes cipher.len bytes to `ret_plain`; ERR_UNTRUSTED, and the output is wiped, when the tag does not fit. */
MUST_CHECK bool aead_open(const uint8_t key[static AEAD_KEY_LEN], const uint8_t iv[static AEAD_IV_LEN], struct bytes aad,
                          struct bytes cipher, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err);
/* The same with a key of 16, 24 or 32 bytes, for messages whose sender chose. Another length is ERR_UNSUPPORTED. */
MUST_CHECK bool aead_open_sized(struct bytes key, const uint8_t iv[static AEAD_IV_LEN], struct bytes aad, struct bytes cipher,
                                const uint8_t tag[static AEAD_TAG_LEN], uint8_t *ret_plain, struct err *err);
