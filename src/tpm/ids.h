/* tpm/ids.h: the numbers of the TPM 2.0 Library, Part 2 r1.59, that more than one of our files needs.
 *
 * Hash algorithms are in crypto/digest.h. Commands and permanent handles are in command.h, response codes in rc.h.
 * Names differ from tss2's on purpose: the agent's Linux transport includes both. */
#pragma once

enum {
    TPM_ALG_RSA = 0x0001,
    TPM_ALG_TDES = 0x0003,
    TPM_ALG_AES = 0x0006,
    TPM_ALG_MGF1 = 0x0007,
    TPM_ALG_NULL = 0x0010,
    TPM_ALG_SM4 = 0x0013,
    TPM_ALG_RSASSA = 0x0014,
    TPM_ALG_RSAES = 0x0015,
    TPM_ALG_RSAPSS = 0x0016,
    TPM_ALG_OAEP = 0x0017,
    TPM_ALG_ECDSA = 0x0018,
    TPM_ALG_ECDH = 0x0019,
    TPM_ALG_ECDAA = 0x001a,
    TPM_ALG_SM2 = 0x001b,
    TPM_ALG_ECSCHNORR = 0x001c,
    TPM_ALG_ECMQV = 0x001d,
    TPM_ALG_KDF1_SP800_56A = 0x0020,
    TPM_ALG_KDF2 = 0x0021,
    TPM_ALG_KDF1_SP800_108 = 0x0022,
    TPM_ALG_ECC = 0x0023,
    TPM_ALG_CAMELLIA = 0x0026,
    TPM_ALG_CFB = 0x0043,
};

enum {
    TPM_CURVE_P256 = 0x0003,
    TPM_CURVE_P384 = 0x0004,
    TPM_CURVE_P521 = 0x0005,
};

enum {
    TPM_ST_ATTEST_NV = 0x8014,
    TPM_ST_ATTEST_COMMAND_AUDIT = 0x8015,
    TPM_ST_ATTEST_SESSION_AUDIT = 0x8016,
    TPM_ST_ATTEST_CERTIFY = 0x8017,
    TPM_ST_ATTEST_QUOTE = 0x8018,
    TPM_ST_ATTEST_TIME = 0x8019,
    TPM_ST_ATTEST_CREATION = 0x801a,
    TPM_ST_ATTEST_NV_DIGEST = 0x801c,
};

#define TPM_GENERATED 0xff544347u /* TPM_GENERATED_VALUE, Part 2, 6.2 */
