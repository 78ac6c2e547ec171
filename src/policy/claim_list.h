/* policy/claim_list.h: every claim that the service makes about evidence, once (attestation-service.md 9, 10).
 *
 * Who makes a claim (appraise/claims.c, attestation/protocol/azureguest_claims.c, …) says which row it is; lint knows names and types from here;
 * `trueboot evidence claims` explains by it; docs/claims.md shows it, and a test compares the two.
 *
 * X(id, name, evidence, type, marks, ground, argument, rests on)
 *   evidence  TPM or AZUREGUEST
 *   type      BOOLEAN, INTEGER, STRING; JSON: a string that holds JSON text. In tokens of type AzureGuest also INTEGERS, an array (one claim
 *             for each element in a policy), and OBJECT (for a policy a string with its text)
 *   marks     PLAIN, or: SINCE_1_2 hidden from older policies, READ_ONLY may be tested but not issued, REPEATED there can be several
 *   ground    what proves it, for explaining:
 *               CERTIFICATE, QUOTE (argument: which part), LOG the events that a digest proves, BOOT_QUOTE, BOOT_LOG the same of
 *               boot_attestation, VARIABLE a UEFI variable in register 7 (its name), SIPA Windows' records (the member of windows_facts),
 *               COMMAND_LINE, FINDINGS, REQUEST the keys of the request, NOTHING what no evidence can prove, ELSEWHERE explained by its row alone
 *   rests on  Markdown */
#pragma once
#include "policy/policy.h"

/* clang-format off */
#define CLAIM_LIST(X) \
    X(AIK_VALIDATED,           "aikValidated",          TPM, BOOLEAN, PLAIN, CERTIFICATE, "", \
      "the certificate of the attestation key chains to the provider's AK roots, at the time of the appraisal") \
    X(AIK_PUB_HASH,            "aikPubHash",            TPM, STRING, PLAIN, QUOTE, "signature", \
      "SHA-256 (base64) of the SubjectPublicKeyInfo of the key that the quote's signature verifies with") \
    X(TPM_VERSION,             "tpmVersion",            TPM, INTEGER, PLAIN, QUOTE, "magic", \
      "2: the quote is a structure of TPM 2.0") \
    X(SECURE_BOOT_ENABLED,     "secureBootEnabled",     TPM, BOOLEAN, PLAIN, VARIABLE, "SecureBoot", \
      "register 7: the variable `SecureBoot` is measured exactly once, before the separator, with the value 1; else false") \
    X(BOOT_DEBUGGING_DISABLED, "bootDebuggingDisabled", TPM, BOOLEAN, PLAIN, SIPA, "boot_debugging", \
      "every `SIPAEVENT_BOOTDEBUGGING` in registers 11 to 14, 19 and 20 is false, and there is one; else false") \
    X(NOT_SAFE_MODE,           "notSafeMode",           TPM, BOOLEAN, PLAIN, SIPA, "safe_mode", \
      "no `SIPAEVENT_SAFEMODE` in these registers is true; false without a log") \
    X(NOT_WINPE,               "notWinPE",              TPM, BOOLEAN, PLAIN, SIPA, "winpe", \
      "no `SIPAEVENT_WINPE` in these registers is true; false without a log") \
    X(VBS_ENABLED,             "vbsEnabled",            TPM, BOOLEAN, PLAIN, SIPA, "vbs_required", \
      "every `SIPAEVENT_VBS_VSM_REQUIRED` and `SIPAEVENT_VBS_MANDATORY_ENFORCEMENT` in these registers is true, and there is one; else false") \
    X(IOMMU_ENABLED,           "iommuEnabled",          TPM, BOOLEAN, PLAIN, SIPA, "iommu_required", \
      "every `SIPAEVENT_VBS_IOMMU_REQUIRED` in these registers is true, and there is one; else false") \
    X(VBS_REPORT_PRESENT,      "vbsReportPresent",      TPM, BOOLEAN, PLAIN, NOTHING, "", \
      "false: reports of enclaves are refused") \
    X(VSM_REPORT_PRESENT,      "vsmReportPresent",      TPM, BOOLEAN, PLAIN, NOTHING, "", \
      "false, as `vbsReportPresent`; a published sample writes the name so") \
    X(PCRS,                    "pcrs",                  TPM, JSON, SINCE_1_2 | READ_ONLY, QUOTE, "pcrDigest", \
      "the quoted register values, as b64u (`Digests`) and hex (`HexDigests`)") \
    X(EVENTS,                  "events",                TPM, JSON, SINCE_1_2, LOG, "", \
      "the log of `current_attestation` and the beginning of the IMA list that register 10 proves: below") \
    X(BOOT_EVENTS,             "bootEvents",            TPM, JSON, SINCE_1_2, BOOT_LOG, "", \
      "the log of `boot_attestation`: same key, same TPM reset, a clock not later; absent without it") \
    X(BOOT_PCRS,               "bootPcrs",              TPM, JSON, SINCE_1_2 | READ_ONLY, BOOT_QUOTE, "", \
      "the register values that `boot_attestation` quotes; absent without it") \
    X(TPM_REQUEST_KEY,         "x-ms-tpm-request-key",  TPM, JSON, SINCE_1_2, REQUEST, "", \
      "the key that signed the request, as a policy key object; bound by the quote's qualifying data, or certified by the attestation key over the challenge") \
    X(TPM_OTHER_KEYS,          "x-ms-tpm-other-keys",   TPM, JSON, SINCE_1_2, REQUEST, "", \
      "further keys of the request, certified likewise; one with an empty `info` is not bound; absent without any") \
    X(FINDING,                 "trueboot.finding",      TPM, STRING, REPEATED, FINDINGS, "", \
      "the findings of this appraisal, a claim for each: their ids") \
    X(WORST_FINDING,           "trueboot.worstFinding", TPM, STRING, PLAIN, FINDINGS, "", \
      "the severity of the worst of them; `none` without any") \
    X(COMMAND_LINE,            "trueboot.commandLine",  TPM, STRING, PLAIN, COMMAND_LINE, "", \
      "register 8 (GRUB), 9, 11 or 12 (EFI stub, systemd): text that hashes to its digest; absent without one") \
    X(AZ_ATTESTATION_TYPE,     "x-ms-attestation-type", AZUREGUEST, STRING, PLAIN, ELSEWHERE, "", \
      "`azurevm`: the request went to `/attest/AzureGuest`") \
    X(AZ_VER,                  "x-ms-ver",              AZUREGUEST, STRING, PLAIN, ELSEWHERE, "", \
      "`1.0`") \
    X(AZ_POLICY_HASH,          "x-ms-policy-hash",      AZUREGUEST, STRING, PLAIN, ELSEWHERE, "", \
      "SHA-256 (b64u) of the policy in force, as it was submitted") \
    X(AZ_SECURE_BOOT,          "secureboot",            AZUREGUEST, BOOLEAN, PLAIN, VARIABLE, "SecureBoot", \
      "as `secureBootEnabled` above") \
    X(AZ_KEYS_VALIDATED,       "x-ms-azurevm-default-securebootkeysvalidated", AZUREGUEST, BOOLEAN, PLAIN, ELSEWHERE, "", \
      "register 7: measured `PK` and `KEK` are not empty, every entry a certificate that the reference data, or the built-in list of well-known ones, knows") \
    X(AZ_DB_VALIDATED,         "x-ms-azurevm-dbvalidated", AZUREGUEST, BOOLEAN, PLAIN, ELSEWHERE, "", \
      "register 7: the same for `db`") \
    X(AZ_DBX_VALIDATED,        "x-ms-azurevm-dbxvalidated", AZUREGUEST, BOOLEAN, PLAIN, ELSEWHERE, "", \
      "register 7: measured `dbx` holds every revocation of the reference data; without reference data, those of July 2020: published updates are cumulative, so that one or a later one is installed") \
    X(AZ_PROTOCOL_VERSION,     "x-ms-azurevm-attestation-protocol-ver", AZUREGUEST, STRING, PLAIN, NOTHING, "", \
      "the client's own word: `AttestationProtocolVersion`") \
    X(AZ_ATTESTED_PCRS,        "x-ms-azurevm-attested-pcrs", AZUREGUEST, INTEGERS, REPEATED, QUOTE, "pcrSelect", \
      "the quote's selection, which `PcrSet` repeats") \
    X(AZ_IS_WINDOWS,           "x-ms-azurevm-is-windows", AZUREGUEST, BOOLEAN, PLAIN, NOTHING, "", \
      "the client's own word: `OSType`") \
    X(AZ_OS_TYPE,              "x-ms-azurevm-ostype",   AZUREGUEST, STRING, PLAIN, NOTHING, "", \
      "the client's own word: `OSType`") \
    X(AZ_OS_DISTRO,            "x-ms-azurevm-osdistro", AZUREGUEST, STRING, PLAIN, NOTHING, "", \
      "the client's own word: `OSDistro`") \
    X(AZ_OS_BUILD,             "x-ms-azurevm-osbuild",  AZUREGUEST, STRING, PLAIN, NOTHING, "", \
      "the client's own word: `OSBuild`") \
    X(AZ_OS_MAJOR,             "x-ms-azurevm-osversion-major", AZUREGUEST, INTEGER, PLAIN, NOTHING, "", \
      "the client's own word: `OSVersionMajor`") \
    X(AZ_OS_MINOR,             "x-ms-azurevm-osversion-minor", AZUREGUEST, INTEGER, PLAIN, NOTHING, "", \
      "the client's own word: `OSVersionMinor`") \
    X(AZ_VM_ID,                "x-ms-azurevm-vmid",     AZUREGUEST, STRING, PLAIN, ELSEWHERE, "", \
      "register 6: `EV_COMPACT_HASH` \"UUID: …\" before the separator; absent without it") \
    X(AZ_BOOT_DEBUG,           "x-ms-azurevm-bootdebug-enabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "boot_debugging", \
      "some `SIPAEVENT_BOOTDEBUGGING` is true") \
    X(AZ_KERNEL_DEBUG,         "x-ms-azurevm-kerneldebug-enabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "kernel_debugging", \
      "some `SIPAEVENT_OSKERNELDEBUG` is true") \
    X(AZ_HYPERVISOR_DEBUG,     "x-ms-azurevm-hypervisordebug-enabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "hypervisor_debug", \
      "some `SIPAEVENT_HYPERVISOR_DEBUG` is true") \
    X(AZ_DEBUGGERS_DISABLED,   "x-ms-azurevm-debuggersdisabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "boot_debugging", \
      "none of the three above is true; on Windows boot and kernel debugging must also be denied, by every record, and there is one of each") \
    X(AZ_TEST_SIGNING,         "x-ms-azurevm-testsigning-enabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "test_signing", \
      "some `SIPAEVENT_TESTSIGNING` is true") \
    X(AZ_FLIGHT_SIGNING,       "x-ms-azurevm-flightsigning-enabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "flight_signing", \
      "some `SIPAEVENT_FLIGHTSIGNING` is true") \
    X(AZ_SIGNING_DISABLED,     "x-ms-azurevm-signingdisabled", AZUREGUEST, BOOLEAN, PLAIN, SIPA, "test_signing", \
      "neither of the two is true; on Windows test signing must also be denied, by every record, and there is one") \
    X(AZ_HVCI_POLICY,          "x-ms-azurevm-hvci-policy", AZUREGUEST, INTEGER, PLAIN, SIPA, "hvci", \
      "the weakest `SIPAEVENT_VBS_HVCI_POLICY` of registers 12 and 13; 0 without one") \
    X(AZ_ELAM,                 "x-ms-azurevm-elam-enabled", AZUREGUEST, BOOLEAN, PLAIN, ELSEWHERE, "", \
      "an ELAM aggregate in register 12") \
    X(AZ_EXTRA_DATA,           "x-ms-azurevm-quote-extradata", AZUREGUEST, STRING, PLAIN, QUOTE, "extraData", \
      "the quote's qualifying data (b64u); absent when it is empty") \
    X(AZ_RUNTIME,              "x-ms-runtime",          AZUREGUEST, OBJECT, PLAIN, ELSEWHERE, "", \
      "`keys`: the sealing key of the request, certified by the attestation key and usable only in the quoted state; `client-payload`: the client's own words")
/* clang-format on */

enum claim_id {
#define X(id, ...) CLAIM_##id,
    CLAIM_LIST(X)
#undef X
        CLAIM_COUNT
};

enum claim_evidence { CLAIM_EVIDENCE_TPM, CLAIM_EVIDENCE_AZUREGUEST };

enum claim_type { CLAIM_TYPE_BOOLEAN, CLAIM_TYPE_INTEGER, CLAIM_TYPE_STRING, CLAIM_TYPE_JSON, CLAIM_TYPE_INTEGERS, CLAIM_TYPE_OBJECT };

enum claim_mark { CLAIM_PLAIN = 0, CLAIM_SINCE_1_2 = 1, CLAIM_READ_ONLY = 2, CLAIM_REPEATED = 4 };

enum claim_ground {
    CLAIM_GROUND_CERTIFICATE,
    CLAIM_GROUND_QUOTE,
    CLAIM_GROUND_LOG,
    CLAIM_GROUND_BOOT_QUOTE,
    CLAIM_GROUND_BOOT_LOG,
    CLAIM_GROUND_VARIABLE,
    CLAIM_GROUND_SIPA,
    CLAIM_GROUND_COMMAND_LINE,
    CLAIM_GROUND_FINDINGS,
    CLAIM_GROUND_REQUEST,
    CLAIM_GROUND_NOTHING,
    CLAIM_GROUND_ELSEWHERE,
};

struct service_claim {
    const char *name;
    enum claim_evidence evidence;
    enum claim_type type;
    unsigned marks; /* of enum claim_mark */
    enum claim_ground ground;
    const char *argument, *rests_on;
};

extern const struct service_claim service_claims[CLAIM_COUNT];

/* NULL: the service makes no such claim. */
const struct service_claim *service_claim_find(struct bytes name);
/* Of its value in a policy. */
enum policy_value_type service_claim_value_type(const struct service_claim *claim);
/* As people read it: "String (JSON), read-only, policies 1.2". NULL: no memory. */
MUST_CHECK char *service_claim_type_text(struct arena *a, const struct service_claim *claim);

/* A claim of that row, for policies; the value has the row's type. All borrow. */
struct policy_claim service_claim_boolean(enum claim_id id, bool value);
struct policy_claim service_claim_integer(enum claim_id id, int64_t value);
struct policy_claim service_claim_string(enum claim_id id, struct bytes value);
