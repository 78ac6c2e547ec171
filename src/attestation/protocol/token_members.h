/* attestation/protocol/token_members.h: every member of every token that this service signs, once, besides the claims of policy/claim_list.h and what
 * policies issue (attestation-service.md 3.6, 4, 5, 6.6, 11; docs/ear.md). The metadata document lists them; docs/claims.md shows them, and a
 * test compares both with tokens.
 *
 * X(place, tokens, rests on): the place is the path of names, '/' between them. */
#pragma once
#include <stddef.h>

enum token_kind {
    TOKEN_REPORT = 1U << 0,     /* of POST /attest/Tpm */
    TOKEN_AZUREGUEST = 1U << 1, /* of POST /attest/AzureGuest */
    TOKEN_POLICY_SET = 1U << 2, /* answers of the policy and signer APIs */
    TOKEN_POLICY_SHOWN = 1U << 3,
    TOKEN_POLICY_RESET = 1U << 4,
    TOKEN_SIGNERS_SHOWN = 1U << 5,
    TOKEN_SIGNER_CHANGED = 1U << 6,
    TOKEN_EAR_REPORT = 1U << 7, /* the first two, of providers with the token profile ear */
    TOKEN_EAR_AZUREGUEST = 1U << 8,
    TOKEN_EARS = TOKEN_EAR_REPORT | TOKEN_EAR_AZUREGUEST,
    TOKEN_ATTESTATIONS = TOKEN_REPORT | TOKEN_AZUREGUEST | TOKEN_EARS,
    TOKEN_ALL = (1U << 9) - 1,
};

/* clang-format off */
#define TOKEN_MEMBERS(X) \
    X("iss",                          TOKEN_ALL, "the provider's address") \
    X("iat",                          TOKEN_ALL, "the server's clock") \
    X("nbf",                          TOKEN_ALL, "`iat`, back-dated by 300 s for clients whose clocks are slow") \
    X("exp",                          TOKEN_ALL, "reports: `iat` and the policy's `report_validity_in_minutes` (1440); AzureGuest: 8 h; answers about policies and signers: 1 h") \
    X("jti",                          TOKEN_ATTESTATIONS, "random") \
    X("ver",                          TOKEN_REPORT, "`1.0`") \
    X("x-ms-ver",                     TOKEN_REPORT, "`1.0`") \
    X("rp_data",                      TOKEN_REPORT, "`rp_data` of the request, if there is one: the client's own words") \
    X("nonce",                        TOKEN_REPORT, "the same") \
    X("cnf",                          TOKEN_REPORT | TOKEN_EAR_REPORT, "the key that signed the request (version 1: `attest_key`)") \
    X("x-ms-attestation-type",        TOKEN_REPORT, "`tpm`: the request went to `/attest/Tpm`") \
    X("x-ms-policy-hash",             TOKEN_REPORT, "SHA-256 (b64u) of the policy in force, as it was submitted") \
    X("x-ms-policy-signer",           TOKEN_REPORT | TOKEN_AZUREGUEST | TOKEN_POLICY_SET, "the certificate that signed the policy, if it was signed") \
    X("x-ms-tpm-request-key",         TOKEN_REPORT, "the claim of that name; absent for requests of version 1") \
    X("x-ms-tpm-other-keys",          TOKEN_REPORT, "the claim of that name; absent without other keys") \
    X("x-ms-policy-result",           TOKEN_POLICY_SET | TOKEN_POLICY_RESET, "`Updated`, `Removed`: what was done") \
    X("x-ms-policy-token-hash",       TOKEN_POLICY_SET, "SHA-256 (b64u) of the JWS that was submitted") \
    X("x-ms-policy",                  TOKEN_POLICY_SHOWN, "the stored JWS, as it was submitted, or the built-in one") \
    X("x-ms-policy-certificates",     TOKEN_SIGNERS_SHOWN, "the registered signers, as a key set") \
    X("x-ms-certificate-thumbprint",  TOKEN_SIGNER_CHANGED, "SHA-1 (upper-case hex) of the certificate that was added or removed") \
    X("x-ms-policycertificates-result", TOKEN_SIGNER_CHANGED, "`IsPresent`, `IsAbsent`: how it is now") \
    X("eat_profile",                  TOKEN_EARS, "`tag:github.com,2023:veraison/ear`") \
    X("eat_nonce",                    TOKEN_EAR_REPORT, "`rp_data` of the request, if it has 8 to 88 characters") \
    X("ear.verifier-id",              TOKEN_EARS, "`developer` and `build`: who verified") \
    X("submods",                      TOKEN_EARS, "what was verified: one attester") \
    X("submods/tpm",                  TOKEN_EAR_REPORT, "the result: members below") \
    X("submods/tpm/ear.status",       TOKEN_EAR_REPORT, "the worst tier of the vector") \
    X("submods/tpm/ear.trustworthiness-vector", TOKEN_EAR_REPORT, "the appraisal's facts and findings, as [ear.md](ear.md) maps them") \
    X("submods/tpm/ear.appraisal-policy-id", TOKEN_EAR_REPORT, "`ISSUER/policies/Tpm#` and the policy's hash") \
    X("submods/azurevm",              TOKEN_EAR_AZUREGUEST, "the result: members below") \
    X("submods/azurevm/ear.status",   TOKEN_EAR_AZUREGUEST, "the worst tier of the vector") \
    X("submods/azurevm/ear.trustworthiness-vector", TOKEN_EAR_AZUREGUEST, "the appraisal's facts and findings, as [ear.md](ear.md) maps them") \
    X("submods/azurevm/ear.appraisal-policy-id", TOKEN_EAR_AZUREGUEST, "`ISSUER/policies/AzureGuest#` and the policy's hash") \
    X("trueboot",                     TOKEN_REPORT | TOKEN_EARS, "what is ours: members below") \
    X("trueboot/attestationType",     TOKEN_EARS, "`tpm`, `azurevm`: where the request went") \
    X("trueboot/appraisal",           TOKEN_REPORT | TOKEN_EAR_REPORT, "random: names the stored record, where there is one") \
    X("trueboot/vm",                  TOKEN_REPORT | TOKEN_EAR_REPORT, "the VM whose enrolled key signed the quote; null for any other key") \
    X("trueboot/assurance",           TOKEN_REPORT | TOKEN_EAR_REPORT, "how the machine is known: `ek-certified`, `ek-pinned`, `iak-certified`, `iak-pinned` (enrolled), `cloud-ak-cert`, `admin-approved` (a registered issuer, or an operator, vouches for the key); null: not at all") \
    X("trueboot/verdict",             TOKEN_REPORT | TOKEN_EARS, "the findings: Healthy, Unhealthy or Unknown") \
    X("trueboot/evidence",            TOKEN_REPORT | TOKEN_EAR_REPORT, "SHA-256 (hex) of the evidence as it was received") \
    X("trueboot/resetCount",          TOKEN_REPORT | TOKEN_EAR_REPORT, "the quote: resets of the TPM") \
    X("trueboot/restartCount",        TOKEN_REPORT | TOKEN_EAR_REPORT, "the quote: restarts of the TPM") \
    X("trueboot/policyHash",          TOKEN_EARS, "as `x-ms-policy-hash`") \
    X("trueboot/policySigner",        TOKEN_EARS, "as `x-ms-policy-signer`") \
    X("trueboot/rpData",              TOKEN_EAR_REPORT, "as `rp_data`") \
    X("trueboot/requestKey",          TOKEN_EAR_REPORT, "as `x-ms-tpm-request-key`") \
    X("trueboot/otherKeys",           TOKEN_EAR_REPORT, "as `x-ms-tpm-other-keys`") \
    X("trueboot/findings",            TOKEN_EARS, "the appraisal's findings: `id` and `severity` of each") \
    X("trueboot/claims",              TOKEN_EARS, "what the policy issued; for AzureGuest also every claim of that table")
/* clang-format on */

struct token_member {
    const char *place;
    unsigned tokens; /* of enum token_kind */
    const char *rests_on;
};
extern const struct token_member token_members[];
extern const size_t token_n_members;

/* One kind in words: "report", "EAR report", "policy set", … */
const char *token_kind_name(enum token_kind kind);
