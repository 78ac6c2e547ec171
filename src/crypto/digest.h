/* crypto/digest.h: hash functions and PCR arithmetic. No allocation per call after the first use on a thread. */
#pragma once
#include "base/bytes.h"

/* clang-format off */
/*   name      TPM_ALG_ID  length  name in logs and JSON   (TCG Algorithm Registry 1.32) */
#define DIGEST_ALGORITHMS(X)                     \
    X(SHA1,     0x0004,     20,     "sha1")       \
    X(SHA256,   0x000b,     32,     "sha256")     \
    X(SHA384,   0x000c,     48,     "sha384")     \
    X(SHA512,   0x000d,     64,     "sha512")     \
    X(SM3_256,  0x0012,     32,     "sm3_256")    \
    X(SHA3_256, 0x0027,     32,     "sha3_256")   \
    X(SHA3_384, 0x0028,     48,     "sha3_384")   \
    X(SHA3_512, 0x0029,     64,     "sha3_512")
/* clang-format on */

enum digest_algorithm {
    DIGEST_NONE,
#define X(name, tpm_id, len, text) DIGEST_##name,
    DIGEST_ALGORITHMS(X)
#undef X
};

enum { DIGEST_MAX_LEN = 64 };

struct digest {
    enum digest_algorithm algorithm;
    uint8_t value[DIGEST_MAX_LEN]; /* digest_len(algorithm) bytes count */
};

size_t digest_len(enum digest_algorithm algorithm);       /* 0 for DIGEST_NONE */
const char *digest_name(enum digest_algorithm algorithm); /* "sha256"; "none" */
uint16_t digest_tpm_id(enum digest_algorithm algorithm);  /* 0x0010 (TPM_ALG_NULL) for DIGEST_NONE */
/* DIGEST_NONE for what we do not know. */
enum digest_algorithm digest_from_tpm_id(uint16_t tpm_id);
enum digest_algorithm digest_from_name(struct bytes name);
/* Strong enough to rest a verdict on: SHA-256 and better. */
bool digest_is_strong(enum digest_algorithm algorithm);

struct bytes digest_bytes(const struct digest *d);
bool digest_equal(const struct digest *a, const struct digest *b);

void digest_compute(enum digest_algorithm algorithm, struct bytes data, struct digest *ret);
/* The hash of several parts one after the other. */
void digest_compute_parts(enum digest_algorithm algorithm, const struct bytes *parts, size_t n, struct digest *ret);
/* pcr := H(pcr || with); `with` has the algorithm's length (TPM 2.0 Part 1, PCR extend). */
void digest_extend(struct digest *pcr, struct bytes with);
/* The reset value: every byte `fill`. */
void digest_fill(struct digest *d, enum digest_algorithm algorithm, uint8_t fill);

/* For short programs that hash and are done: libcrypto without its configuration file and without an exit handler, which together cost more
 * than hashing a log. First of all calls, or it has no effect; no keys may be used in such a process. */
void digest_start_lean(void);

void hmac_sha256(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[static 32]);
/* HMAC with any of the algorithms; the parts are one message. */
void hmac_compute(enum digest_algorithm algorithm, struct bytes key, const struct bytes *parts, size_t n, struct digest *ret);
