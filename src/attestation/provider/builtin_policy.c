#include "attestation/provider/provider.h"

/* A verdict with nothing configured (architecture.md decision 14): Secure Boot proved on, the key vouched for, and nothing high or
 * critical found: the log replays, no forbidden setting, no revoked image. What may be changed by an operator (baselines) is
 * the monitor's business. */
const char attestation_builtin_policy[] =
    "version= 1.2;\n"
    "configurationrules{\n"
    "    => issueproperty(type=\"require_valid_aik_cert\", value=true);\n"
    "    => issueproperty(type=\"required_pcr_mask\", value=16777215);\n"
    "};\n"
    "authorizationrules{\n"
    "    [type==\"secureBootEnabled\", value==false, issuer==\"AttestationService\"] => deny();\n"
    "    [type==\"trueboot.worstFinding\", value==\"critical\", issuer==\"AttestationService\"] => deny();\n"
    "    [type==\"trueboot.worstFinding\", value==\"high\", issuer==\"AttestationService\"] => deny();\n"
    "    [type==\"aikValidated\", value==true, issuer==\"AttestationService\"] &&\n"
    "    [type==\"secureBootEnabled\", value==true, issuer==\"AttestationService\"] => permit();\n"
    "};\n"
    "issuancerules{\n"
    "    c:[type==\"aikValidated\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"aikPubHash\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"tpmVersion\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"secureBootEnabled\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"bootDebuggingDisabled\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"notSafeMode\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"notWinPE\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"vbsEnabled\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"iommuEnabled\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "    c:[type==\"trueboot.finding\", issuer==\"AttestationService\"] => issue(claim=c);\n"
    "};\n";

/* attestation-service.md 8.8. The original's exact text of AzureGuest is not known, its rules are. */
static const char azure_guest[] = "version= 1.0;\n"
                                  "authorizationrules\n"
                                  "{\n"
                                  "    [type==\"x-ms-azurevm-default-securebootkeysvalidated\", value==false] => deny();\n"
                                  "    [type==\"x-ms-azurevm-debuggersdisabled\", value==false] => deny();\n"
                                  "    [type==\"secureboot\", value==false] => deny();\n"
                                  "    [type==\"x-ms-azurevm-signingdisabled\", value==false] => deny();\n"
                                  "    [type==\"x-ms-azurevm-dbvalidated\", value==false] => deny();\n"
                                  "    [type==\"x-ms-azurevm-dbxvalidated\", value==false] => deny();\n"
                                  "    => permit();\n"
                                  "};\n"
                                  "issuancerules\n"
                                  "{\n"
                                  "};\n";

static const char enclave[] = "version= 1.0;\n"
                              "authorizationrules\n"
                              "{\n"
                              "    c:[type==\"$is-debuggable\"] => permit();\n"
                              "};\n"
                              "issuancerules\n"
                              "{\n"
                              "    c:[type==\"$is-debuggable\"] => issue(type=\"is-debuggable\", value=c.value);\n"
                              "    c:[type==\"$sgx-mrsigner\"] => issue(type=\"sgx-mrsigner\", value=c.value);\n"
                              "    c:[type==\"$sgx-mrenclave\"] => issue(type=\"sgx-mrenclave\", value=c.value);\n"
                              "    c:[type==\"$product-id\"] => issue(type=\"product-id\", value=c.value);\n"
                              "    c:[type==\"$svn\"] => issue(type=\"svn\", value=c.value);\n"
                              "    c:[type==\"$tee\"] => issue(type=\"tee\", value=c.value);\n"
                              "};\n";

static const char permit[] = "version= 1.0;authorizationrules{=> permit();};issuancerules{};";

/* Never the empty JWS of the original: it makes the widest-spread client fail (4.3). */
static const char nothing[] = "version=1.0; authorizationrules{}; issuancerules{};";

const char *provider_default_policy(enum provider_type type, bool shared)
{
    static const char *const texts[] = {
        [PROVIDER_TPM] = nothing,          [PROVIDER_AZURE_GUEST] = azure_guest, [PROVIDER_SGX_ENCLAVE] = enclave,
        [PROVIDER_OPEN_ENCLAVE] = enclave, [PROVIDER_SEV_SNP_VM] = permit,       [PROVIDER_TDX_VM] = permit
    };

    return shared && type == PROVIDER_TPM ? attestation_builtin_policy : texts[type];
}
