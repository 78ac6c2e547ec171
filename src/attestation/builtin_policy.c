#include <stdio.h>
#include "attestation/service.h"
#include "base/base64.h"

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

bool attestation_set_policy(struct attestation_service *service, struct arena *a, const char *text, struct err *err)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    struct digest hash;
    const char *encoded;

    if (!policy_parse(a, bytes_of_string(text), &service->policy, &error))
        return err_set(err, error.err.code, "%s", error.err.text);
    digest_compute(DIGEST_SHA256, policy_hash_input(service->policy), &hash);
    encoded = base64_in(a, BASE64_URL, digest_bytes(&hash));
    if (!encoded)
        return err_set(err, ERR_NO_MEMORY, "no memory for a policy");
    snprintf(service->policy_hash, sizeof service->policy_hash, "%s", encoded);
    return true;
}
