/* tpm/key_template.h: the public areas that keys are created from, and where TPMs keep endorsement keys.
 *
 * guest-agent.md 2.2–2.5; TCG EK Credential Profile 2.5, annex B. */
#pragma once
#include "base/arena.h"
#include "tpm/public.h"

/* clang-format off */
/*    name     what             low  cert NV     template NV persistent  name algorithm */
#define EK_KINDS(X)                                                                         \
    X(RSA2048, "RSA-2048",       1,  0x01c00002, 0x01c00004, 0x81010001, SHA256)            \
    X(P256,    "ECC NIST P-256", 1,  0x01c0000a, 0x01c0000b, 0x8101000a, SHA256)            \
    X(P384,    "ECC NIST P-384", 0,  0x01c00016, 0x01c00017, 0x81010016, SHA384)            \
    X(P521,    "ECC NIST P-521", 0,  0x01c00018, 0x01c00019, 0x81010018, SHA512)            \
    X(RSA3072, "RSA-3072",       0,  0x01c0001c, 0x01c0001d, 0x8101001c, SHA384)            \
    X(RSA4096, "RSA-4096",       0,  0x01c0001e, 0x01c0001f, 0x8101001e, SHA384)
/* clang-format on */

enum ek_kind {
#define X(name, ...) EK_##name,
    EK_KINDS(X)
#undef X
        EK_KIND_COUNT
};

struct ek_place {
    const char *what;
    bool low_range; /* template annex B.3 (policy A), else B.4 (policy B: PolicyOR(A, C)) */
    uint32_t cert_nv, template_nv, handle;
    enum digest_algorithm name_algorithm;
};

const struct ek_place *ek_place(enum ek_kind kind);
/* ek_template fills a template; what it points to is constant. */
void ek_template(enum ek_kind kind, struct tpm_public *ret);

/* The branches of the endorsement keys' policies (guest-agent.md 2.5): A = PolicySecret(endorsement), C the other branch
 * of the high range's PolicyOR, B the PolicyOR of both. Empty for an algorithm that the profile does not name. */
struct bytes ek_policy_a(enum digest_algorithm algorithm);
struct bytes ek_policy_b(enum digest_algorithm algorithm);
struct bytes ek_policy_c(enum digest_algorithm algorithm);

/* The initial attestation key (TCG, TPM 2.0 Keys for Device Identity and Attestation 1.00, 7.3.4), made in the endorsement hierarchy: RSA-2048 as
 * guest-agent.md 2.4 has it, and the P-384 key that swtpm makes. */
enum iak_kind { IAK_RSA2048, IAK_P384, IAK_KIND_COUNT };
void iak_template(enum iak_kind kind, struct tpm_public *ret);

/* The attestation key, made in the endorsement hierarchy, identical for the same rotation counter (guest-agent.md 2.4):
 * RSA-2048, RSASSA with SHA-256, attributes 0x00050472, unique = SHA-256("trueboot AK v1" || le32 rotation), zero-extended; or, for the
 * native protocol, P-256 and ECDSA with SHA-256, that digest as the x of unique. */
enum ak_type { AK_RSA2048, AK_P256 };
#define AK_HANDLE          0x81000003u
#define AK_HANDLE_FALLBACK 0x8101b001u
#define AK_CERT_NV         0x01c101d0u
MUST_CHECK bool ak_template(struct arena *a, enum ak_type type, uint32_t rotation, struct tpm_public *ret, struct err *err);
const char *ak_template_id(enum ak_type type); /* "ak-rsa2048-e-1", "ak-p256-e-1" */

/* AzureGuest's ephemeral key (guest-agent.md 2.8): RSA-2048, attributes 0x00020432, no scheme, `policy` borrowed. */
void sealing_template(struct bytes policy, struct tpm_public *ret);
