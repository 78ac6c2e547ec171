/* attestation/protocol/azureguest_message.h: the evidence of POST /attest/AzureGuest, read: claimed, not believed (attestation-service.md 7.2).
 *
 * Tolerant where the clients in the field differ (guest-agent.md 3.2, 3.3): padding after AikCert, bytes after a TPM2B, versions
 * written as text, a null or missing ClientPayload, either alphabet of base64, letters of member names in either case. Strict in all
 * else; errors name the member. Everything lives in the arena or in the JSON text, which must outlive it. */
#pragma once
#include "appraise/evidence.h"
#include "tpm/public.h"

enum { AZUREGUEST_TEXT_MAX = 256 /* bytes of OSType, OSDistro, OSBuild, decoded */ };

enum azureguest_isolation { AZUREGUEST_TRUSTED_LAUNCH, AZUREGUEST_OTHER_ISOLATION };

struct azureguest_message {
    struct bytes protocol_version; /* "1.0" or "2.0" */
    enum azureguest_isolation isolation;
    struct bytes isolation_type;       /* as sent; "TrustedLaunch" when absent */
    const struct json *client_payload; /* object of strings, to be echoed as it is; NULL when there is none */

    /* What the client says about itself; nothing proves it. */
    bool is_windows;
    struct bytes os_type, os_distro, os_build; /* UTF-8 */
    int64_t os_major, os_minor;

    struct evidence evidence;  /* one log, the SHA-256 bank, the quote and its raw signature; raw: the decoded JSON */
    struct tpm_public ak;      /* AikPub */
    struct bytes aik_cert;     /* DER without padding; empty when none came */
    uint32_t pcr_set;          /* PcrSet: bit i is register i */
    struct tpm_public enc_key; /* EncKeyPub */
    struct bytes certify_info; /* EncKeyCertifyInfo: TPMS_ATTEST */
    struct bytes certify_signature;
};

/* azureguest_text_read takes the body and gives the decoded JSON text of AttestationInfo. */
MUST_CHECK bool azureguest_text_read(struct arena *a, const struct json *body, struct bytes *ret, struct err *err);
/* azureguest_message_read reads that text. */
MUST_CHECK bool azureguest_message_read(struct arena *a, struct bytes text, struct azureguest_message *ret, struct err *err);
