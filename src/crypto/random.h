/* crypto/random.h: secrets and nonces from the operating system's generator (through libcrypto's). */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* random_bytes fills `out`, or fails with ERR_IO and leaves it wiped: a caller that goes on would use zeros as a secret. */
MUST_CHECK bool random_bytes(uint8_t *out, size_t len, struct err *err);
/* After a machine was copied, both copies' generators would go on alike: fresh bytes of the system's are mixed in. */
void random_reseed(void);
