#include "tpm/key_template.h"

/* TCG EK Credential Profile 2.5, annex B.6; tests compute A and B anew, and C from the NV index it stands for. */
/* clang-format off */
static const uint8_t policy_a_sha256[] = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
static const uint8_t policy_b_sha256[] = {
    0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
    0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const uint8_t policy_c_sha256[] = {
    0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e, 0xae, 0xfc, 0xef, 0x78, 0x64,
    0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7, 0xaa, 0xd8, 0x2c, 0x67, 0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde,
};
static const uint8_t policy_a_sha384[] = {
    0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1, 0xd4, 0xb6,
    0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e,
    0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53,
};
static const uint8_t policy_b_sha384[] = {
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};
static const uint8_t policy_c_sha384[] = {
    0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef,
    0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5,
    0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65,
};
static const uint8_t policy_a_sha512[] = {
    0x1e, 0x3b, 0x76, 0x50, 0x2c, 0x8a, 0x14, 0x25, 0xaa, 0x0b, 0x7b, 0x3f, 0xc6, 0x46, 0xa1, 0xb0,
    0xfa, 0xe0, 0x63, 0xb0, 0x3b, 0x53, 0x68, 0xf9, 0xc4, 0xcd, 0xde, 0xca, 0xff, 0x08, 0x91, 0xdd,
    0x68, 0x2b, 0xac, 0x1a, 0x85, 0xd4, 0xd8, 0x32, 0xb7, 0x81, 0xea, 0x45, 0x19, 0x15, 0xde, 0x5f,
    0xc5, 0xbf, 0x0d, 0xc4, 0xa1, 0x91, 0x7c, 0xd4, 0x2f, 0xa0, 0x41, 0xe3, 0xf9, 0x98, 0xe0, 0xee,
};
static const uint8_t policy_b_sha512[] = {
    0xb8, 0x22, 0x1c, 0xa6, 0x9e, 0x85, 0x50, 0xa4, 0x91, 0x4d, 0xe3, 0xfa, 0xa6, 0xa1, 0x8c, 0x07,
    0x2c, 0xc0, 0x12, 0x08, 0x07, 0x3a, 0x92, 0x8d, 0x5d, 0x66, 0xd5, 0x9e, 0xf7, 0x9e, 0x49, 0xa4,
    0x29, 0xc4, 0x1a, 0x6b, 0x26, 0x95, 0x71, 0xd5, 0x7e, 0xdb, 0x25, 0xfb, 0xdb, 0x18, 0x38, 0x42,
    0x56, 0x08, 0xb4, 0x13, 0xcd, 0x61, 0x6a, 0x5f, 0x6d, 0xb5, 0xb6, 0x07, 0x1a, 0xf9, 0x9b, 0xea,
};
static const uint8_t policy_c_sha512[] = {
    0x58, 0x9e, 0xe1, 0xe1, 0x46, 0x54, 0x47, 0x16, 0xe8, 0xde, 0xaf, 0xe6, 0xdb, 0x24, 0x7b, 0x01,
    0xb8, 0x1e, 0x9f, 0x9c, 0x7d, 0xd1, 0x6b, 0x81, 0x4a, 0xa1, 0x59, 0x13, 0x87, 0x49, 0x10, 0x5f,
    0xba, 0x53, 0x88, 0xdd, 0x1d, 0xea, 0x70, 0x2f, 0x35, 0x24, 0x0c, 0x18, 0x49, 0x33, 0x12, 0x1e,
    0x2c, 0x61, 0xb8, 0xf5, 0x0d, 0x3e, 0xf9, 0x13, 0x93, 0xa4, 0x9a, 0x38, 0xc3, 0xf7, 0x3f, 0xc8,
};
/* clang-format on */

static const struct {
    enum digest_algorithm algorithm;
    struct bytes a, b, c;
} policies[] = {
    { DIGEST_SHA256, BYTES_OF(policy_a_sha256), BYTES_OF(policy_b_sha256), BYTES_OF(policy_c_sha256) },
    { DIGEST_SHA384, BYTES_OF(policy_a_sha384), BYTES_OF(policy_b_sha384), BYTES_OF(policy_c_sha384) },
    { DIGEST_SHA512, BYTES_OF(policy_a_sha512), BYTES_OF(policy_b_sha512), BYTES_OF(policy_c_sha512) },
};

static const uint8_t zeros[256];

static const struct ek_place places[] = {
#define X(name, what_, low, cert, templ, handle_, hash)                                                                            \
    [EK_##name] = {                                                                                                                \
        .what = what_, .low_range = low, .cert_nv = cert, .template_nv = templ, .handle = handle_, .name_algorithm = DIGEST_##hash \
    },
    EK_KINDS(X)
#undef X
};

static const struct {
    uint16_t type, rsa_bits, curve_id;
} shapes[] = {
    [EK_RSA2048] = { TPM_ALG_RSA, 2048, 0 },        [EK_RSA3072] = { TPM_ALG_RSA, 3072, 0 },
    [EK_RSA4096] = { TPM_ALG_RSA, 4096, 0 },        [EK_P256] = { TPM_ALG_ECC, 0, TPM_CURVE_P256 },
    [EK_P384] = { TPM_ALG_ECC, 0, TPM_CURVE_P384 }, [EK_P521] = { TPM_ALG_ECC, 0, TPM_CURVE_P521 },
};

const struct ek_place *ek_place(enum ek_kind kind) { return &places[kind]; }

struct bytes ek_policy_a(enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (policies[i].algorithm == algorithm)
            return policies[i].a;
    return BYTES_NONE;
}

struct bytes ek_policy_b(enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (policies[i].algorithm == algorithm)
            return policies[i].b;
    return BYTES_NONE;
}

struct bytes ek_policy_c(enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (policies[i].algorithm == algorithm)
            return policies[i].c;
    return BYTES_NONE;
}

void ek_template(enum ek_kind kind, struct tpm_public *ret)
{
    const struct ek_place *place = &places[kind];
    uint32_t attributes = OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_SENSITIVE_DATA_ORIGIN | OBJECT_ADMIN_WITH_POLICY |
                          OBJECT_RESTRICTED | OBJECT_DECRYPT;
    struct bytes coordinate = { zeros, place->low_range ? 32 : 0 };

    *ret = (struct tpm_public){
        .type = shapes[kind].type,
        .name_algorithm = place->name_algorithm,
        .attributes = place->low_range ? attributes : attributes | OBJECT_USER_WITH_AUTH,
        .policy = place->low_range ? ek_policy_a(place->name_algorithm) : ek_policy_b(place->name_algorithm),
        .symmetric = { TPM_ALG_AES, place->low_range ? 128 : 256, TPM_ALG_CFB },
        .scheme = { .algorithm = TPM_ALG_NULL },
        .kdf = { .algorithm = TPM_ALG_NULL },
        .rsa_bits = shapes[kind].rsa_bits,
        .curve_id = shapes[kind].curve_id,
    };
    if (ret->type == TPM_ALG_RSA)
        ret->rsa_n = (struct bytes){ zeros, place->low_range ? 256 : 0 };
    else
        ret->ecc_x = ret->ecc_y = coordinate;
}

/* clang-format off */
static const uint8_t policy_iak_sha256[] = {
    0x54, 0x37, 0x18, 0x23, 0x26, 0xe4, 0x14, 0xfc, 0xa7, 0x97, 0xd5, 0xf1, 0x74, 0x61, 0x5a, 0x16,
    0x41, 0xf6, 0x12, 0x55, 0x79, 0x7c, 0x3a, 0x2b, 0x22, 0xc2, 0x1d, 0x12, 0x0b, 0x2d, 0x1e, 0x07,
};
static const uint8_t policy_iak_sha384[] = {
    0x12, 0x9d, 0x94, 0xeb, 0xf8, 0x45, 0x56, 0x65, 0x2c, 0x6e, 0xef, 0x43, 0xbb, 0xb7, 0x57, 0x51,
    0x2a, 0xc8, 0x7e, 0x52, 0xbe, 0x7b, 0x34, 0x9c, 0xa6, 0xce, 0x4d, 0x82, 0x6f, 0x74, 0x9f, 0xcf,
    0x67, 0x2f, 0x51, 0x71, 0x6c, 0x5c, 0xbb, 0x60, 0x5f, 0x31, 0x3b, 0xf3, 0x45, 0xaa, 0xb3, 0x12,
};
/* clang-format on */

void iak_template(enum iak_kind kind, struct tpm_public *ret)
{
    *ret = (struct tpm_public){
        .type = TPM_ALG_RSA,
        .name_algorithm = DIGEST_SHA256,
        .attributes = OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_SENSITIVE_DATA_ORIGIN | OBJECT_USER_WITH_AUTH |
                      OBJECT_ADMIN_WITH_POLICY | OBJECT_RESTRICTED | OBJECT_SIGN,
        .policy = BYTES_OF(policy_iak_sha256),
        .symmetric = { .algorithm = TPM_ALG_NULL },
        .scheme = { .algorithm = TPM_ALG_RSAPSS, .hash = digest_tpm_id(DIGEST_SHA256) },
        .kdf = { .algorithm = TPM_ALG_NULL },
        .rsa_bits = 2048,
        .rsa_n = BYTES_LIT("IAK"),
    };
    if (kind == IAK_P384) {
        ret->type = TPM_ALG_ECC;
        ret->name_algorithm = DIGEST_SHA384;
        ret->policy = (struct bytes)BYTES_OF(policy_iak_sha384);
        ret->scheme = (struct tpm_scheme){ .algorithm = TPM_ALG_ECDSA, .hash = digest_tpm_id(DIGEST_SHA384) };
        ret->curve_id = TPM_CURVE_P384;
        ret->ecc_x = ret->ecc_y = BYTES_LIT("IAK");
    }
}

bool ak_template(struct arena *a, enum ak_type type, uint32_t rotation, struct tpm_public *ret, struct err *err)
{
    const uint8_t counter[] = { (uint8_t)rotation, (uint8_t)(rotation >> 8), (uint8_t)(rotation >> 16), (uint8_t)(rotation >> 24) };
    uint8_t *unique = arena_alloc(a, sizeof zeros);
    struct digest label;

    if (!unique)
        return err_set(err, ERR_NO_MEMORY, "no memory for a key template");
    digest_compute_parts(DIGEST_SHA256, (const struct bytes[]){ BYTES_LIT("trueboot AK v1"), BYTES_OF(counter) }, 2, &label);
    memcpy(unique, label.value, digest_len(DIGEST_SHA256));
    *ret = (struct tpm_public){
        .type = TPM_ALG_RSA,
        .name_algorithm = DIGEST_SHA256,
        .attributes = OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_SENSITIVE_DATA_ORIGIN | OBJECT_USER_WITH_AUTH | OBJECT_NO_DA |
                      OBJECT_RESTRICTED | OBJECT_SIGN,
        .symmetric = { .algorithm = TPM_ALG_NULL },
        .scheme = { .algorithm = TPM_ALG_RSASSA, .hash = digest_tpm_id(DIGEST_SHA256) },
        .kdf = { .algorithm = TPM_ALG_NULL },
        .rsa_bits = 2048,
        .rsa_n = { unique, sizeof zeros },
    };
    if (type == AK_P256) {
        ret->type = TPM_ALG_ECC;
        ret->scheme.algorithm = TPM_ALG_ECDSA;
        ret->curve_id = TPM_CURVE_P256;
        ret->ecc_x = (struct bytes){ unique, digest_len(DIGEST_SHA256) };
        ret->ecc_y = (struct bytes){ zeros, digest_len(DIGEST_SHA256) };
    }
    return true;
}

const char *ak_template_id(enum ak_type type) { return type == AK_P256 ? "ak-p256-e-1" : "ak-rsa2048-e-1"; }

void sealing_template(struct bytes policy, struct tpm_public *ret)
{
    *ret = (struct tpm_public){
        .type = TPM_ALG_RSA,
        .name_algorithm = DIGEST_SHA256,
        .attributes = OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_SENSITIVE_DATA_ORIGIN | OBJECT_NO_DA | OBJECT_DECRYPT,
        .policy = policy,
        .symmetric = { .algorithm = TPM_ALG_NULL },
        .scheme = { .algorithm = TPM_ALG_NULL },
        .rsa_bits = 2048,
        .rsa_n = { zeros, sizeof zeros },
    };
}
