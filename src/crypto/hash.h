/* crypto/hash.h: one running hash, by whatever library this build uses: libcrypto (hash_libcrypto.c) or Windows' CNG (hash_cng.c).
 * What callers use is crypto/digest.h; this is for this folder.
 *
 * A thread has one running hash per algorithm: hash_begin starts it over. None of these fails: a digest that cannot be computed has no
 * safe value to return (any constant could be what somebody wants compared), and algorithms that the library lacks never get here,
 * because digest_from_… do not know them. What remains is being out of memory, and that ends the process. */
#pragma once
#include "crypto/digest.h"

struct hash;

bool hash_is_known(enum digest_algorithm algorithm); /* false for DIGEST_NONE and for what this library lacks */
struct hash *hash_begin(enum digest_algorithm algorithm);
void hash_add(struct hash *hash, struct bytes data);
/* Writes digest_len(algorithm) bytes. */
void hash_finish(struct hash *hash, enum digest_algorithm algorithm, uint8_t ret[static DIGEST_MAX_LEN]);
