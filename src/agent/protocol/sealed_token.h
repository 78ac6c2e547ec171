/* agent/protocol/sealed_token.h: AzureGuest's answer: a token that only this TPM in the attested state can open (guest-agent.md 3.4).
 *
 * Pure: the TPM's part, decrypting the inner key, is sealed_key.h's. Tolerant as the clients in the field are: either alphabet of base64, a
 * bare token, a ciphertext with a zero octet in front, older members; strict about lengths and algorithms. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "json/value.h"

struct sealed_token {       /* in the arena, or views into the JSON text */
    struct bytes inner_key; /* RSA ciphertext, without a zero octet in front */
    unsigned key_bits;      /* 128, 192 or 256; 0: not said */
    struct bytes iv, tag, cipher;
};

/* `answer`: {"token":"…"} or the bare string. */
MUST_CHECK bool sealed_token_read(struct arena *a, const struct json *answer, struct sealed_token *ret, struct err *err);
/* ERR_UNTRUSTED: the tag does not fit. *ret_jwt is three base64url parts, in the arena. */
MUST_CHECK bool sealed_token_open(struct arena *a, const struct sealed_token *token, struct bytes key, struct bytes *ret_jwt,
                                  struct err *err);
