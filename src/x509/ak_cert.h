/* x509/ak_cert.h: what a certificate of an attestation key must look like.
 *
 * Rules: attestation-service.md 6.5 step 4 (EKU 2.23.133.8.3 when EKUs exist), guest-agent.md 2.2. */
#pragma once
#include "base/uuid.h"
#include "x509/cert.h"

/* A leaf (not CA), EKU 2.23.133.8.3 when it has EKUs, digitalSignature when it has key usages, a key that can sign. */
MUST_CHECK bool ak_cert_check(const struct cert *cert, struct err *err);
/* The same for AzureGuest evidence (attestation-service.md 7.4, which asks for no EKU): real ones carry a vendor's own usage
 * (1.3.6.1.4.1.311.10.3.12) instead. Certificates for TLS, endorsement keys or platforms only are still refused. */
MUST_CHECK bool ak_cert_check_cloud(const struct cert *cert, struct err *err);
/* That of an initial attestation key (IAK): the same, and its issuer has verified that the key is restricted and cannot leave its TPM (certificate policy
 * 2.23.133.11.1.3). Whoever evaluates what a key signed as a TPM's own words has to look for that (TCG, TPM 2.0 Keys for Device Identity and Attestation
 * 1.00, 8.2): the certificate of an IDevID, whose key signs anything, differs in nothing else. */
MUST_CHECK bool iak_cert_check(const struct cert *cert, struct err *err);
/* The VM that our own CA put into the subject: CN is a UUID. ERR_NOT_FOUND for other people's AK certificates. */
MUST_CHECK bool ak_cert_vm_uuid(const struct cert *cert, char ret[static UUID_TEXT_LEN], struct err *err);
/* A certificate of ours may count for one attestation provider alone: who enrolled by an endorsement root of that provider's. The view is the
 * provider's name; BYTES_NONE: it counts everywhere. */
#define AK_CERT_PROVIDER_URI "urn:trueboot:provider:"
struct bytes ak_cert_provider(const struct cert *cert);
/* The endorsement certificate that it rests on was pinned, not vouched for by a CA (attack-suite.md I6). */
#define AK_CERT_EK_PINNED_URI "urn:trueboot:ek:pinned"
bool ak_cert_ek_is_pinned(const struct cert *cert);
/* It rests on no endorsement certificate, but on that of an initial attestation key; the URI above says of that whether it was pinned. */
#define AK_CERT_IAK_URI "urn:trueboot:iak"
bool ak_cert_is_by_iak(const struct cert *cert);
/* A platform's stand-in until the real one is there: issuer CN "MICROSOFT AZURE TRUSTED VM RSA…" (guest-agent.md 2.2). */
bool ak_cert_is_placeholder(const struct cert *cert);
