/* tpm/public.h: the public area of a TPM object: what kind of key it is and what the TPM lets it do.
 *
 * TPM 2.0 Library Part 2 r1.59: 12.2.4 TPMT_PUBLIC, 12.2.5 TPM2B_PUBLIC, 8.3 TPMA_OBJECT; Part 1, 16 (Names).
 * RSA and ECC objects only. A decoded public area is a claim; what proves it is a Name that the TPM or a
 * certificate vouches for. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/pubkey.h"
#include "tpm/ids.h"

/* clang-format off */
/*    bit  name                   the specification's name */
#define OBJECT_ATTRIBUTES(X)                                  \
    X(1,   FIXED_TPM,             "fixedTPM")                  \
    X(2,   ST_CLEAR,              "stClear")                   \
    X(4,   FIXED_PARENT,          "fixedParent")               \
    X(5,   SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin")       \
    X(6,   USER_WITH_AUTH,        "userWithAuth")              \
    X(7,   ADMIN_WITH_POLICY,     "adminWithPolicy")           \
    X(10,  NO_DA,                 "noDA")                      \
    X(11,  ENCRYPTED_DUPLICATION, "encryptedDuplication")      \
    X(16,  RESTRICTED,            "restricted")                \
    X(17,  DECRYPT,               "decrypt")                   \
    X(18,  SIGN,                  "sign")                      \
    X(19,  X509_SIGN,             "x509sign")
/* clang-format on */

enum object_attribute {
#define X(bit, name, text) OBJECT_##name = 1 << (bit),
    OBJECT_ATTRIBUTES(X)
#undef X
};

struct tpm_symmetric { /* TPMT_SYM_DEF_OBJECT; bits and mode are 0 for TPM_ALG_NULL */
    uint16_t algorithm, bits, mode;
};

struct tpm_scheme { /* TPMT_RSA_SCHEME, TPMT_ECC_SCHEME, TPMT_KDF_SCHEME; hash is 0 where the scheme has none */
    uint16_t algorithm, hash;
    uint16_t count; /* ECDAA only */
};

struct tpm_public {
    uint16_t type; /* TPM_ALG_RSA or TPM_ALG_ECC */
    enum digest_algorithm name_algorithm;
    uint32_t attributes; /* enum object_attribute */
    struct bytes policy; /* empty, or a digest of name_algorithm */
    struct tpm_symmetric symmetric;
    struct tpm_scheme scheme;
    uint16_t rsa_bits;         /* RSA */
    uint32_t rsa_exponent;     /* RSA; 0 means 65537 */
    struct bytes rsa_n;        /* RSA: unique; big-endian */
    uint16_t curve_id;         /* ECC: TPM_ECC_CURVE; other curves than ours decode but make no key */
    struct tpm_scheme kdf;     /* ECC */
    struct bytes ecc_x, ecc_y; /* ECC: unique; big-endian, perhaps shorter than the curve */
};

enum { TPM_NAME_MAX_LEN = 2 + DIGEST_MAX_LEN };

struct tpm_name { /* TPM_ALG_ID || digest */
    size_t len;
    uint8_t value[TPM_NAME_MAX_LEN];
};

/* Readers fill views into the input, which must outlive them. read_tpm_public takes one TPMT_PUBLIC from `r`; the
 * other two take the whole input, and nothing may follow. Encoding what was decoded gives the same bytes. */
MUST_CHECK bool read_tpm_public(struct reader *r, struct tpm_public *ret, struct err *err);
MUST_CHECK bool tpm_public_decode(struct bytes tpmt_public, struct tpm_public *ret, struct err *err);
MUST_CHECK bool tpm_public_decode_2b(struct bytes tpm2b_public, struct tpm_public *ret, struct err *err);
void tpm_public_encode(struct writer *w, const struct tpm_public *pub);
void tpm_public_encode_2b(struct writer *w, const struct tpm_public *pub);

/* tpm_public_name: nameAlg || H(TPMT_PUBLIC). Fails only for want of memory. */
MUST_CHECK bool tpm_public_name(const struct tpm_public *pub, struct tpm_name *ret, struct err *err);
struct bytes tpm_name_bytes(const struct tpm_name *name);

/* tpm_qualified_name of a primary key: nameAlg || H(handle of its hierarchy || Name), Part 1, 16.2. It tells which hierarchy a key is in. */
void tpm_qualified_name(const struct tpm_public *pub, uint32_t hierarchy, const struct tpm_name *name, struct tpm_name *ret);

/* tpm_public_key: ERR_UNSUPPORTED for curves we do not do; refuses what crypto/pubkey.h refuses. Release with pubkey_free(). */
MUST_CHECK bool tpm_public_key(const struct tpm_public *pub, struct pubkey **ret, struct err *err);

const char *object_attribute_name(enum object_attribute attribute); /* "fixedTPM"; NULL for what is no single known bit */
enum ec_curve tpm_curve(uint16_t curve_id);                         /* CURVE_NONE for curves we do not do */
