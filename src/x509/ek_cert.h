/* x509/ek_cert.h: what an endorsement certificate must look like, and which VM it names.
 *
 * Rules: TCG EK Credential Profile 2.5, 3.2; the shape swtpm_localca makes (guest-agent.md 2.2): subject CN "name:UUID", a
 * directoryName with the TPM's manufacturer, model and version, critical or not. */
#pragma once
#include "base/limits.h"
#include "base/uuid.h"
#include "x509/cert.h"

struct ek_identity {
    char vm_name[LIMIT_NAME_BYTES + 1]; /* "" when the subject names none */
    char vm_uuid[UUID_TEXT_LEN];        /* lower case; "" when there is none */
    /* Views into the certificate: 2.23.133.2.1, .2, .3, e.g. "id:00001014" */
    struct bytes tpm_manufacturer, tpm_model, tpm_version;
};

/* ek_cert_check: a leaf (not CA) with EKU 2.23.133.8.1, TPM attributes in its alternative names, a key for encryption and a key that we
 * can make credentials for. ERR_UNTRUSTED says what is missing. Signature and dates are chain_verify's, which calls this. */
MUST_CHECK bool ek_cert_check(const struct cert *cert, struct err *err);
/* ek_cert_identity reads the subject: CN "name:UUID", a bare UUID, or a name. Control characters, invalid UTF-8 and names longer than
 * LIMIT_NAME_BYTES are ERR_MALFORMED; no CN at all gives two empty strings. */
MUST_CHECK bool ek_cert_identity(const struct cert *cert, struct ek_identity *ret, struct err *err);
