/* attestation/provider/provider.h: attestation providers: named endpoints with their own issuer, policies and policy signers
 * (attestation-service.md 1, 4.1).
 *
 * A struct provider is an immutable, counted snapshot of what the store says: a request finishes with the one that it began with while
 * a change already put the next in place. The shared provider is not in the store: its name, address and policies are fixed. */
#pragma once
#include "policy/policy.h"
#include "store/providers.h"
#include "x509/trust.h"

/* clang-format off */
/*   name          in paths */
#define PROVIDER_TYPES(X)          \
    X(TPM,          "Tpm")          \
    X(AZURE_GUEST,  "AzureGuest")   \
    X(SGX_ENCLAVE,  "SgxEnclave")   \
    X(OPEN_ENCLAVE, "OpenEnclave")  \
    X(SEV_SNP_VM,   "SevSnpVm")     \
    X(TDX_VM,       "TdxVm")
/* clang-format on */

enum provider_type {
#define X(name, text) PROVIDER_##name,
    PROVIDER_TYPES(X)
#undef X
        PROVIDER_TYPE_COUNT
};

enum { PROVIDER_SIGNERS_MAX = 64 };

const char *provider_type_name(enum provider_type type);
/* Letters in either case; "VSMEnclave" is an older name of Tpm. */
MUST_CHECK bool provider_type_from_name(struct bytes name, enum provider_type *ret);
/* The text that holds where nobody set one; a policy that permits nothing where the original has none (4.3, 8.8). */
const char *provider_default_policy(enum provider_type type, bool shared);

struct provider_policy {
    bool is_set; /* somebody set it, or it is built in and in force; false for Tpm of a custom provider without one: attesting is refused */
    bool is_own; /* somebody set it */
    struct bytes jws; /* exactly as submitted; the built-in ones unsecured */
    const struct policy *policy;
    char hash[44];             /* x-ms-policy-hash */
    const struct cert *signer; /* NULL: unsigned */
};

struct provider {
    _Atomic unsigned refs;
    struct arena arena;
    const char *name, *issuer, *location; /* issuer: attestUri, no slash at the end */
    bool shared, isolated;
    bool tpm_authentication; /* POST /attest/Tpm wants the role reader */
    bool public_network;     /* false: only the local socket is answered */
    enum token_profile token_profile;
    struct provider_policy policies[PROVIDER_TYPE_COUNT];
    struct cert *signers[PROVIDER_SIGNERS_MAX];
    size_t n_signers;
    struct trust_store *signer_trust; /* the signers as anchors; NULL without any */
    struct trust_store *ak_roots;     /* who may vouch for attestation keys; NULL: the shared provider's, which management keeps in force */
    bool tpm_v1;                      /* /attest/Tpm answers messages of version 1 too (6.4.3) */
};

void provider_free(const struct provider *provider); /* gives one reference back; NULL is fine */
void provider_free_at(const struct provider **provider);

/* Parses a text into policy and hash of *policy; the rest of it stays. */
MUST_CHECK bool provider_policy_parse(struct arena *a, struct bytes text, struct provider_policy *policy, struct policy_error *error);

/* Reads a JWS that was accepted before: the policy's text, and the certificate of its signer (NULL: unsigned; the caller frees it). */
MUST_CHECK bool provider_stored_policy(struct arena *a, struct bytes jws, struct bytes *ret_text, struct cert **ret_signer,
                                       struct err *err);

/* The built-in policy of the shared provider, for `Tpm` (architecture.md decision 14). docs/policy.md prints it. */
extern const char attestation_builtin_policy[];
